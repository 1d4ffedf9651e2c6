//! `observer doctor`, as a user calls it, with and without privileges.

use std::os::unix::process::CommandExt as _;
use std::process::{Command, Output};

use serde_json::Value;

fn doctor() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_observer"));
    command.args(["doctor", "--format", "json"]);
    command
}

fn checks(output: &Output) -> Vec<Value> {
    serde_json::from_slice(&output.stdout).unwrap()
}

fn status<'v>(checks: &'v [Value], name: &str) -> &'v str {
    let check = checks.iter().find(|check| check["check"] == name);
    check.unwrap_or_else(|| panic!("no check `{name}`"))["status"]
        .as_str()
        .unwrap()
}

#[test]
fn the_exit_code_says_whether_a_check_failed() {
    let output = doctor().output().unwrap();
    let failed = checks(&output)
        .iter()
        .any(|check| check["status"] == "fail");
    assert_eq!(output.status.code(), Some(i32::from(failed)));
    assert!(output.stderr.is_empty());
}

#[test]
fn whatever_is_not_ok_comes_with_advice() {
    let output = doctor().output().unwrap();
    for check in checks(&output) {
        assert_eq!(
            check["advice"].is_null(),
            check["status"] == "ok",
            "{check}"
        );
        assert!(!check["found"].as_str().unwrap().is_empty(), "{check}");
    }
}

#[test]
fn an_observer_without_kernel_programs_says_which_command_makes_them() {
    let output = doctor().output().unwrap();
    let checks = checks(&output);
    let check = checks
        .iter()
        .find(|check| check["check"] == "kernel programs")
        .unwrap();
    match observer::attach::Kernel::object() {
        Some(_) => assert_eq!(check["status"], "ok"),
        None => assert!(
            check["advice"]
                .as_str()
                .unwrap()
                .contains("cargo xtask build")
        ),
    }
}

#[test]
fn a_user_without_capabilities_is_told_which_are_missing() {
    let mut command = doctor();
    if rustix::process::geteuid().is_root() {
        command.uid(65_534).gid(65_534);
    }
    let Ok(output) = command.output() else {
        eprintln!("skipped: an unprivileged user may not run this binary where it is");
        return;
    };
    let checks = checks(&output);
    assert_eq!(output.status.code(), Some(1));
    for name in ["CAP_BPF", "CAP_PERFMON", "BPF programs"] {
        assert_eq!(status(&checks, name), "fail", "{name}");
    }
    assert_eq!(status(&checks, "CAP_SYS_PTRACE"), "warn");
    assert_eq!(status(&checks, "uprobe_multi links"), "warn");
}

#[test]
fn the_table_has_a_line_per_check() {
    let json = checks(&doctor().output().unwrap());
    let output = Command::new(env!("CARGO_BIN_EXE_observer"))
        .arg("doctor")
        .output()
        .unwrap();
    let table = String::from_utf8(output.stdout).unwrap();
    assert_eq!(table.lines().count(), json.len() + 1, "{table}");
    assert!(table.starts_with("STATUS"));
}
