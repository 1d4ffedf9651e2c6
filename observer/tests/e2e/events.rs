//! Events mode: the workload's own numbers, and those of an independent tracer, none lost; and
//! no more cost than allowed.

use crate::harness::{Bpftrace, Observer, Target, eventually, semaphores, shows_live};

/// Tasks that come and go while both watch.
const TASKS: u64 = 1_000_000;

#[test]
fn counts_every_spawn_and_exit_like_the_workload_and_bpftrace() {
    let mut target = Target::start(&[]);
    // The governor is off: every event is to be counted, whatever it costs.
    let observer = Observer::start(&[
        "--mode",
        "events",
        "--max-sites",
        "2000",
        "--governor-share",
        "0",
    ]);
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

#[test]
fn drops_the_events_of_a_program_that_cost_more_than_allowed_and_no_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let calm_program = folder.path().join("calm");
    std::fs::copy(crate::harness::require("PARKWATCH_TARGET"), &calm_program).expect("copied");
    let mut calm = Target::start_copy(&calm_program, &[]);
    let mut busy = Target::start(&[]);
    // 10 ms of 10 s: some 20,000 hits.
    let observer = Observer::start(&["--mode", "events", "--governor-share", "0.001"]);
    let state = || {
        observer
            .scrape()
            .sum("parkwatch_observer_governor_state", &[])
    };
    assert_eq!(state(), Some(0.0));
    armed_events(&busy, true);
    busy.command("churn 100000");
    armed_events(&busy, false);
    armed_events(&calm, true);
    eventually("the state is 1", || match state() {
        Some(1.0) => Ok(()),
        other => Err(format!("{other:?}")),
    });
    assert!(
        observer.log().contains("--governor-share"),
        "{}",
        observer.log()
    );
    // The ledger goes on.
    busy.command("spawn 5 50");
    shows_live(&observer, &mut busy);
    calm.command("spawn 5 50");
    shows_live(&observer, &mut calm);
}

/// Waits until the target's event probes are armed, or not, and its ledger is.
fn armed_events(target: &Target, expected: bool) {
    eventually("the wanted probes are armed", || {
        let semaphores = semaphores(target.pid());
        let armed = |name: &str| semaphores.contains(&(name.to_owned(), 1));
        match (armed("spawn"), armed("unpark"), armed("ledger")) {
            (spawn, unpark, true) if spawn == expected && unpark == expected => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
}
