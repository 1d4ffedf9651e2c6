//! `observer dump` names what tasks wait for and where, of programs built in every way.

mod kinds;
pub mod programs;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::harness::{Observer, Target, eventually, require, semaphores, shows_live};

/// Runs `observer dump` with these arguments.
fn run(arguments: &[&str]) -> Output {
    Command::new(require("PARKWATCH_OBSERVER"))
        .arg("dump")
        .args(arguments)
        .output()
        .expect("observer runs")
}

/// What it prints on stdout; it must succeed.
fn printed(arguments: &[&str]) -> Vec<u8> {
    let output = run(arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {said}");
    assert_eq!(said, "", "{arguments:?}");
    output.stdout
}

/// A dump of a process as JSON.
fn dump(pid: u32) -> Value {
    let json = printed(&["--pid", &pid.to_string(), "--format", "json"]);
    serde_json::from_slice(&json).expect("JSON")
}

/// The groups of a dump with this reason.
fn groups<'a>(dump: &'a Value, reason: &str) -> Vec<&'a Value> {
    let groups = dump["groups"].as_array().expect("groups").iter();
    groups.filter(|group| group["reason"] == reason).collect()
}

fn says_one_line(output: &Output, code: i32, words: &str) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert!(text.contains(words), "{words:?} is not in {text:?}");
    assert_eq!(text.trim_end().lines().count(), 1, "{text:?}");
}

/// A target with tasks that wait for a mutex, and its holder, who waits for a message.
fn locked(program: &Path, waiting: u32) -> Target {
    let mut target = Target::start_copy(program, &[]);
    target.command("lock");
    target.command(&format!("wait {waiting}"));
    target
}

#[test]
fn says_who_waits_for_whom() {
    let target = locked(&require("PARKWATCH_TARGET"), 5);
    let dump = dump(target.pid());
    assert_eq!(dump["totals"]["tasks"], 7, "{dump:#}");
    let waiting = groups(&dump, "mutex");
    assert_eq!(waiting.len(), 1, "equal stacks are one group: {dump:#}");
    assert_eq!(waiting[0]["count"], 5);
    let wait = &waiting[0]["waits"][0];
    assert_eq!(wait["count"], 5);
    let holder = &wait["owner"];
    assert_eq!(holder["state"], "parked");
    let held_at = groups(&dump, "chan_recv").into_iter().find(|group| {
        let tasks = group["tasks"].as_array().expect("tasks");
        tasks.iter().any(|task| task["id"] == holder["task"])
    });
    assert_eq!(
        holder["site"],
        held_at.expect("it is dumped")["site"]["place"]
    );
}

#[test]
fn every_task_of_many_is_dumped_once() {
    let mut target = Target::start(&[]);
    target.command("spawn 30 3000");
    let dump = dump(target.pid());
    assert_eq!(dump["totals"]["tasks"], 3_001);
    let mut shown: BTreeMap<&str, f64> = BTreeMap::new();
    for group in groups(&dump, "chan_recv") {
        let place = group["site"]["place"].as_str().expect("a place");
        *shown.entry(place).or_default() += group["count"].as_f64().expect("a count");
    }
    for (site, live) in target.live_by_site() {
        assert_eq!(shown.get(site.as_str()), Some(&live), "{site}");
    }
}

#[test]
fn two_dumps_at_once_are_both_whole() {
    let mut target = Target::start(&[]);
    target.command("spawn 10 1500");
    let pid = target.pid();
    let other = std::thread::spawn(move || dump(pid));
    let dumps = [dump(pid), other.join().expect("no panic")];
    for dump in dumps {
        assert_eq!(dump["totals"]["tasks"], 1_501, "{}", dump["missing"]);
    }
}

#[test]
fn works_beside_a_running_observer_and_leaves_nothing_armed() {
    let mut target = Target::start(&[]);
    target.command("spawn 10 100");
    let observer = Observer::start(&[]);
    crate::harness::shows_live(&observer, &mut target);
    assert_eq!(dump(target.pid())["totals"]["tasks"], 101);
    eventually("nothing asks for tasks", || {
        match asked_for_tasks(target.pid()) {
            0 => Ok(()),
            armed => Err(format!("{armed}")),
        }
    });
    crate::harness::shows_live(&observer, &mut target);
}

