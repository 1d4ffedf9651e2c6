//! When tasks are deadlocked, on hand-made snapshots.

use observer_ebpf_abi::Record;

use super::*;
use crate::detect::{Detectors, Finding};
use crate::model::Model;
use crate::model::fixtures::{Builder, ID, learn, model, stall, text};

const SECOND: u64 = 1_000_000_000;
const MUTEX: u64 = Reason::Mutex as u64;
const RECV: u64 = Reason::ChanRecv as u64;
/// Of slots 7 and 8, in their third generation.
const SEVEN: u64 = (3 << 32) | 7;
const EIGHT: u64 = (3 << 32) | 8;

/// Task, reason, resource, owner, and second of the park.
type Park = (u64, u64, u64, u64, u64);

/// Reports the parks every two seconds from 20 s on; the findings after each report.
fn watch(reports: u64, parks: impl Fn(u64) -> Vec<Park>) -> Vec<Vec<Finding>> {
    let (mut model, mut detectors) = (model(), Detectors::default());
    let looks = (0..reports).map(|report| {
        let now = (20 + 2 * report) * SECOND;
        tell(&mut model, now, parks(report));
        look(&mut detectors, &mut model, now)
    });
    looks.collect()
}

fn tell(model: &mut Model, now: u64, parks: Vec<Park>) {
    for (task, reason, resource, owner, since) in parks {
        let record = Record {
            resource,
            owner,
            ..stall(task, reason, now, now - since * SECOND)
        };
        model.record(&record);
    }
}

fn look(detectors: &mut Detectors, model: &mut Model, now: u64) -> Vec<Finding> {
    model.observe(
        now,
        &Builder::new().at(now).ledger(1, [10, 0, 0, 0]).build(),
    );
    learn(model, 1, &text("src/main.rs", 7));
    model.settle(now);
    // What is parked on a lock is stuck as well, soon.
    let mut findings = detectors.look(now, 0, model).findings;
    findings.retain(|finding| finding.detector == Detector::Deadlock);
    findings
}

/// Reports with a finding.
fn found(looks: &[Vec<Finding>]) -> Vec<usize> {
    let looks = looks.iter().enumerate();
    looks
        .filter_map(|(report, findings)| (!findings.is_empty()).then_some(report))
        .collect()
}

fn crossed(reason: u64) -> Vec<Park> {
    vec![
        (SEVEN, reason, 0x10, EIGHT, 10),
        (EIGHT, reason, 0x20, SEVEN, 11),
    ]
}

#[test]
fn a_cycle_of_locks_is_confirmed_once_it_was_named_three_times_more() {
    let looks = watch(6, |_| crossed(MUTEX));
    assert_eq!(found(&looks), [3, 4, 5]);
    let [finding] = looks[3].as_slice() else {
        panic!("one: {:?}", looks[3])
    };
    assert_eq!(
        (finding.state, finding.severity),
        (State::Confirmed, Severity::P1)
    );
    assert_eq!(finding.since_ns, 11 * SECOND, "closed by the second");
    assert_eq!(
        finding.summary,
        "2 tasks spawned at src/main.rs:7:5 wait for each other (mutex)"
    );
}

#[test]
fn the_stack_of_the_first_in_a_cycle_is_wanted_once_it_is_found() {
    let (mut model, mut detectors) = (model(), Detectors::default());
    let mut wanted = Vec::new();
    for report in 0..5 {
        let now = (20 + 2 * report) * SECOND;
        tell(&mut model, now, crossed(MUTEX));
        look(&mut detectors, &mut model, now);
        wanted.push(detectors.look(now, 0, &model).stacks_wanted);
    }
    assert!(wanted[..3].iter().all(Vec::is_empty), "{wanted:?}");
    assert_eq!(wanted[4], [(ID, SEVEN)]);
}

#[test]
fn a_cycle_through_a_channel_is_suspected_and_takes_three_times_as_long() {
    let looks = watch(11, |_| crossed(RECV));
    assert_eq!(found(&looks), [9, 10]);
    assert_eq!(looks[9][0].state, State::Suspected);
}

#[test]
fn a_cycle_whose_parks_are_new_each_time_is_none() {
    let looks = watch(12, |report| {
        let again = 10 + 2 * (report / 2);
        vec![
            (SEVEN, MUTEX, 0x10, EIGHT, 10),
            (EIGHT, MUTEX, 0x20, SEVEN, again),
        ]
    });
    assert_eq!(found(&looks), [0_usize; 0]);
}

#[test]
fn an_owner_that_has_let_go_since_is_told_by_who_came_later() {
    // Task 9 has the lock 0x10 now, says the one that came last.
    let looks = watch(12, |_| {
        let mut parks = crossed(MUTEX);
        parks.push((6, MUTEX, 0x10, 9, 12));
        parks
    });
    assert_eq!(found(&looks), [0_usize; 0]);
}

