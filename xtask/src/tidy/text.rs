//! Rules about the text itself: length, header, words that must not be checked in.

use super::Finding;
use super::files::SourceFile;

/// No file is longer.
const MOST_LINES: usize = 600;

/// Words, with the reason why they must not be there. Split, so that this file passes.
const FORBIDDEN: [(&str, &str); 5] = [
    (concat!("todo", "!("), "unfinished work"),
    (concat!("unimple", "mented!("), "unfinished work"),
    (concat!("db", "g!("), "left over from debugging"),
    (concat!("FIX", "ME"), "unfinished work"),
    (concat!("TO", "DO"), "unfinished work"),
];
/// Folders in the root of a file system that only some machine has.
const MACHINE_PATHS: [&str; 2] = [concat!("/wo", "rk/"), concat!("/tm", "p/w/")];

/// A Rust file has at most 600 lines: one concept a file.
pub fn not_too_long(file: &SourceFile) -> Vec<Finding> {
    let lines = file.text.lines().count();
    if !file.is_rust() || lines <= MOST_LINES {
        return Vec::new();
    }
    vec![Finding::new(
        file,
        lines,
        format!("{lines} lines; at most {MOST_LINES}"),
    )]
}

/// A Rust file opens with `//!`: what it is, who calls it, what it never does.
pub fn opens_with_a_header(file: &SourceFile) -> Vec<Finding> {
    if !file.is_rust() || file.text.starts_with("//!") {
        return Vec::new();
    }
    vec![Finding::new(file, 1, "does not open with a `//!` header")]
}

/// No unfinished work and no path of one machine is checked in.
pub fn no_forbidden_words(file: &SourceFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        // An example in the docs may leave out what it is not about.
        let is_comment = line.trim_start().starts_with("//");
        for (word, reason) in FORBIDDEN {
            if line.contains(word) && !(is_comment && word.ends_with("!(")) {
                findings.push(Finding::new(file, index + 1, format!("`{word}`: {reason}")));
            }
        }
        for path in MACHINE_PATHS
            .iter()
            .filter(|path| names_root_folder(line, path))
        {
            findings.push(Finding::new(
                file,
                index + 1,
                format!("`{path}`: a path of one machine"),
            ));
        }
    }
    findings
}

/// Whether `line` has `path` as an absolute path, not as the end of a relative one.
fn names_root_folder(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|character| !character.is_alphanumeric() && !"._-}/)".contains(character))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> SourceFile {
        SourceFile {
            path: "runtime/src/x.rs".to_owned(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn a_file_needs_a_header() {
        assert!(opens_with_a_header(&file("//! What it is.\n")).is_empty());
        assert_eq!(opens_with_a_header(&file("use std::fmt;\n")).len(), 1);
    }

    #[test]
    fn a_file_may_have_600_lines_and_no_more() {
        assert!(not_too_long(&file(&"x\n".repeat(600))).is_empty());
        assert_eq!(not_too_long(&file(&"x\n".repeat(601))).len(), 1);
    }

    #[test]
    fn unfinished_work_and_machine_paths_are_found() {
        let word = FORBIDDEN[0].0;
        assert_eq!(
            no_forbidden_words(&file(&format!("fn f() {{ {word}) }}"))).len(),
            1
        );
        assert!(no_forbidden_words(&file(&format!("//! # fn f() {{ {word}) }}"))).is_empty());
        let path = MACHINE_PATHS[0];
        assert_eq!(
            no_forbidden_words(&file(&format!("see `{path}main`"))).len(),
            1
        );
        assert!(no_forbidden_words(&file(&format!("see runtime{path}main"))).is_empty());
    }
}
