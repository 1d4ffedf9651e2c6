//! Processes come in every shape; each is shown once, right, and gone when it is gone.

use std::path::{Path, PathBuf};

use crate::harness::{Observer, Target, eventually, require, shows_live};

/// A folder for copies of the target, removed with the test.
fn folder() -> tempfile::TempDir {
    let near = require("PARKWATCH_TARGET");
    tempfile::tempdir_in(near.parent().expect("a folder")).expect("a folder")
}

fn copy(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::copy(require("PARKWATCH_TARGET"), &path).expect("copied");
    path
}

fn is_gone(observer: &Observer, pid: u32) {
    // The contract: within two scrapes of its end. The observer learns of the end by an
    // event, so the first scrapes may come before it; two after it must not.
    eventually("the series of an ended process are gone", || {
        if observer.scrape().names_process(pid) {
            Err(format!("{pid}"))
        } else {
            Ok(())
        }
    });
}

#[test]
fn shows_two_programs_started_before_and_after_it() {
    let folder = folder();
    let mut first = Target::start_copy(&copy(folder.path(), "first"), &[]);
    first.command("spawn 10 100");
    let observer = Observer::start(&[]);
    let mut second = Target::start_copy(&copy(folder.path(), "second"), &[]);
    second.command("spawn 5 77");
    shows_live(&observer, &mut first);
    shows_live(&observer, &mut second);
    let pid = first.pid().to_string();
    let named = observer.scrape().sum(
        "parkwatch_process_info",
        &[("pid", &pid), ("process", "first")],
    );
    assert_eq!(named, Some(1.0));
}

#[test]
fn shows_twenty_copies_of_one_program() {
    let observer = Observer::start(&[]);
    let mut targets: Vec<Target> = (0..20)
        .map(|_| Target::start(&["--workers", "1"]))
        .collect();
    for (number, target) in targets.iter_mut().enumerate() {
        target.command(&format!("spawn 3 {}", 10 + number));
    }
    for target in &mut targets {
        shows_live(&observer, target);
    }
    let pids: Vec<u32> = targets.iter().map(Target::pid).collect();
    drop(targets);
    for pid in pids {
        is_gone(&observer, pid);
    }
}

#[test]
fn counts_a_hard_link_once() {
    let folder = folder();
    let first = copy(folder.path(), "one");
    let second = folder.path().join("two");
    std::fs::hard_link(&first, &second).expect("linked");
    let mut a = Target::start_copy(&first, &[]);
    let observer = Observer::start(&[]);
    let mut b = Target::start_copy(&second, &[]);
    for target in [&mut a, &mut b] {
        target.command("spawn 10 1000");
        shows_live(&observer, target);
    }
}

#[test]
fn shows_a_program_whose_file_was_deleted_after_its_start() {
    let folder = folder();
    let path = copy(folder.path(), "deleted");
    let mut target = Target::start_copy(&path, &[]);
    std::fs::remove_file(&path).expect("deleted");
    target.command("spawn 10 100");
    let observer = Observer::start(&[]);
    shows_live(&observer, &mut target);
}

#[test]
fn forgets_a_program_that_executes_another_and_finds_the_other() {
    let folder = folder();
    let other = copy(folder.path(), "other");
    let observer = Observer::start(&[]);
    let mut target = Target::start(&[]);
    target.command("spawn 10 100");
    shows_live(&observer, &mut target);
    // The new program has the pid, the pipes and no task of the old one.
    target.execute(&other);
    target.command("spawn 2 7");
    shows_live(&observer, &mut target);
    let pid = target.pid().to_string();
    eventually("the new program's name", || {
        let scrape = observer.scrape();
        let new = scrape.sum(
            "parkwatch_process_info",
            &[("pid", &pid), ("process", "other")],
        );
        let all = scrape.sum("parkwatch_process_info", &[("pid", &pid)]);
        if (new, all) == (Some(1.0), Some(1.0)) {
            Ok(())
        } else {
            Err(format!("{new:?} {all:?}"))
        }
    });
}

#[test]
fn shows_no_tasks_of_a_child_that_forked_without_executing() {
    let observer = Observer::start(&[]);
    let mut target = Target::start(&[]);
    target.command("spawn 10 100");
    let child = target.command("fork")["pid"].as_u64().expect("pid");
    shows_live(&observer, &mut target);
    target.command("spawn 10 50");
    shows_live(&observer, &mut target);
    let child = child.to_string();
    let shown = observer
        .scrape()
        .sum("parkwatch_process_tasks_live", &[("pid", &child)]);
    assert!(
        shown.is_none_or(|tasks| tasks == 0.0),
        "{shown:?} tasks of the child"
    );
}

#[test]
fn forgets_a_program_that_was_killed() {
    let observer = Observer::start(&[]);
    let mut target = Target::start(&[]);
    target.command("spawn 10 100");
    shows_live(&observer, &mut target);
    let pid = target.pid();
    target.kill();
    is_gone(&observer, pid);
}

#[test]
fn sums_two_runtimes_of_one_process() {
    let observer = Observer::start(&[]);
    let mut target = Target::start(&[]);
    target.command("spawn 10 100");
    target.command("second_runtime 25");
    target.command("spawn 10 100");
    shows_live(&observer, &mut target);
}

#[test]
fn keeps_a_reused_pid_apart() {
    let observer = Observer::start(&[]);
    let mut first = Target::start(&[]);
    first.command("spawn 10 100");
    shows_live(&observer, &mut first);
    let pid = first.pid();
    first.kill();
    let Some(mut second) = start_with_pid(pid) else {
        panic!("the kernel did not give the pid again");
    };
    second.command("spawn 3 5");
    shows_live(&observer, &mut second);
    let label = pid.to_string();
    let spawned = observer
        .scrape()
        .sum("parkwatch_process_tasks_spawned_total", &[("pid", &label)]);
    let truth: f64 = second.truth("spawned").values().sum();
    assert_eq!(spawned, Some(truth + 1.0), "with the root task");
}

/// Starts a target under a pid that has just become free.
fn start_with_pid(pid: u32) -> Option<Target> {
    for _ in 0..50 {
        std::fs::write("/proc/sys/kernel/ns_last_pid", (pid - 1).to_string()).expect("root");
        let target = Target::start(&[]);
        if target.pid() == pid {
            return Some(target);
        }
    }
    None
}