#[test]
fn a_task_without_a_stack_is_listed_all_the_same() {
    let target = locked(&require("PARKWATCH_TARGET"), 2);
    let pid = target.pid().to_string();
    let json = printed(&["--pid", &pid, "--format", "json", "--no-stacks"]);
    let dump: Value = serde_json::from_slice(&json).expect("JSON");
    let waiting = groups(&dump, "mutex");
    assert_eq!(
        (&waiting[0]["count"], &waiting[0]["stack"]),
        (&json!(2), &Value::Null)
    );
}

#[test]
fn a_saved_dump_is_compared_with_a_later_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name).display().to_string();
    let (first, second) = (file("a.json"), file("b.json"));
    let mut target = Target::start(&[]);
    target.command("spawn 2 20");
    let pid = target.pid().to_string();
    printed(&["--pid", &pid, "--save", &first]);
    target.command("release 3");
    target.command("lock");
    target.command("wait 4");
    printed(&["--pid", &pid, "--save", &second]);
    let json = printed(&["--diff", &first, &second, "--format", "json"]);
    let changes: Value = serde_json::from_slice(&json).expect("JSON");
    let changes = changes.as_array().expect("an array").iter();
    let changes: Vec<_> = changes
        .map(|one| {
            (
                one["change"].as_str(),
                one["before"].as_u64(),
                one["after"].as_u64(),
            )
        })
        .collect();
    let expected = [
        (Some("new"), Some(0), Some(4)),
        (Some("new"), Some(0), Some(1)),
        (Some("shrunk"), Some(10), Some(8)),
        (Some("shrunk"), Some(10), Some(9)),
    ];
    assert_eq!(changes, expected);
    let text = String::from_utf8(printed(&["--diff", &first, &second])).expect("text");
    assert!(text.contains("shrunk: 10 → 8 parked: chan_recv"), "{text}");
}

#[test]
fn go_tool_pprof_opens_the_profile() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("dump.pb.gz");
    let target = locked(&require("PARKWATCH_TARGET"), 6);
    let pid = target.pid().to_string();
    let profile = printed(&["--pid", &pid, "--format", "pprof"]);
    std::fs::write(&file, profile).expect("written");
    let output = Command::new("go")
        .args(["tool", "pprof", "-top", "-lines", "-show_from=locks.rs:46"])
        .arg(&file)
        .output()
        .expect("go runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert!(text.contains("Type: tasks"), "{text}");
    assert!(text.contains("accounting for 6"), "{text}");
    assert!(text.contains("spawned at "), "{text}");
}

#[test]
fn json_has_the_documented_form() {
    let target = locked(&require("PARKWATCH_TARGET"), 1);
    let dump = dump(target.pid());
    let group = groups(&dump, "mutex")[0].clone();
    let frame = group["stack"]["frames"].as_array().expect("frames");
    let frame = frame.iter().find(|frame| !frame["function"].is_null());
    let mut whole = dump.clone();
    whole["groups"] = json!([group]);
    whole["groups"][0]["stack"]["frames"] = json!([frame.expect("a named one")]);
    let expected = json!({
        "version": "number",
        "process": {"pid": "number", "name": "string", "exe": "string"},
        "taken": "string",
        "taken_unix_ns": "number",
        "totals": {
            "tasks": "number", "parked": "number", "running": "number", "runnable": "number",
        },
        "missing": [],
        "groups": [{
            "count": "number",
            "state": "string",
            "reason": "string",
            "site": {"place": "string", "name": "null", "service": "bool"},
            "parked_seconds": {"shortest": "number", "longest": "number"},
            "waits": [{
                "count": "number",
                "resource": "number",
                "owner": {"task": "string", "state": "string", "site": "string"},
            }],
            "stack": {
                "frames": [{
                    "address": "number", "module": "string", "offset": "number",
                    "function": "string", "file": "string", "line": "number",
                    "inlined": "bool", "hidden": "bool",
                }],
                "is_cut": "bool",
            },
            "tasks": [{
                "id": "string", "parked_seconds": "number", "resource": "number",
                "owner": "string",
            }],
        }],
    });
    assert_eq!(kinds::of(&whole), expected);
}

