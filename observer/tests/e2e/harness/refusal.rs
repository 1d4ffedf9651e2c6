//! What the observer says when it refuses: one line, and a code.

use std::process::Output;

/// Arguments of `setpriv` that leave a program no rights at all.
pub const WITHOUT_RIGHTS: [&str; 5] = [
    "--reuid",
    "65534",
    "--clear-groups",
    "--inh-caps=-all",
    "--bounding-set=-all",
];

/// Holds what a program left against the contract: this code, and one line on stderr with these words.
///
/// # Panics
///
/// If it is otherwise.
pub fn says_one_line(output: &Output, code: i32, words: &str) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert!(text.contains(words), "{words:?} is not in {text:?}");
    assert_eq!(text.trim_end().lines().count(), 1, "{text:?}");
}
