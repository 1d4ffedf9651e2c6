//! What the model promises, on hand-made snapshots.

use crate::collect::Snapshot;
use observer_ebpf_abi::{EventCounts, Process as KernelSide, SiteKey};
use runtime_abi::Reason;

use super::fixtures::*;
use super::*;
use crate::model::Stalled;

const SECOND: u64 = 1_000_000_000;

fn only(model: &Model) -> &Process {
    model.processes().next().expect("a process is watched")
}

fn live_by_label(model: &Model) -> Vec<(String, u64)> {
    let sites = only(model).sites().iter();
    sites
        .map(|site| (site.label().to_string(), site.counters().live()))
        .collect()
}

#[test]
fn a_site_without_a_text_counts_in_the_totals_only() {
    let mut model = model();
    model.observe(2 * SECOND, &Builder::new().ledger(1, [10, 3, 0, 0]).build());
    assert_eq!(only(&model).sites().len(), 0);
    assert_eq!(only(&model).totals().live(), 7);
}

#[test]
fn equal_content_at_several_addresses_is_one_site() {
    let mut model = model();
    let snapshot = Builder::new()
        .ledger(1, [10, 3, 0, 64])
        .ledger(2, [5, 1, 0, 32])
        .build();
    model.observe(2 * SECOND, &snapshot);
    learn(&mut model, 1, &text("src/main.rs", 7));
    let named = Text {
        name: Some("worker".into()),
        flags: 1,
        ..text("src/main.rs", 7)
    };
    learn(&mut model, 2, &named);
    model.settle(2 * SECOND);
    assert_eq!(live_by_label(&model), [("src/main.rs:7:5".to_owned(), 11)]);
    let site = &only(&model).sites()[0];
    assert_eq!((site.stack_bytes(), site.name().as_str()), (96, "worker"));
    assert!(!site.is_service());
}

#[test]
fn a_text_that_comes_later_takes_the_counts_along() {
    let mut model = model();
    model.observe(2 * SECOND, &Builder::new().ledger(1, [10, 3, 0, 0]).build());
    let unread = model.unread_sites(2 * SECOND);
    assert_eq!(
        unread,
        [(
            PID,
            SiteKey {
                incarnation: INCARNATION,
                site: 1
            }
        )]
    );
    learn(
        &mut model,
        1,
        &text("/root/.cargo/registry/src/x/may-1/src/a.rs", 2),
    );
    model.settle(2 * SECOND);
    assert_eq!(
        live_by_label(&model),
        [("may-1/src/a.rs:2:5".to_owned(), 7)]
    );
    assert_eq!(model.unread_sites(60 * SECOND), []);
}

#[test]
fn a_text_that_cannot_be_read_is_asked_for_again_with_pauses() {
    let mut model = model();
    model.observe(2 * SECOND, &Builder::new().ledger(1, [1, 0, 0, 0]).build());
    let asked = (0..240)
        .filter(|quarter| {
            !model
                .unread_sites(2 * SECOND + quarter * SECOND / 4)
                .is_empty()
        })
        .count();
    assert!((5..15).contains(&asked), "{asked} times in a minute");
}

#[test]
fn a_torn_or_absent_value_leaves_the_previous_one() {
    let mut model = model();
    model.observe(2 * SECOND, &Builder::new().ledger(1, [10, 3, 0, 0]).build());
    let mut torn = Builder::new().ledger(1, [99, 99, 0, 0]).build();
    torn.ledgers[0].1.sequence_end = 1;
    model.observe(3 * SECOND, &torn);
    assert_eq!(only(&model).totals().live(), 7);
    model.observe(4 * SECOND, &Builder::new().build());
    assert_eq!(only(&model).totals().live(), 7);
}

#[test]
fn no_counter_falls_while_the_process_lives() {
    let mut model = model();
    model.observe(2 * SECOND, &Builder::new().ledger(1, [10, 3, 9, 0]).build());
    model.observe(3 * SECOND, &Builder::new().ledger(1, [8, 2, 1, 0]).build());
    let totals = only(&model).totals();
    assert_eq!(
        (totals.spawned, totals.returned, totals.growths),
        (10, 3, 9)
    );
}

