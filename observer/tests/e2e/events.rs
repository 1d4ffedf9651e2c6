//! Events mode: the workload's own numbers, and those of an independent tracer, none lost.

use crate::harness::{Bpftrace, Observer, Target, eventually};

/// Tasks that come and go while both watch.
const TASKS: u64 = 1_000_000;

#[test]
fn counts_every_spawn_and_exit_like_the_workload_and_bpftrace() {
    let mut target = Target::start(&[]);
    let observer = Observer::start(&["--mode", "events", "--max-sites", "2000"]);
    let pid = target.pid().to_string();
    let labels = [("pid", pid.as_str())];
    let tracer = Bpftrace::start(
        &target,
        &format!(
            "usdt:/proc/{pid}/exe:parkwatch:spawn {{ @spawned = count(); }} \
             usdt:/proc/{pid}/exe:parkwatch:exit {{ @exited = count(); }}"
        ),
    );
    let before = spawned_and_exited(&mut target);
    target.command(&format!("churn {TASKS}"));
    let after = spawned_and_exited(&mut target);
    eventually("the workload's own counts", || {
        let scrape = observer.scrape();
        let spawned = scrape.sum("parkwatch_process_tasks_spawned_total", &labels);
        let exited = scrape.sum("parkwatch_process_tasks_exited_total", &labels);
        // The root task is spawned too, and never ends.
        if (spawned, exited) == (Some(after.0 + 1.0), Some(after.1)) {
            return Ok(());
        }
        Err(format!(
            "{after:?} is right, {spawned:?} and {exited:?} shown"
        ))
    });
    let maps = tracer.finish();
    for (name, expected) in [
        ("spawned", after.0 - before.0),
        ("exited", after.1 - before.1),
    ] {
        assert!(
            maps.contains(&format!("@{name}: {expected}\n")),
            "{name} {expected}:\n{maps}"
        );
    }
    let lost = observer
        .scrape()
        .sum("parkwatch_observer_events_lost_total", &[]);
    assert_eq!(lost, Some(0.0));
}

fn spawned_and_exited(target: &mut Target) -> (f64, f64) {
    let spawned = target.truth("spawned").values().sum();
    let exited = target.truth("exited").values().sum();
    (spawned, exited)
}
