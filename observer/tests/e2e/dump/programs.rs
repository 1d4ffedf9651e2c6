//! One program built and stripped in different ways: its stacks are the same.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::{dump, groups, locked};
use crate::harness::require;

/// Tasks that wait for the mutex.
const WAITING: u32 = 3;

/// The group of the tasks that wait for the mutex.
fn waiting(program: &Path) -> Value {
    let target = locked(program, WAITING);
    let dump = dump(target.pid());
    let found = groups(&dump, "mutex");
    assert_eq!(found.len(), 1, "{dump:#}");
    assert_eq!(found[0]["count"], WAITING);
    found[0].clone()
}

fn frames(group: &Value) -> &[Value] {
    let frames = group["stack"]["frames"].as_array();
    frames.unwrap_or_else(|| panic!("no stack: {group:#}"))
}

/// Whether a frame that is shown is the line that takes the lock.
pub fn names_the_lock(group: &Value) -> bool {
    let shown = frames(group)
        .iter()
        .filter(|frame| frame["hidden"] == false);
    let mut files = shown.filter_map(|frame| frame["file"].as_str());
    files.any(|file| file.ends_with("examples/target/locks.rs"))
}

/// The addresses of a stack as the file states them, each once however much was inlined.
fn offsets(group: &Value) -> Vec<u64> {
    let offsets = frames(group).iter().map(|frame| frame["offset"].as_u64());
    let mut offsets: Vec<_> = offsets.map(|offset| offset.expect("a number")).collect();
    offsets.dedup();
    offsets
}

/// A copy of a program after `objcopy` with these arguments.
pub fn copied(program: &Path, folder: &Path, name: &str, arguments: &[&str]) -> PathBuf {
    let copy = folder.join(name);
    let status = Command::new("objcopy")
        .args(arguments)
        .args([program, &copy])
        .status()
        .expect("objcopy runs");
    assert!(status.success(), "{arguments:?}");
    copy
}

fn has_no_names(group: &Value) {
    for frame in frames(group) {
        assert_eq!(frame["function"], Value::Null, "{frame}");
        assert!(
            frame["module"]
                .as_str()
                .is_some_and(|module| !module.is_empty())
        );
    }
}

/// Position-independent, without frame pointers; and static at a fixed address, with them.
fn built() -> [PathBuf; 2] {
    [
        require("PARKWATCH_TARGET"),
        require("PARKWATCH_STATIC_TARGET"),
    ]
}

#[test]
fn a_program_is_named_and_a_stripped_one_has_the_same_offsets() {
    let folder = tempfile::tempdir().expect("a folder");
    for program in built() {
        let named = waiting(&program);
        assert!(names_the_lock(&named), "{}: {named:#}", program.display());
        let stripped = copied(&program, folder.path(), "stripped", &["--strip-all"]);
        let nameless = waiting(&stripped);
        has_no_names(&nameless);
        assert_eq!(offsets(&nameless), offsets(&named), "{}", program.display());
        let symbols = copied(&program, folder.path(), "symbols", &["--strip-debug"]);
        let by_symbols = waiting(&symbols);
        assert_eq!(offsets(&by_symbols), offsets(&named));
        let names = frames(&by_symbols)
            .iter()
            .filter_map(|frame| frame["function"].as_str());
        let names: Vec<_> = names.collect();
        let is_lock = |name: &&str| name.contains("RawMutex");
        assert!(names.iter().any(is_lock), "{names:?}");
    }
}

#[test]
fn frame_pointers_are_followed_where_there_is_no_eh_frame() {
    let folder = tempfile::tempdir().expect("a folder");
    // Not removed: the C library reads it when the program starts.
    let hidden = [
        "--rename-section=.eh_frame=.hidden",
        "--rename-section=.eh_frame_hdr=.hidden_hdr",
    ];
    let program = require("PARKWATCH_STATIC_TARGET");
    let by_pointers = waiting(&copied(&program, folder.path(), "pointers", &hidden));
    assert!(names_the_lock(&by_pointers), "{by_pointers:#}");
}

#[test]
fn names_come_from_a_separate_debug_file_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = require("PARKWATCH_TARGET");
    let debug = copied(
        &program,
        folder.path(),
        "target.debug",
        &["--only-keep-debug"],
    );
    let link = format!("--add-gnu-debuglink={}", debug.display());
    let linked = copied(&program, folder.path(), "target", &["--strip-all", &link]);
    let named = waiting(&linked);
    assert!(names_the_lock(&named), "{named:#}");
}