#[test]
fn a_chain_is_no_cycle() {
    let looks = watch(12, |_| {
        vec![(SEVEN, MUTEX, 0x10, EIGHT, 10), (EIGHT, MUTEX, 0x20, 9, 11)]
    });
    assert_eq!(found(&looks), [0_usize; 0]);
}

#[test]
fn who_waits_for_a_cycle_is_not_in_it() {
    let looks = watch(5, |_| {
        let mut parks = crossed(MUTEX);
        // Comes first in the order of tasks, and leads into the cycle.
        parks.push((1, MUTEX, 0x30, SEVEN, 12));
        parks
    });
    let tasks = looks[4][0].evidence["tasks"].as_array().expect("tasks");
    assert_eq!((looks[4].len(), tasks.len()), (1, 2));
}

#[test]
fn a_lock_whose_holder_has_ended_is_lost() {
    let next = (4 << 32) | 7;
    let looks = watch(5, |_| {
        vec![
            (next, MUTEX, 0x10, SEVEN, 10),
            (EIGHT, MUTEX, 0x10, SEVEN, 12),
        ]
    });
    assert_eq!(found(&looks), [3, 4]);
    assert_eq!(looks[4][0].evidence["owner_ended"], true);
}

#[test]
fn an_owner_that_ended_after_the_park_may_have_let_go() {
    let next = (4 << 32) | 7;
    let looks = watch(12, |_| {
        vec![(EIGHT, MUTEX, 0x10, SEVEN, 10), (next, RECV, 0x90, 0, 12)]
    });
    assert_eq!(found(&looks), [0_usize; 0]);
}

/// Two tasks of two sites that wait for each other, for these reasons; what is found in the end.
fn of_two_sites(reasons: [Reason; 2]) -> Finding {
    let (mut model, mut detectors) = (model(), Detectors::default());
    let looks = (0..12).map(|report| {
        let now = (20 + 2 * report) * SECOND;
        let tasks = [(SEVEN, EIGHT), (EIGHT, SEVEN)];
        for (place, ((task, owner), reason)) in tasks.into_iter().zip(reasons).enumerate() {
            model.record(&Record {
                site: place as u64 + 1,
                resource: 0x10 << place,
                owner,
                ..stall(task, reason.code(), now, now - 10 * SECOND)
            });
        }
        let ledger = Builder::new().at(now).ledger(1, [1, 0, 0, 0]);
        model.observe(now, &ledger.ledger(2, [1, 0, 0, 0]).build());
        learn(&mut model, 1, &text("src/left.rs", 7));
        learn(&mut model, 2, &text("src/right.rs", 9));
        model.settle(now);
        let findings = detectors.look(now, 0, &model).findings;
        let mut deadlocks = findings
            .into_iter()
            .filter(|finding| finding.detector == Detector::Deadlock);
        deadlocks.next()
    });
    looks.flatten().last().expect("it is found")
}

#[test]
fn a_cycle_through_a_join_and_a_lock_is_confirmed_and_names_tasks_sites_and_resources() {
    let finding = of_two_sites([Reason::Mutex, Reason::Join]);
    assert_eq!(finding.state, State::Confirmed);
    assert_eq!(
        finding.summary,
        "2 tasks spawned at src/left.rs:7:5 and src/right.rs:9:5 wait for each other (mutex)"
    );
    let tasks = finding.evidence["tasks"].as_array().expect("tasks");
    let named = |task: &serde_json::Value| {
        let text = |key: &str| task[key].as_str().unwrap_or_default().to_owned();
        (
            task["task"].as_u64(),
            text("site"),
            text("reason"),
            text("resource"),
        )
    };
    let expected = [
        (SEVEN, "src/left.rs:7:5", "mutex", "0x10"),
        (EIGHT, "src/right.rs:9:5", "join", "0x20"),
    ];
    let expected = expected.map(|(task, site, reason, resource)| {
        (
            Some(task),
            site.to_owned(),
            reason.to_owned(),
            resource.to_owned(),
        )
    });
    assert_eq!(tasks.iter().map(named).collect::<Vec<_>>(), expected);
}

#[test]
fn a_cycle_is_as_sure_as_the_least_sure_of_its_waits() {
    for reason in [
        Reason::ChanRecv,
        Reason::ChanSend,
        Reason::Semaphore,
        Reason::WaitGroup,
    ] {
        let finding = of_two_sites([Reason::Mutex, reason]);
        assert_eq!(finding.state, State::Suspected, "{}", reason.name());
        assert_eq!(finding.severity, Severity::P2);
    }
    let finding = of_two_sites([Reason::Join, Reason::Rwlock]);
    assert_eq!(finding.state, State::Confirmed);
}
