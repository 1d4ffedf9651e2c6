//! `observer list` shows what a process itself says, beside a running observer or without.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::harness::{Observer, Target, WITHOUT_RIGHTS, require};

/// The line of a process in `list --format json`, and what was said on stderr.
fn listed(list: &mut Command, pid: u32) -> (Value, String) {
    let output = list
        .args(["list", "--format", "json"])
        .output()
        .expect("runs");
    let said = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(0), "{said}");
    let lines: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let mut lines = lines.as_array().expect("an array").iter();
    let line = lines.find(|line| line["pid"] == pid).expect("it is listed");
    (line.clone(), said)
}

fn observer() -> Command {
    Command::new(require("PARKWATCH_OBSERVER"))
}

#[test]
fn lists_the_schema_that_a_process_reports() {
    let target = Target::start(&[]);
    let (line, said) = listed(&mut observer(), target.pid());
    assert_eq!(line["schema"], 1, "{line} {said}");
    assert_eq!(line["unwinding"], "eh_frame", "{line}");
    assert!(!said.contains("schema"), "{said}");
    let _running = Observer::start(&[]);
    let (line, _) = listed(&mut observer(), target.pid());
    assert_eq!(line["schema"], 1, "beside a running observer: {line}");
}

#[test]
fn lists_without_schema_what_it_may_not_ask_and_says_why_on_one_line() {
    let program = require("PARKWATCH_TARGET");
    let mut arguments = WITHOUT_RIGHTS.to_vec();
    arguments.push(program.to_str().expect("a path"));
    let mut target = Target::start_copy(Path::new("setpriv"), &arguments);
    // An answer shows that it is the target by now.
    target.command("truth");
    let mut unprivileged = Command::new("setpriv");
    unprivileged
        .args(WITHOUT_RIGHTS)
        .arg(require("PARKWATCH_OBSERVER"));
    let (line, said) = listed(&mut unprivileged, target.pid());
    assert_eq!(line["schema"], Value::Null, "{line}");
    let about: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("schema"))
        .collect();
    assert_eq!(about.len(), 1, "{said}");
    assert!(about[0].contains("observer doctor"), "{said}");
}
