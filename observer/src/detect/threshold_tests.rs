//! Where healthy ends, for the detectors whose histories are far beyond it: hand-made programs on
//! either side of each threshold.

use std::collections::BTreeSet;

use observer_ebpf_abi::{PoolValue, Record, SiteKey};
use runtime_abi::{Reason, SITE_FLAG_SERVICE};

use super::Detectors;
use crate::collect::{Snapshot, Text};
use crate::model::Model;
use crate::model::fixtures::{Builder, ID, INCARNATION, learn, model, stall, text};

const SECOND: u64 = 1_000_000_000;

/// Names of the detectors that found anything in a program of one site, asked once a second.
fn found(
    seconds: u64,
    text: &Text,
    mut program: impl FnMut(u64, &mut Model) -> Snapshot,
) -> BTreeSet<&'static str> {
    let (mut model, mut detectors) = (model(), Detectors::default());
    let mut found = BTreeSet::new();
    for second in 0..seconds {
        let now = (2 + second) * SECOND;
        let snapshot = program(second, &mut model);
        model.observe(now, &snapshot);
        learn(&mut model, 1, text);
        model.settle(now);
        let findings = detectors.look(now, 0, &model).findings;
        found.extend(findings.iter().map(|finding| finding.detector.name()));
    }
    found
}

/// A site's counts in a second: spawned, returned.
fn at(second: u64, spawned: u64, returned: u64) -> Builder {
    let builder = Builder::new().at((2 + second) * SECOND);
    builder.ledger(1, [spawned, returned, 0, 0])
}

