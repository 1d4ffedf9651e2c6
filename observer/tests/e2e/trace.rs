//! `observer trace`: every event of a known workload, each once, in every format.

use std::collections::{BTreeMap, HashSet};
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;

use serde_json::Value;

use crate::harness::{Observer, Target, require, semaphores};

/// A running trace.
struct Trace {
    child: Child,
    output: Option<JoinHandle<String>>,
    said: BufReader<ChildStderr>,
}

/// What a trace left.
struct Traced {
    status: ExitStatus,
    output: String,
    said: String,
}

impl Trace {
    /// Starts `observer trace`, and waits until its probes are armed.
    fn start(target: &Target, arguments: &[&str]) -> Self {
        let mut child = Command::new(require("PARKWATCH_OBSERVER"))
            .args(["trace", "--pid", &target.pid().to_string()])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("observer starts");
        let mut stdout = child.stdout.take().expect("piped");
        let output = std::thread::spawn(move || {
            let mut text = String::new();
            stdout.read_to_string(&mut text).expect("text");
            text
        });
        let mut said = BufReader::new(child.stderr.take().expect("piped"));
        let mut line = String::new();
        said.read_line(&mut line).expect("text");
        assert!(line.contains("tracing target"), "{line}");
        Self {
            child,
            output: Some(output),
            said,
        }
    }

    fn signal(&self, signal: i32) {
        let pid = i32::try_from(self.child.id()).expect("a pid");
        // SAFETY: `kill` takes no pointers; the child is not reaped yet, so the id is its.
        unsafe { libc::kill(pid, signal) };
    }

    /// Ends it as Ctrl-C does.
    fn interrupt(self) -> Traced {
        self.signal(libc::SIGINT);
        self.wait()
    }

    /// Waits for its end.
    fn wait(mut self) -> Traced {
        let output = self.output.take().expect("once").join().expect("text");
        let mut said = String::new();
        self.said.read_to_string(&mut said).expect("text");
        Traced {
            status: self.child.wait().expect("it ends"),
            output,
            said,
        }
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Traced {
    fn lines(&self) -> Vec<Value> {
        assert!(self.status.success(), "{}", self.said);
        let lines = self.output.lines();
        lines
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect()
    }

    fn chrome(&self) -> Value {
        assert!(self.status.success(), "{}", self.said);
        serde_json::from_str(&self.output).expect("JSON")
    }
}

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
    let trace = Trace::start(&target, &["--format", "json"]);
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
    let trace = Trace::start(&target, &["--format", "json"]);
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
    let trace = Trace::start(&target, &["--format", "chrome"]);
    target.command(&format!("churn {TASKS}"));
    target.command("spawn 2 10");
    target.command("release_all");
    let trace = trace.interrupt().chrome();
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
    let trace = Trace::start(&target, &["--format", "json", "--site", &site]);
    target.command("churn 3000 3");
    let events = trace.interrupt().lines();
    assert_eq!(of(&events, "spawn").len(), 1_000);
    assert!(events.iter().all(|event| event["site"] == site.as_str()));
    // The oldest held task is woken again and again.
    let trace = Trace::start(&target, &["--format", "json"]);
    target.command("wake 1");
    let events = trace.interrupt().lines();
    let woken = of(&events, "unpark");
    let held = woken
        .iter()
        .find(|unpark| text(unpark, "site").contains("sites.rs"));
    let task = text(held.expect("the held one"), "task");
    let trace = Trace::start(&target, &["--format", "json", "--task", task]);
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
    let trace = Trace::start(&target, &["--events", "7"]);
    target.command("churn 100");
    let traced = trace.wait();
    // And a header.
    assert_eq!(traced.output.lines().count(), 8, "{}", traced.output);
    assert!(
        traced.status.success() && traced.said.contains("7 events"),
        "{}",
        traced.said
    );
    let traced = Trace::start(&target, &["--for", "100ms"]).wait();
    assert!(traced.said.contains("the time is up"), "{}", traced.said);
    let armed = semaphores(target.pid());
    assert!(
        armed.iter().all(|(_, listeners)| *listeners == 0),
        "{armed:?}"
    );
}

#[test]
fn a_target_that_dies_ends_its_trace_whole() {
    let mut target = Target::start(&[]);
    let trace = Trace::start(&target, &["--format", "chrome"]);
    target.command("spawn 2 10");
    target.kill();
    let traced = trace.wait();
    let trace = traced.chrome();
    let events = trace["traceEvents"].as_array().expect("an array");
    let spawned = events.iter().filter(|event| event["name"] == "spawn");
    assert_eq!(spawned.count(), 10);
    assert!(traced.said.contains("the process ended"), "{}", traced.said);
}

#[test]
fn what_is_lost_is_counted_and_shown() {
    let mut target = Target::start(&[]);
    let trace = Trace::start(&target, &["--format", "json"]);
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
fn live_tasks_are_grouped_by_the_stack_that_spawned_them() {
    let mut target = Target::start(&[]);
    let trace = Trace::start(
        &target,
        &["--spawn-stacks", "--format", "json", "--site", "sites.rs"],
    );
    target.command("spawn 1 12");
    target.command("churn 500");
    target.command("release 2");
    let traced = trace.interrupt();
    assert!(traced.status.success(), "{}", traced.said);
    let groups: Vec<Value> = serde_json::from_str(&traced.output).expect("JSON");
    assert_eq!(groups.len(), 1, "{groups:#?}");
    assert_eq!(
        (&groups[0]["live"], &groups[0]["spawned"]),
        (&10.into(), &12.into())
    );
    let frames = groups[0]["frames"].as_array().expect("frames").iter();
    let functions = frames.flat_map(|frame| frame["functions"].as_array().expect("functions"));
    let names: Vec<&str> = functions.map(|function| text(function, "name")).collect();
    assert!(
        names.iter().any(|name| name.contains("spawn_held")),
        "{names:#?}"
    );
}

fn says_one_line(arguments: &[&str], code: i32, words: &str) {
    let output = Command::new(require("PARKWATCH_OBSERVER"))
        .arg("trace")
        .args(arguments)
        .output()
        .expect("observer runs");
    one_line(&output.stderr, output.status.code(), code, words);
}

fn one_line(said: &[u8], found: Option<i32>, code: i32, words: &str) {
    let said = String::from_utf8_lossy(said);
    assert_eq!(found, Some(code), "{said}");
    assert!(said.contains(words), "{words:?} is not in {said:?}");
    assert_eq!(said.trim_end().lines().count(), 1, "{said:?}");
}

#[test]
fn what_cannot_be_traced_is_said_in_one_line() {
    let target = Target::start(&[]);
    let pid = target.pid().to_string();
    let own = std::process::id().to_string();
    says_one_line(&["--pid", "4194304"], 1, "no process has the id 4194304");
    says_one_line(&["--pid", &own], 1, "carries no event probes");
    says_one_line(&[], 2, "--pid");
    says_one_line(&["--pid", &pid, "--task", "twelve"], 2, "twelve");
    says_one_line(&["--pid", &pid, "--format", "xml"], 2, "xml");
    says_one_line(
        &["--pid", &pid, "--spawn-stacks", "--format", "chrome"],
        2,
        "--spawn-stacks",
    );
    let output = Command::new("setpriv")
        .args([
            "--reuid",
            "65534",
            "--clear-groups",
            "--inh-caps=-all",
            "--bounding-set=-all",
        ])
        .arg(require("PARKWATCH_OBSERVER"))
        .args(["trace", "--pid", &pid])
        .output()
        .expect("setpriv runs");
    one_line(&output.stderr, output.status.code(), 1, "observer doctor");
}
