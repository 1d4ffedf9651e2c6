//! A site's file name without what differs from machine to machine.

use std::borrow::Cow;

/// Cuts the prefixes that say where a machine keeps its sources, and not what they are.
///
/// | before | after |
/// |---|---|
/// | `/root/.cargo/registry/src/index-0f/tokio-1.2/src/lib.rs` | `tokio-1.2/src/lib.rs` |
/// | `/home/ann/.cargo/git/checkouts/may-3f/9a1/src/lib.rs` | `may-3f/9a1/src/lib.rs` |
/// | `/rustc/0f3a/library/std/src/thread.rs` | `library/std/src/thread.rs` |
/// | `…/lib/rustlib/src/rust/library/std/src/thread.rs` | `library/std/src/thread.rs` |
/// | `/home/ann/shop/src/main.rs` | `shop/src/main.rs` |
///
/// Control characters become `?`: the text comes from the target's memory.
#[must_use]
pub fn short_file_name(file: &str) -> Cow<'_, str> {
    let short = without_prefix(file);
    if short.chars().any(char::is_control) {
        return short.replace(char::is_control, "?").into();
    }
    short.into()
}

fn without_prefix(file: &str) -> &str {
    after_directory_in(file, "/registry/src/")
        .or_else(|| after(file, "/git/checkouts/"))
        .or_else(|| after(file, "/lib/rustlib/src/rust/"))
        .or_else(|| file.strip_prefix("/rustc/").and_then(after_first_part))
        .or_else(|| file.strip_prefix("/root/"))
        .or_else(|| file.strip_prefix("/home/").and_then(after_first_part))
        .or_else(|| file.strip_prefix("/Users/").and_then(after_first_part))
        .filter(|rest| !rest.is_empty())
        .unwrap_or(file)
}

fn after<'a>(file: &'a str, pattern: &str) -> Option<&'a str> {
    file.rfind(pattern)
        .map(|start| &file[start + pattern.len()..])
}

fn after_directory_in<'a>(file: &'a str, pattern: &str) -> Option<&'a str> {
    after(file, pattern).and_then(after_first_part)
}

fn after_first_part(path: &str) -> Option<&str> {
    path.split_once('/').map(|(_, rest)| rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_what_differs_between_machines() {
        for (file, short) in [
            (
                "/root/.cargo/registry/src/index-0f/tokio-1.2/src/lib.rs",
                "tokio-1.2/src/lib.rs",
            ),
            (
                "/usr/local/cargo/registry/src/x/a-1/src/b.rs",
                "a-1/src/b.rs",
            ),
            (
                "/home/ann/.cargo/git/checkouts/may-3f/9a1/src/lib.rs",
                "may-3f/9a1/src/lib.rs",
            ),
            (
                "/rustc/0f3a/library/std/src/thread.rs",
                "library/std/src/thread.rs",
            ),
            (
                "/r/lib/rustlib/src/rust/library/core/src/a.rs",
                "library/core/src/a.rs",
            ),
            ("/home/ann/shop/src/main.rs", "shop/src/main.rs"),
            ("/root/shop/src/main.rs", "shop/src/main.rs"),
        ] {
            assert_eq!(short_file_name(file), short);
        }
    }

    #[test]
    fn leaves_what_it_does_not_know() {
        for file in [
            "src/main.rs",
            "/srv/shop/src/main.rs",
            "",
            "/root/",
            "/home/ann",
            "/rustc/",
        ] {
            assert_eq!(short_file_name(file), file);
        }
    }

    #[test]
    fn control_characters_do_not_reach_a_label() {
        assert_eq!(short_file_name("a\nb\0c"), "a?b?c");
    }
}