fn of(names: &[&'static str]) -> BTreeSet<&'static str> {
    names.iter().copied().collect()
}

#[test]
fn services_do_not_leak() {
    let ordinary = text("src/main.rs", 7);
    let service = Text {
        flags: SITE_FLAG_SERVICE,
        ..ordinary.clone()
    };
    let gains = |second, _: &mut Model| at(second, 2 * second, 0).build();
    assert_eq!(found(420, &ordinary, gains), of(&["leak"]));
    assert_eq!(found(420, &service, gains), of(&[]));
}

#[test]
fn a_queue_that_does_not_grow_is_no_pile_up() {
    let queue = |length: fn(u64) -> u64| {
        move |second: u64, model: &mut Model| {
            let now = (2 + second) * SECOND;
            for task in 0..length(second) {
                let record = Record {
                    resource: 0x10,
                    // Other tasks all the time: they are served.
                    ..stall(task, Reason::Semaphore.code(), now, SECOND / 2)
                };
                model.record(&record);
            }
            at(second, 1_000, 0).build()
        }
    };
    let text = text("src/main.rs", 7);
    assert_eq!(
        found(60, &text, queue(|second| 20 + 2 * second)),
        of(&["pile_up"])
    );
    assert_eq!(found(60, &text, queue(|_| 200)), of(&[]));
    assert_eq!(
        found(60, &text, queue(|second| second / 2 + 10)),
        of(&[]),
        "short"
    );
}

#[test]
fn a_pile_up_wants_the_stack_of_the_first_in_the_queue() {
    let (mut model, mut detectors) = (model(), Detectors::default());
    let mut wanted = Vec::new();
    for second in 0..60 {
        let now = (2 + second) * SECOND;
        // The higher its number, the longer it waits; none is stuck yet.
        for task in 1..20 + 2 * second {
            let record = Record {
                resource: 0x10,
                ..stall(task, Reason::Semaphore.code(), now, SECOND / 2 + task)
            };
            model.record(&record);
        }
        model.observe(now, &at(second, 1_000, 0).build());
        learn(&mut model, 1, &text("src/main.rs", 7));
        model.settle(now);
        wanted = detectors.look(now, 0, &model).stacks_wanted;
    }
    assert_eq!(wanted, [(ID, 20 + 2 * 59 - 1)]);
}

#[test]
fn workers_that_wait_for_work_are_no_pile_up_and_those_who_come_are() {
    let waits = |live: fn(u64) -> u64| {
        move |second: u64, model: &mut Model| {
            let now = (2 + second) * SECOND;
            // One more is idle each second.
            for task in 0..20 + second {
                let record = Record {
                    resource: 0x10,
                    ..stall(task, Reason::ChanRecv.code(), now, 10 * SECOND)
                };
                model.record(&record);
            }
            at(second, live(second), 0).build()
        }
    };
    let text = text("src/main.rs", 7);
    assert_eq!(found(90, &text, waits(|_| 150)), of(&[]), "a pool");
    let comes = waits(|second| 20 + second);
    assert_eq!(found(90, &text, comes), of(&["pile_up"]));
}

/// The states of what is found, second by second, in a program with so many live tasks.
fn levels(seconds: u64, live: fn(u64) -> u64) -> Vec<(u64, &'static str)> {
    let (mut model, mut detectors) = (model(), Detectors::default());
    let states = (0..seconds).filter_map(|second| {
        let now = (2 + second) * SECOND;
        // Counters only rise, whatever lives.
        let spawned = 20_000 * (second + 1);
        let counts = at(second, spawned, spawned - live(second));
        model.observe(now, &counts.build());
        learn(&mut model, 1, &text("src/main.rs", 7));
        model.settle(now);
        let findings = detectors.look(now, 0, &model).findings;
        let mut levels = findings
            .iter()
            .filter(|finding| finding.detector.name() == "level");
        Some((second, levels.next()?.state.name()))
    });
    states.collect()
}

#[test]
fn a_level_is_suspected_before_it_is_sure() {
    let states = levels(140, |_| 5_001);
    let first = |name| states.iter().find(|(_, state)| *state == name);
    assert_eq!(first("suspected"), Some(&(0, "suspected")));
    assert_eq!(first("confirmed"), Some(&(120, "confirmed")));
    assert_eq!(states.len(), 140, "all the time");
}

#[test]
fn a_share_of_the_level_is_noted_after_a_while_and_a_larger_one_at_once() {
    assert_eq!(levels(140, |_| 1_500), []);
    assert_eq!(levels(30, |_| 1_501), [], "not for long enough");
    let after_a_while = levels(140, |_| 1_501);
    assert_eq!(after_a_while[0], (30, "suspected"));
    assert_eq!(after_a_while.len(), 110);
    assert_eq!(levels(30, |_| 1_999), []);
    // It ends only at the lower share.
    let surge = |second| [0, 2_000, 1_501, 1_500, 1_999][second as usize];
    assert_eq!(levels(5, surge), [(1, "suspected"), (2, "suspected")]);
}

#[test]
fn a_polite_yield_is_no_storm() {
    let yields = |each: u64, parks: u64| {
        move |second: u64, _: &mut Model| {
            let mut snapshot = at(second, 1, 0).build();
            snapshot.ledgers[0].1.yields = each * second;
            snapshot.ledgers[0].1.parks = parks * second;
            snapshot
        }
    };
    let text = text("src/main.rs", 7);
    assert_eq!(found(20, &text, yields(25_000, 0)), of(&["yield_storm"]));
    assert_eq!(found(20, &text, yields(19_000, 0)), of(&[]));
    assert_eq!(
        found(20, &text, yields(25_000, 1_000)),
        of(&[]),
        "it waits too"
    );
}

#[test]
fn workers_that_keep_up_starve_nobody() {
    let monitor = |runnable: fn(u64) -> u64, idle: u64| {
        move |second: u64, _: &mut Model| {
            let mut snapshot = at(second, 1, 0).monitor(1).build();
            snapshot.monitors[0].1.runnable = runnable(second);
            snapshot.monitors[0].1.idle_workers = idle;
            snapshot
        }
    };
    let text = text("src/main.rs", 7);
    assert_eq!(
        found(20, &text, monitor(|_| 17, 0)),
        of(&["starvation"]),
        "of 2 workers"
    );
    assert_eq!(found(20, &text, monitor(|_| 16, 0)), of(&[]));
    assert_eq!(found(20, &text, monitor(|_| 17, 1)), of(&[]), "one is idle");
    let bursts = |second| 1_000 * u64::from(second % 5 != 0);
    assert_eq!(found(40, &text, monitor(bursts, 0)), of(&[]));
}

#[test]
fn a_pool_that_fills_or_serves_more_does_not_grow() {
    let pool = |bytes: fn(u64) -> u64, used: fn(u64) -> [u64; 2]| {
        move |second: u64, _: &mut Model| {
            let [hits, misses] = used(second);
            let sequence = (2 + second) * SECOND;
            let key = SiteKey {
                incarnation: INCARNATION,
                site: 1,
            };
            let value = PoolValue {
                sequence,
                retained_bytes: bytes(second),
                hits,
                misses,
                sequence_end: sequence,
            };
            let mut snapshot = at(second, 1, 0).build();
            snapshot.pools.push((key, value));
            snapshot
        }
    };
    let text = text("src/main.rs", 7);
    let mebibytes_a_second = |second| second << 20;
    let hits = |second| [100 * second, 5];
    let grows = pool(mebibytes_a_second, hits);
    assert_eq!(found(50, &text, grows), of(&["cache_growth"]));
    // An object of 1 MiB a second, until there are a hundred.
    let fills = pool(
        |second| second.min(100) << 20,
        |second| [100 * second, second.min(100)],
    );
    assert_eq!(found(500, &text, fills), of(&[]));
    let slow = pool(|second| second << 10, hits);
    assert_eq!(found(500, &text, slow), of(&[]), "0.2 MiB in three windows");
    // Twice as many uses each 100 s from a hundred a second on, and bytes with them.
    let serves = pool(
        |second| (100 + second) << 20,
        |second| [100 * second + second * second / 2, 100 + second],
    );
    assert_eq!(found(500, &text, serves), of(&[]));
}

#[test]
fn a_level_must_be_exceeded_for_long() {
    let confirmed = |seconds, live| {
        let states = levels(seconds, live);
        states.into_iter().find(|(_, state)| *state == "confirmed")
    };
    assert_eq!(confirmed(140, |_| 5_001), Some((120, "confirmed")));
    assert_eq!(confirmed(140, |_| 5_000), None);
    assert_eq!(confirmed(29, |_| 10_000), None, "not critical");
    assert_eq!(
        confirmed(20, |_| 10_001),
        Some((15, "confirmed")),
        "critical"
    );
}

#[test]
fn panics_are_told_for_their_window_and_not_those_from_before() {
    let panics = |panicked: fn(u64) -> u64| {
        move |second: u64, _: &mut Model| {
            let mut snapshot = at(second, 100, 50).build();
            snapshot.ledgers[0].1.panicked = panicked(second);
            snapshot
        }
    };
    let text = text("src/main.rs", 7);
    assert_eq!(found(60, &text, panics(|_| 9)), of(&[]), "before we looked");
    assert_eq!(
        found(60, &text, panics(|second| 9 + second / 40)),
        of(&["level"])
    );
}
