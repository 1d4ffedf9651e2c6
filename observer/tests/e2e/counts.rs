//! A target with exactly K live tasks over S sites shows exactly K, per site, whenever the
//! observer starts, restarts or is joined by others.

use std::time::Duration;

use crate::harness::{Bpftrace, Observer, Target, best_of, shows_live};

/// The contract: every number is exact within this of an attach, a restart or any loss.
const BOUND: Duration = Duration::from_secs(2);

const ALL_SITES: [&str; 2] = ["--max-sites", "2000"];

#[test]
fn shows_tasks_spawned_after_it_started() {
    let observer = Observer::start(&ALL_SITES);
    let mut target = Target::start(&[]);
    best_of("exact after a spawn", BOUND, |_| {
        target.command("spawn 1000 10000");
        shows_live(&observer, &mut target)
    });
}

#[test]
fn shows_tasks_spawned_while_it_runs_and_their_ends() {
    let mut target = Target::start(&[]);
    target.command("spawn 100 5000");
    let observer = Observer::start(&ALL_SITES);
    best_of("exact after a change", BOUND, |attempt| {
        target.command(&format!("spawn 10 {}", 100 + attempt));
        target.command("release 50");
        shows_live(&observer, &mut target)
    });
    target.command("release_all");
    shows_live(&observer, &mut target);
}

#[test]
fn shows_tasks_spawned_before_it_started() {
    let mut target = Target::start(&[]);
    target.command("spawn 1000 100000");
    best_of("exact after a late attach", BOUND, |_| {
        let observer = Observer::start(&ALL_SITES);
        shows_live(&observer, &mut target)
    });
}

#[test]
fn sums_sites_beyond_the_bound_as_other() {
    let mut target = Target::start(&[]);
    target.command("spawn 1000 10000");
    let observer = Observer::start(&[]);
    let pid = target.pid();
    crate::harness::eventually("all tasks under the default bound", || {
        let shown = observer
            .scrape()
            .by_label("parkwatch_tasks_live", pid, "site");
        let sum: f64 = shown.values().sum();
        let truth: f64 = 10_000.0;
        let other = shown.get("~other").copied().unwrap_or(0.0);
        // The root task is one more.
        if shown.len() <= 51 && sum == truth + 1.0 && other > 0.0 {
            return Ok(());
        }
        Err(format!(
            "{} sites, {sum} tasks, {other} of other sites",
            shown.len()
        ))
    });
}

#[test]
fn shows_the_same_beside_a_second_observer() {
    let first = Observer::start(&ALL_SITES);
    let mut target = Target::start(&[]);
    target.command("spawn 100 20000");
    shows_live(&first, &mut target);
    best_of("exact as the second observer", BOUND, |_| {
        let second = Observer::start(&ALL_SITES);
        shows_live(&second, &mut target)
    });
    target.command("release 1000");
    shows_live(&first, &mut target);
}

#[test]
fn shows_the_same_beside_bpftrace_on_the_same_probe() {
    let mut target = Target::start(&[]);
    target.command("spawn 100 20000");
    let tracer = Bpftrace::attach(&target, "ledger", "@hits = count();");
    best_of("exact beside bpftrace", BOUND, |_| {
        let observer = Observer::start(&ALL_SITES);
        shows_live(&observer, &mut target)
    });
    assert!(tracer.finish().contains("@hits: "), "bpftrace saw no hit");
}

#[test]
fn shows_the_same_after_it_was_killed_and_restarted() {
    let mut target = Target::start(&[]);
    target.command("spawn 100 20000");
    for pause in [Duration::from_millis(100), Duration::from_secs(1)] {
        let mut first = Observer::start(&ALL_SITES);
        shows_live(&first, &mut target);
        first.kill();
        // The contract names these pauses: level-triggered reports must heal after either.
        std::thread::sleep(pause);
        best_of("exact after a kill", BOUND, |_| {
            let second = Observer::start(&ALL_SITES);
            shows_live(&second, &mut target)
        });
    }
}

#[test]
fn shows_a_million_tasks_where_there_is_memory_for_them() {
    const NEEDED_BYTES: u64 = 12 << 30;
    let free = crate::harness::available_memory();
    if free < NEEDED_BYTES {
        println!("skipped: {free} bytes available, {NEEDED_BYTES} needed");
        return;
    }
    let mut target = Target::start(&[]);
    target.command("spawn 1000 1000000");
    best_of("a million tasks, exact after a late attach", BOUND, |_| {
        let observer = Observer::start(&ALL_SITES);
        shows_live(&observer, &mut target)
    });
}