#[test]
fn the_first_value_is_a_baseline_unless_the_site_is_new() {
    let mut model = model();
    model.observe(2 * SECOND, &Builder::new().ledger(1, [10, 3, 9, 0]).build());
    learn(&mut model, 1, &text("src/main.rs", 7));
    let later = Builder::new()
        .at(9 * SECOND)
        .ledger(1, [12, 3, 11, 0])
        .monitor(1);
    model.observe(9 * SECOND, &later.ledger(2, [5, 0, 50, 0]).build());
    learn(&mut model, 2, &text("src/main.rs", 8));
    model.settle(9 * SECOND);
    let growths: Vec<_> = only(&model)
        .sites()
        .iter()
        .map(|site| site.observed().growths)
        .collect();
    assert_eq!(growths, [2, 50]);
}

#[test]
fn a_new_incarnation_starts_anew() {
    let mut model = model();
    model.observe(2 * SECOND, &Builder::new().ledger(1, [10, 3, 0, 0]).build());
    let later = incarnation(PID, 5 * SECOND);
    model.observe(
        6 * SECOND,
        &Builder::of(PID, later).ledger(1, [2, 0, 0, 0]).build(),
    );
    assert_eq!(only(&model).totals().spawned, 2);
    model.observe(7 * SECOND, &Builder::new().ledger(1, [10, 3, 0, 0]).build());
    assert_eq!(only(&model).totals().spawned, 2, "the old one is over");
}

#[test]
fn a_reused_pid_is_another_process() {
    let mut model = model();
    model.observe(2 * SECOND, &Builder::new().ledger(1, [10, 3, 0, 0]).build());
    let reused = ProcessId {
        pid: PID,
        start_time: 500,
    };
    model.appear(reused, meta("other"));
    model.observe(6 * SECOND, &Builder::new().ledger(1, [10, 3, 0, 0]).build());
    assert!(
        !only(&model).is_heard(),
        "values of the one before it are not its own"
    );
    assert_eq!(model.strangers(), [PID]);
    let mine = incarnation(PID, 6 * SECOND);
    model.observe(
        7 * SECOND,
        &Builder::of(PID, mine).ledger(1, [1, 0, 0, 0]).build(),
    );
    assert_eq!(only(&model).totals().spawned, 1);
    assert_eq!(
        model.end(ID),
        None,
        "the end of the one before is not its end"
    );
    assert_eq!(model.end(reused), Some(mine));
}

#[test]
fn a_thread_group_that_nobody_announced_is_a_stranger() {
    let mut model = Model::new();
    model.observe(2 * SECOND, &Builder::new().ledger(1, [1, 0, 0, 0]).build());
    assert_eq!(model.strangers(), [PID]);
    assert_eq!(model.processes().len(), 0);
}

#[test]
fn a_fork_child_has_no_values_of_its_parent() {
    let mut model = model();
    model.appear(
        ProcessId {
            pid: 78,
            start_time: 150,
        },
        meta("shop"),
    );
    model.observe(2 * SECOND, &Builder::new().ledger(1, [10, 3, 0, 0]).build());
    let heard: Vec<_> = model
        .processes()
        .map(|process| (process.id().pid, process.is_heard()))
        .collect();
    assert_eq!(heard, [(PID, true), (78, false)]);
}

#[test]
fn events_are_counted_only_where_there_is_no_ledger() {
    let mut model = model();
    let mut snapshot = Builder::new().build();
    let key = SiteKey {
        incarnation: INCARNATION,
        site: 1,
    };
    let counts = EventCounts {
        spawned: 9,
        exited: [2, 1, 1, 1],
        ..EventCounts::default()
    };
    snapshot.counts.push((key, counts));
    model.observe(2 * SECOND, &snapshot);
    assert_eq!(only(&model).totals().spawned, 0, "a ledger may still come");
    model.observe(5 * SECOND, &snapshot);
    assert_eq!(
        (only(&model).totals().spawned, only(&model).totals().live()),
        (9, 4)
    );

    let mut model = self::model();
    let ledger = Builder::new().ledger(1, [20, 0, 0, 0]).build();
    snapshot.ledgers = ledger.ledgers;
    model.observe(9 * SECOND, &snapshot);
    assert_eq!(only(&model).totals().spawned, 20);
}

#[test]
fn parked_is_the_truth_for_numbers_and_names_are_a_sample() {
    let mut model = model();
    let snapshot = Builder::new()
        .ledger(1, [10, 0, 0, 0])
        .parked(1, Reason::Mutex.code(), 5, 12 * SECOND)
        .parked(1, Reason::Sleep.code(), 3, 11 * SECOND)
        .build();
    model.record(&stall(7, Reason::Mutex.code(), 2 * SECOND, SECOND));
    model.observe(2 * SECOND, &snapshot);
    learn(&mut model, 1, &text("src/main.rs", 7));
    model.settle(2 * SECOND);
    let stalled = only(&model).stalled();
    let mutex = Stalled {
        tasks: 5,
        oldest_ns: 12 * SECOND,
        named: 1,
    };
    assert_eq!(stalled[&(0, Some(Reason::Mutex))], mutex);
    assert_eq!(stalled[&(0, Some(Reason::Sleep))].tasks, 3);
    assert_eq!(only(&model).stalls_unnamed(), 4, "sleepers are never named");
}

