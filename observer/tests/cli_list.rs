//! `observer list`, as a user calls it.

mod carrier;

use std::process::Command;

use carrier::{Running, build};
use serde_json::{Value, json};

fn list(format: &str) -> String {
    let observer = env!("CARGO_BIN_EXE_observer");
    let output = Command::new(observer)
        .args(["list", "--format", format])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_process_that_never_says_its_schema_is_listed_with_all_else_that_is_known() {
    let directory = tempfile::tempdir().unwrap();
    let program = build(directory.path(), "listed", &[]);
    let running = Running::start(&program, &[]);
    let list: Value = serde_json::from_str(&list("json")).unwrap();
    let own = |line: &&Value| line["pid"] == running.pid();
    let line = list
        .as_array()
        .unwrap()
        .iter()
        .find(own)
        .expect("it is in the list");
    let path = program.canonicalize().unwrap();
    assert_eq!(line["executable"], json!(path));
    assert_eq!(line["carriers"], json!([path]));
    assert_eq!(line["schema"], Value::Null);
    assert_eq!(line["unwinding"], "eh_frame");
    assert!(line["container"].is_null() || line["container"].is_string());
}

#[test]
fn the_table_has_a_line_per_process() {
    let directory = tempfile::tempdir().unwrap();
    let program = build(directory.path(), "listed", &["-Wl,--strip-all"]);
    let copies = [Running::start(&program, &[]), Running::start(&program, &[])];
    let table = list("text");
    assert!(table.starts_with("PID"), "{table}");
    for copy in &copies {
        let own = |line: &&str| line.split_whitespace().next() == Some(&copy.pid().to_string());
        let line = table.lines().find(own).expect("it is in the table");
        let cells: Vec<&str> = line.split_whitespace().collect();
        assert_eq!((cells[2], cells[4]), ("-", "eh_frame"), "{line}");
    }
}

#[test]
fn a_process_that_has_ended_is_not_listed() {
    let directory = tempfile::tempdir().unwrap();
    let program = build(directory.path(), "listed", &[]);
    let running = Running::start(&program, &[]);
    let path = program.canonicalize().unwrap();
    running.kill();
    assert!(!list("text").contains(path.to_str().unwrap()));
}