#[test]
fn what_cannot_be_dumped_is_said_in_one_line() {
    let ours = std::process::id().to_string();
    says_one_line(&run(&["--pid", "4194305"]), 1, "there is no process");
    says_one_line(&run(&["--pid", &ours]), 1, "carries no probes");
    says_one_line(&run(&[]), 2, "--pid");
    says_one_line(&run(&["--pid", "x"]), 2, "invalid value");
    says_one_line(&run(&["--diff", "/no/such", "/no/file"]), 1, "/no/such");
    let target = Target::start(&[]);
    let output = Command::new("setpriv")
        .args([
            "--inh-caps=-all",
            "--bounding-set=-all",
            "--clear-groups",
            "--reuid",
            "65534",
        ])
        .arg(require("PARKWATCH_OBSERVER"))
        .args(["dump", "--pid", &target.pid().to_string()])
        .output()
        .expect("setpriv runs");
    says_one_line(&output, 1, "observer doctor");
}

#[test]
fn a_process_that_is_stopped_is_said_and_not_waited_for() {
    let target = Target::start(&[]);
    let pid = i32::try_from(target.pid()).expect("a pid");
    // SAFETY: `kill` takes no pointers; the child is not reaped yet, so the id is its.
    unsafe { libc::kill(pid, libc::SIGSTOP) };
    says_one_line(&run(&["--pid", &pid.to_string()]), 1, "does not answer");
}

#[test]
fn a_process_that_ends_meanwhile_is_said() {
    let mut target = Target::start(&[]);
    // More than a monitor reports in the time that it takes to see that it was asked.
    target.command("spawn 10 20000");
    let pid = target.pid();
    let dumping = std::thread::spawn(move || run(&["--pid", &pid.to_string()]));
    eventually("it is asked for its tasks", || match asked_for_tasks(pid) {
        0 => Err("not yet".to_owned()),
        _ => Ok(()),
    });
    target.kill();
    let output = dumping.join().expect("no panic");
    says_one_line(&output, 1, "ended during the dump");
}

/// The semaphore of the probe `task`.
fn asked_for_tasks(pid: u32) -> u16 {
    let all = semaphores(pid).into_iter();
    all.filter(|(name, _)| name == "task")
        .map(|(_, value)| value)
        .sum()
}

#[test]
fn a_finding_has_a_dump_beside_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().display().to_string();
    let mut target = Target::start(&["--stall-period-ms", "500"]);
    let _observer = Observer::start(&["--stuck-after", "1s", "--on-finding", &path]);
    target.command("lock");
    target.command("wait 5");
    let dump = dump_in(folder.path());
    let waiting = groups(&dump, "mutex");
    assert_eq!(waiting[0]["count"], 5);
    assert!(programs::names_the_lock(waiting[0]), "{:#}", waiting[0]);
}

#[test]
fn two_thousand_tasks_at_once_are_dumped() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().display().to_string();
    let mut target = Target::start(&[]);
    let observer = Observer::start(&["--on-finding", &path]);
    target.command("spawn 1 1400");
    shows_live(&observer, &mut target);
    let findings = observer.get("/findings").expect("an answer");
    assert_eq!(findings.trim(), "[]", "fewer are nothing yet");
    target.command("spawn 1 600");
    let dump = dump_in(folder.path());
    let count: u64 = dump["groups"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|group| group["count"].as_u64())
        .sum();
    assert!(count >= 2_000, "{count} tasks");
}

/// The dump that the observer leaves beside a finding in this folder.
fn dump_in(folder: &Path) -> Value {
    let (dump, _) = eventually("a dump of the finding", || {
        let files = std::fs::read_dir(folder).expect("a folder");
        let names = files.map(|file| file.expect("an entry").path());
        let is_dump = |path: &std::path::PathBuf| path.to_string_lossy().ends_with(".dump.json");
        names.filter(is_dump).last().ok_or("none yet".to_owned())
    });
    let text = std::fs::read_to_string(dump).expect("readable");
    serde_json::from_str(&text).expect("JSON")
}
