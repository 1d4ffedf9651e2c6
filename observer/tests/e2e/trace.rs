//! `observer trace`: every event of a known workload, each once, in every format.

use std::collections::{BTreeMap, HashSet};
use std::process::Command;

use serde_json::Value;

use crate::harness::{Observer, Target, Trace, WITHOUT_RIGHTS, disarmed, require, says_one_line};

fn of<'t>(events: &'t [Value], name: &str) -> Vec<&'t Value> {
    events
        .iter()
        .filter(|event| event["event"] == name)
        .collect()
}

fn text<'t>(event: &'t Value, member: &str) -> &'t str {
    event[member]
        .as_str()
        .unwrap_or_else(|| panic!("{member}: {event}"))
}

fn tasks(events: &[&Value]) -> HashSet<String> {
    events
        .iter()
        .map(|event| text(event, "task").to_owned())
        .collect()
}

#[test]
fn shows_every_spawn_and_exit_once_beside_a_running_observer() {
    const TASKS: usize = 20_000;
    let mut target = Target::start(&[]);
    let _observer = Observer::start(&["--mode", "events", "--governor-share", "0"]);
    let before = target.truth("spawned");
    let trace = Trace::start(target.pid(), &["--format", "json"]);
    target.command(&format!("churn {TASKS} 10"));
    let traced = trace.interrupt();
    let events = traced.lines();
    let (spawns, exits) = (of(&events, "spawn"), of(&events, "exit"));
    assert_eq!(
        (spawns.len(), exits.len()),
        (TASKS, TASKS),
        "{}",
        traced.said
    );
    assert_eq!(tasks(&spawns).len(), TASKS, "each once");
    assert_eq!(tasks(&spawns), tasks(&exits));
    let mut by_site: BTreeMap<String, f64> = BTreeMap::new();
    for spawn in &spawns {
        *by_site.entry(text(spawn, "site").to_owned()).or_default() += 1.0;
    }
    let mut truth = target.truth("spawned");
    truth.retain(|site, count| {
        *count -= before.get(site).unwrap_or(&0.0);
        *count != 0.0
    });
    assert_eq!(by_site, truth);
    assert!(exits.iter().all(|exit| exit["outcome"] == "returned"));
    assert!(traced.said.contains(" 0 lost"), "{}", traced.said);
}

#[test]
fn parks_name_what_they_wait_for_and_unparks_who_woke_them() {
    let mut target = Target::start(&[]);
    let trace = Trace::start(target.pid(), &["--format", "json"]);
    target.command("lock");
    target.command("wait 3");
    target.command("unlock");
    target.command("truth");
    let events = trace.interrupt().lines();
    let parks = of(&events, "park");
    let on_mutex: Vec<_> = parks
        .iter()
        .filter(|park| park["reason"] == "mutex")
        .collect();
    assert!(on_mutex.len() >= 3, "{on_mutex:?}");
    assert!(
        on_mutex
            .iter()
            .all(|park| park["owner"].is_string() && park["resource"].is_string())
    );
    let woken = of(&events, "unpark");
    assert!(
        woken
            .iter()
            .any(|unpark| unpark["waker"].is_string() && unpark["parked_ns"].is_u64())
    );
}

/// Begin and end of every slice by thread, in nanoseconds.
fn slices(trace: &[Value]) -> BTreeMap<u64, Vec<(u64, u64)>> {
    let mut slices: BTreeMap<u64, Vec<(u64, u64)>> = BTreeMap::new();
    let ns = |time: &Value| (time.as_f64().expect("a time") * 1_000.0).round() as u64;
    for slice in trace.iter().filter(|event| event["ph"] == "X") {
        let began = ns(&slice["ts"]);
        let tid = slice["tid"].as_u64().expect("a thread");
        slices
            .entry(tid)
            .or_default()
            .push((began, began + ns(&slice["dur"])));
    }
    slices
        .values_mut()
        .for_each(|slices| slices.sort_unstable());
    slices
}

#[test]
fn a_chrome_trace_is_whole_after_an_interrupt() {
    const TASKS: usize = 5_000;
    let mut target = Target::start(&["--workers", "2"]);
    let trace = Trace::start(target.pid(), &["--format", "chrome"]);
    target.command(&format!("churn {TASKS}"));
    target.command("spawn 2 10");
    target.command("release_all");
    let trace = trace.interrupt().json();
    assert_eq!(trace["otherData"]["lost_events"], 0);
    let events = trace["traceEvents"].as_array().expect("an array");
    for (tid, slices) in slices(events) {
        for pair in slices.windows(2) {
            assert!(pair[0].1 <= pair[1].0, "thread {tid}: {pair:?}");
        }
    }
    let of = |ph: &'static str| events.iter().filter(move |event| event["ph"] == ph);
    let spawned: Vec<_> = of("i").filter(|event| event["name"] == "spawn").collect();
    assert_eq!(spawned.len(), TASKS + 10);
    let ran = of("X").filter(|slice| slice["args"]["end"] == "returned");
    assert_eq!(ran.count(), TASKS + 10);
    let ids = |ph| {
        of(ph)
            .map(|end| end["id"].as_u64().expect("an id"))
            .collect::<Vec<_>>()
    };
    assert_eq!(ids("s"), ids("f"));
    assert!(ids("s").len() >= TASKS, "an arrow from every spawn");
    let names: Vec<_> = of("M")
        .filter(|meta| meta["name"] == "thread_name")
        .map(|meta| text(&meta["args"], "name").to_owned())
        .collect();
    assert!(names.iter().any(|name| name == "worker 0"), "{names:?}");
}

