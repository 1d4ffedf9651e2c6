//! What may stand in few places only: libc, atomics, system calls.

use super::Finding;
use super::files::SourceFile;

/// The file behind which the runtime's atomics are std's or loom's.
const FACADE: &str = "runtime/src/primitive.rs";
/// The file in which tests provoke what the runtime avoids.
const TRIALS: &str = "runtime/src/sys/trial.rs";

/// libc is called from folders named `sys` only, in the libraries and the observer.
pub fn libc_only_in_sys(file: &SourceFile) -> Vec<Finding> {
    let concerned = ["runtime/src/", "observer/src/"]
        .iter()
        .any(|prefix| file.path.starts_with(prefix));
    if !concerned || !file.is_rust() || file.path.contains("/sys/") {
        return Vec::new();
    }
    lines_where(
        file,
        |line| names_crate(line, "libc"),
        "libc outside of a `sys` folder",
    )
}

/// The runtime reaches atomics through the loom facade.
pub fn atomics_only_behind_the_facade(file: &SourceFile) -> Vec<Finding> {
    if !file.path.starts_with("runtime/src/") || file.path == FACADE || !file.is_rust() {
        return Vec::new();
    }
    let named =
        |line: &str| line.contains("std::sync::atomic") || line.contains("core::sync::atomic");
    lines_where(
        file,
        named,
        "std's atomics: use `crate::primitive`, so that loom sees them",
    )
}

/// The runtime makes no system call that does not pass through a function: on a task's stack the
/// kernel would find the guard where a pushed return address would have opened the stack.
pub fn no_inline_system_calls(file: &SourceFile) -> Vec<Finding> {
    if file.path == "runtime/Cargo.toml" {
        let bare = |line: &str| line.starts_with("rustix") && !line.contains("use-libc");
        return lines_where(
            file,
            bare,
            "rustix without `use-libc` makes inline system calls",
        );
    }
    if !file.path.starts_with("runtime/src/") || !file.is_rust() || file.path == TRIALS {
        return Vec::new();
    }
    let inline = |line: &str| {
        let instruction =
            |name| line.starts_with(&format!("\"{name}")) || line.contains(&format!("!(\"{name}"));
        instruction("syscall")
            || instruction("svc")
            || instruction("sysenter")
            || instruction("int 0x80")
    };
    lines_where(
        file,
        inline,
        "an inline system call: call libc from a `sys` folder",
    )
}

fn lines_where(file: &SourceFile, broken: impl Fn(&str) -> bool, message: &str) -> Vec<Finding> {
    file.code_lines()
        .filter(|(_, line)| broken(line))
        .map(|(number, _)| Finding::new(file, number, message))
        .collect()
}

/// Whether `line` names the crate, as a path's first part or in `use`.
fn names_crate(line: &str, name: &str) -> bool {
    line.match_indices(name).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = &line[at + name.len()..];
        let starts = before
            .is_none_or(|character| !character.is_alphanumeric() && !"_:\"-`".contains(character));
        let path = after.starts_with("::") || (line.starts_with("use ") && after.starts_with(';'));
        starts && path
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> SourceFile {
        SourceFile {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn libc_is_found_outside_of_sys() {
        let text = "let pid = unsafe { libc::getpid() };\n// libc::fork\nuse libc;\nmylibc::x();";
        let found = libc_only_in_sys(&file("runtime/src/task/mod.rs", text));
        assert_eq!(
            found.iter().map(|finding| finding.line).collect::<Vec<_>>(),
            [1, 3]
        );
        assert!(libc_only_in_sys(&file("runtime/src/sys/mem.rs", text)).is_empty());
        assert!(libc_only_in_sys(&file("runtime/tests/stack.rs", text)).is_empty());
    }

    #[test]
    fn atomics_are_found_outside_of_the_facade() {
        let text = "use std::sync::atomic::AtomicU64;";
        assert_eq!(
            atomics_only_behind_the_facade(&file("runtime/src/probe.rs", text)).len(),
            1
        );
        assert!(atomics_only_behind_the_facade(&file(FACADE, text)).is_empty());
        assert!(atomics_only_behind_the_facade(&file("observer/src/main.rs", text)).is_empty());
    }

    #[test]
    fn inline_system_calls_are_found() {
        let text = "asm!(\"syscall\", in(\"rax\") 1);\n  \"svc 0\",\nlibc::syscall(1);";
        assert_eq!(
            no_inline_system_calls(&file("runtime/src/sys/mem.rs", text)).len(),
            2
        );
        let bare = "rustix = { version = \"1\" }";
        assert_eq!(
            no_inline_system_calls(&file("runtime/Cargo.toml", bare)).len(),
            1
        );
        let through = "rustix = { version = \"1\", features = [\"use-libc\"] }";
        assert!(no_inline_system_calls(&file("runtime/Cargo.toml", through)).is_empty());
    }
}
