//! What the built program says to somebody who is not root and has no sudo. It never gets as far
//! as building anything.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Mutex, PoisonError};

/// `nobody` on every distribution.
const NOBODY: u32 = 65_534;

#[test]
fn run_says_in_one_line_that_it_needs_root_before_it_builds_anything() {
    let output = as_nobody(&["run"]);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert_eq!(
        errors,
        "error: watching other processes needs root: run this as root, or install sudo\n"
    );
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "");
}

#[test]
fn named_benchmarks_that_attach_probes_are_refused_in_one_line() {
    let output = as_nobody(&["bench", "monitor"]);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.starts_with("error: "), "{errors}");
    assert!(errors.contains("need root"), "{errors}");
    assert_eq!(errors.lines().count(), 1, "{errors}");
}

/// Runs a copy of the program in a folder of its own, without a search path and so without sudo.
fn as_nobody(arguments: &[&str]) -> Output {
    // One at a time: a child that another test forks meanwhile inherits the copy while it is open
    // for writing, and a file that is open for writing cannot be executed.
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    open_to_all(folder.path());
    let program = folder.path().join("xtask");
    std::fs::copy(env!("CARGO_BIN_EXE_xtask"), &program).unwrap();
    open_to_all(&program);
    let mut command = Command::new(&program);
    command.args(arguments).current_dir("/").env_clear();
    command.env("PATH", folder.path());
    if rustix::process::geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command.output().unwrap()
}

fn open_to_all(path: &Path) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}