#[test]
fn shows_only_the_wanted_site_or_task() {
    let mut target = Target::start(&[]);
    target.command("spawn 3 30");
    let site = target.live_by_site().into_keys().next().expect("a site");
    let trace = Trace::start(target.pid(), &["--format", "json", "--site", &site]);
    target.command("churn 3000 3");
    let events = trace.interrupt().lines();
    assert_eq!(of(&events, "spawn").len(), 1_000);
    assert!(events.iter().all(|event| event["site"] == site.as_str()));
    // The oldest held task is woken again and again.
    let trace = Trace::start(target.pid(), &["--format", "json"]);
    target.command("wake 1");
    let events = trace.interrupt().lines();
    let woken = of(&events, "unpark");
    let held = woken
        .iter()
        .find(|unpark| text(unpark, "site").contains("sites.rs"));
    let task = text(held.expect("the held one"), "task");
    let trace = Trace::start(target.pid(), &["--format", "json", "--task", task]);
    target.command("wake 5");
    target.command("truth");
    let events = trace.interrupt().lines();
    assert!(!events.is_empty());
    assert!(
        events.iter().all(|event| event["task"] == task),
        "{events:?}"
    );
}

#[test]
fn ends_after_the_events_or_the_time_that_were_asked_for() {
    let mut target = Target::start(&[]);
    let trace = Trace::start(target.pid(), &["--events", "7"]);
    target.command("churn 100");
    let traced = trace.wait();
    // And a header.
    assert_eq!(traced.output.lines().count(), 8, "{}", traced.output);
    assert!(
        traced.status.success() && traced.said.contains("7 events"),
        "{}",
        traced.said
    );
    let traced = Trace::start(target.pid(), &["--for", "100ms"]).wait();
    assert!(traced.said.contains("the time is up"), "{}", traced.said);
    disarmed(target.pid());
}

#[test]
fn a_target_that_dies_ends_its_trace_whole() {
    let mut target = Target::start(&[]);
    let trace = Trace::start(target.pid(), &["--format", "chrome"]);
    target.command("spawn 2 10");
    target.kill();
    let traced = trace.wait();
    let trace = traced.json();
    let events = trace["traceEvents"].as_array().expect("an array");
    let spawned = events.iter().filter(|event| event["name"] == "spawn");
    assert_eq!(spawned.count(), 10);
    assert!(traced.said.contains("the process ended"), "{}", traced.said);
}

#[test]
fn what_is_lost_is_counted_and_shown() {
    let mut target = Target::start(&[]);
    let trace = Trace::start(target.pid(), &["--format", "json"]);
    // Nobody reads the ring, which holds some 200,000 events.
    trace.signal(libc::SIGSTOP);
    target.command("churn 200000");
    trace.signal(libc::SIGCONT);
    let traced = trace.interrupt();
    let events = traced.lines();
    let lost: u64 = of(&events, "lost")
        .iter()
        .filter_map(|lost| lost["count"].as_u64())
        .sum();
    let shown = ["spawn", "exit"].map(|name| of(&events, name).len() as u64);
    assert!(
        lost > 0 && traced.said.contains("the ring was full"),
        "{}",
        traced.said
    );
    // A task is spawned, runs and ends; what else happens comes on top.
    let runs = of(&events, "run").len() as u64;
    assert!(
        shown[0] + shown[1] + runs + lost >= 600_000,
        "{shown:?} {runs} {lost}"
    );
    assert!(shown[0] < 200_000, "{shown:?}");
}

#[test]
fn what_cannot_be_traced_is_said_in_one_line() {
    let target = Target::start(&[]);
    let pid = target.pid().to_string();
    let own = std::process::id().to_string();
    let refused = |arguments: &[&str], code, words| {
        let mut trace = Command::new(require("PARKWATCH_OBSERVER"));
        let output = trace.arg("trace").args(arguments).output();
        says_one_line(&output.expect("observer runs"), code, words);
    };
    refused(&["--pid", "4194304"], 1, "no process has the id 4194304");
    refused(&["--pid", &own], 1, "carries no event probes");
    refused(&[], 2, "--pid");
    refused(&["--pid", &pid, "--task", "twelve"], 2, "twelve");
    refused(&["--pid", &pid, "--format", "xml"], 2, "xml");
    let stacks = ["--pid", &pid, "--spawn-stacks", "--format", "chrome"];
    refused(&stacks, 2, "--spawn-stacks");
    let output = Command::new("setpriv")
        .args(WITHOUT_RIGHTS)
        .arg(require("PARKWATCH_OBSERVER"))
        .args(["trace", "--pid", &pid])
        .output()
        .expect("setpriv runs");
    says_one_line(&output, 1, "observer doctor");
}
