//! Where a stuck task waits is part of its finding: of programs with frame pointers by these, of
//! others from a copy of the stack.

use std::path::Path;

use serde_json::Value;

use crate::dump::programs::copied;
use crate::harness::{Observer, Target, eventually, require};

/// What the finding about the tasks that wait for the target's mutex says of their stacks.
fn stack_of_the_stuck(program: &Path) -> Value {
    let mut target = Target::start_copy(program, &["--stall-period-ms", "1000"]);
    let pid = target.pid();
    let observer = Observer::start(&["--stuck-after", "2s", "--pid", &pid.to_string()]);
    target.command("lock");
    target.command("wait 3");
    let (stack, _) = eventually("a stack in the evidence", || {
        let findings: Value = serde_json::from_str(&observer.get("/findings")?).expect("JSON");
        let mut findings = findings.as_array().expect("an array").iter();
        let stuck = findings.find(|finding| finding["detector"] == "stuck");
        let evidence = stuck.map(|stuck| &stuck["evidence"]);
        let stack = evidence.and_then(|evidence| evidence.get("stack"));
        stack.cloned().ok_or_else(|| format!("{evidence:?}"))
    });
    stack
}

fn frames(stack: &Value) -> Vec<&str> {
    let frames = stack["frames"].as_array().expect("frames").iter();
    frames.filter_map(Value::as_str).collect()
}

/// Static, at a fixed address and with frame pointers; and position-independent, without.
fn built() -> [(std::path::PathBuf, &'static str); 2] {
    [
        (require("PARKWATCH_STATIC_TARGET"), "frame_pointers"),
        (require("PARKWATCH_TARGET"), "copy"),
    ]
}

#[test]
fn a_stuck_finding_names_the_function_that_waits() {
    for (program, walked_by) in built() {
        let stack = stack_of_the_stuck(&program);
        assert_eq!(stack["walked_by"], walked_by, "{stack:#}");
        let frames = frames(&stack);
        // What is below the first call into the runtime is left out.
        assert!(frames[0].starts_with("lock"), "{stack:#}");
        assert!(frames[1].contains("examples/target/locks.rs"), "{stack:#}");
    }
}

#[test]
fn of_a_stripped_program_a_stuck_finding_tells_offsets() {
    let folder = tempfile::tempdir().expect("a folder");
    for (program, walked_by) in built() {
        let stripped = copied(&program, folder.path(), "stripped", &["--strip-all"]);
        let stack = stack_of_the_stuck(&stripped);
        assert_eq!(stack["walked_by"], walked_by, "{stack:#}");
        let frames = frames(&stack);
        let is_offset = |frame: &&str| frame.contains("/stripped+0x");
        assert!(
            frames.len() > 2 && frames.iter().all(is_offset),
            "{stack:#}"
        );
    }
}