#[test]
fn waiting_tasks_of_a_service_need_no_names() {
    let mut model = model();
    let waiting = Reason::ChanRecv.code();
    let snapshot = Builder::new()
        .parked(1, waiting, 64, SECOND)
        .parked(2, waiting, 2, SECOND)
        .build();
    model.observe(2 * SECOND, &snapshot);
    learn(
        &mut model,
        1,
        &Text {
            flags: 1,
            ..text("src/pool.rs", 1)
        },
    );
    learn(&mut model, 2, &text("src/main.rs", 2));
    model.settle(2 * SECOND);
    assert_eq!(only(&model).stalls_unnamed(), 2);
}

#[test]
fn a_reason_of_a_newer_target_is_data() {
    let mut model = model();
    model.observe(
        2 * SECOND,
        &Builder::new().parked(1, 200, 4, SECOND).build(),
    );
    learn(&mut model, 1, &text("src/main.rs", 7));
    model.settle(2 * SECOND);
    assert_eq!(only(&model).stalled()[&(0, None)].tasks, 4);
}

#[test]
fn a_record_that_comes_before_the_first_snapshot_is_kept() {
    let mut model = model();
    model.record(&stall(7, Reason::Mutex.code(), 2 * SECOND, SECOND));
    model.observe(2 * SECOND, &Builder::new().build());
    assert_eq!(only(&model).stalls().count(), 1);
}

#[test]
fn values_of_two_processes_do_not_mix() {
    let mut model = model();
    model.appear(
        ProcessId {
            pid: 78,
            start_time: 0,
        },
        meta("shop"),
    );
    let other = Builder::of(78, incarnation(78, SECOND)).ledger(1, [4, 0, 0, 0]);
    model.observe(
        2 * SECOND,
        &Builder::new().ledger(1, [1, 0, 0, 0]).and(other).build(),
    );
    let spawned: Vec<_> = model
        .processes()
        .map(|process| process.totals().spawned)
        .collect();
    assert_eq!(spawned, [1, 4]);
    let kernel_side = KernelSide {
        incarnation: 5,
        cookie: 0,
        monitor_tid: 0,
        padding: 0,
    };
    model.observe(
        3 * SECOND,
        &Snapshot {
            processes: vec![(1, kernel_side)],
            ..Snapshot::default()
        },
    );
    assert_eq!(model.strangers(), [1]);
}

#[test]
fn site_records_beyond_the_bound_are_counted_and_known_ones_go_on() {
    let bound = u64::from(observer_ebpf_abi::MAX_LEDGER);
    let mut builder = Builder::new();
    for site in 1..=bound + 3 {
        builder = builder.ledger(site, [1, 0, 0, 0]);
    }
    let mut model = model();
    model.observe(2 * SECOND, &builder.build());
    assert_eq!(only(&model).totals().spawned, bound);
    assert_eq!(model.losses().addresses, 3);
    model.observe(3 * SECOND, &Builder::new().ledger(1, [5, 0, 0, 0]).build());
    assert_eq!(only(&model).totals().spawned, bound + 4);
    assert_eq!(model.losses().addresses, 3, "nothing more was refused");
    model.record(&unstall(7, 2, 3 * SECOND));
    model.end(ID);
    assert_eq!(
        model.losses().addresses,
        3,
        "a known record, and what was counted stays"
    );
}

#[test]
fn names_of_a_line_beyond_the_bound_are_counted() {
    let mut model = model();
    let mut builder = Builder::new();
    for site in 1..=7 {
        builder = builder.ledger(site, [1, 0, 0, 0]);
    }
    model.observe(2 * SECOND, &builder.build());
    for (site, name) in (1..).zip(["a", "b", "c", "d", "e", "a", "f"]) {
        let text = crate::collect::Text {
            name: Some(name.to_owned()),
            ..text("src/main.rs", 7)
        };
        learn(&mut model, site, &text);
    }
    model.end(ID);
    assert_eq!(model.losses().site_names, 2);
}
