//! When tasks are stuck, on hand-made snapshots.

use super::*;
use crate::detect::Detectors;
use crate::model::fixtures::{Builder, ID, INCARNATION, PID, learn, model, stall, text, unstall};
use crate::model::{Model, NamedStack, WalkedBy};
use observer_ebpf_abi::TaskKey;
use proptest::prelude::*;

const SECOND: u64 = 1_000_000_000;
const MUTEX: u64 = Reason::Mutex as u64;

/// Parked at 10 s; first named at 20 s.
const PARKED_NS: u64 = 10 * SECOND;

fn watched() -> Model {
    let mut model = model();
    model.observe(2 * SECOND, &Builder::new().ledger(1, [10, 0, 0, 0]).build());
    learn(&mut model, 1, &text("src/main.rs", 7));
    model
}

fn report(model: &mut Model, now_ns: u64, reason: u64, stalled: u64) {
    let oldest_ns = if stalled == 0 { 0 } else { now_ns - PARKED_NS };
    let builder = Builder::new().at(now_ns).ledger(1, [10, 0, 0, 0]);
    model.observe(
        now_ns,
        &builder.parked(1, reason, stalled, oldest_ns).build(),
    );
}

fn stuck(detection: &Detection) -> u64 {
    detection
        .stuck
        .get(&(ID, 0, Reason::Mutex))
        .copied()
        .unwrap_or(0)
}

#[test]
fn a_named_stall_is_stuck_from_the_threshold_until_its_release() {
    let (mut model, mut detectors) = (watched(), Detectors::default());
    let mut began = None;
    for quarter in 80..200 {
        let now = quarter * SECOND / 4;
        if quarter % 8 == 0 {
            model.record(&stall(7, MUTEX, now, now - PARKED_NS));
        }
        report(&mut model, now, MUTEX, 1);
        if stuck(&detectors.look(now, 0, &model)) == 1 {
            began.get_or_insert(now);
        }
    }
    assert_eq!(began, Some(PARKED_NS + 30 * SECOND));
    model.record(&unstall(7, MUTEX, 50 * SECOND));
    report(&mut model, 50 * SECOND, MUTEX, 0);
    let detection = detectors.look(50 * SECOND, 0, &model);
    assert_eq!((stuck(&detection), detection.findings.len()), (0, 0));
}

#[test]
fn a_finding_says_where_why_and_since_when() {
    let (mut model, mut detectors) = (watched(), Detectors::default());
    model.record(&stall(7, MUTEX, 45 * SECOND, 35 * SECOND));
    report(&mut model, 45 * SECOND, MUTEX, 1);
    let findings = detectors.look(45 * SECOND, 0, &model).findings;
    let [finding] = findings.as_slice() else {
        panic!("one finding: {findings:?}")
    };
    assert_eq!((&*finding.process, finding.id.pid), ("shop", PID));
    assert_eq!(finding.since_ns, PARKED_NS);
    assert_eq!(
        finding.summary,
        "1 task spawned at src/main.rs:7:5 stuck on mutex, the oldest for 35 s"
    );
    assert_eq!(finding.evidence["tasks"][0]["task"], 7);
}

#[test]
fn a_finding_wants_the_stack_of_its_oldest_task_until_it_says_it() {
    let (mut model, mut detectors) = (watched(), Detectors::default());
    let tell = |model: &mut Model, now_ns: u64| {
        model.record(&stall(7, MUTEX, now_ns, now_ns - PARKED_NS));
        model.record(&stall(8, MUTEX, now_ns, now_ns - PARKED_NS - SECOND));
        report(model, now_ns, MUTEX, 2);
    };
    tell(&mut model, 45 * SECOND);
    let detection = detectors.look(45 * SECOND, 0, &model);
    assert_eq!(detection.stacks_wanted, [(ID, 7)]);
    assert_eq!(detection.findings[0].evidence.get("stack"), None);
    let key = TaskKey {
        incarnation: INCARNATION,
        task: 7,
    };
    let stack = NamedStack {
        frames: vec!["shop::take".to_owned()],
        walked_by: WalkedBy::FramePointers,
        from_ns: 45 * SECOND,
        until_ns: 45 * SECOND,
    };
    model.learn_stack(key, stack);
    let detection = detectors.look(46 * SECOND, 0, &model);
    assert!(detection.stacks_wanted.is_empty(), "it is known");
    assert_eq!(
        detection.findings[0].evidence.get("stack"),
        None,
        "not sure"
    );
    tell(&mut model, 47 * SECOND);
    let detection = detectors.look(47 * SECOND, 0, &model);
    let said = &detection.findings[0].evidence["stack"];
    let expected = json!({
        "task": 7, "walked_by": "frame_pointers", "frames": ["shop::take"],
    });
    assert_eq!(*said, expected);
}

#[test]
fn waiting_and_idle_tasks_are_never_stuck() {
    for reason in Reason::ALL
        .into_iter()
        .filter(|reason| reason.class() != Class::Blocked)
    {
        let (mut model, mut detectors) = (watched(), Detectors::default());
        model.record(&stall(7, reason.code(), 990 * SECOND, 980 * SECOND));
        for now in [990, 995, 1_100] {
            report(&mut model, now * SECOND, reason.code(), 64);
            let detection = detectors.look(now * SECOND, 0, &model);
            assert!(
                detection.stuck.is_empty() && detection.findings.is_empty(),
                "{reason:?}"
            );
        }
    }
}

#[test]
fn the_number_of_stalled_tasks_bounds_the_names() {
    let (mut model, mut detectors) = (watched(), Detectors::default());
    for task in 0..4 {
        model.record(&stall(task, MUTEX, 45 * SECOND, 35 * SECOND));
    }
    report(&mut model, 45 * SECOND, MUTEX, 1);
    assert_eq!(stuck(&detectors.look(45 * SECOND, 0, &model)), 1);
}

#[test]
fn unnamed_tasks_count_once_a_whole_window_was_seen() {
    let (mut model, mut detectors) = (watched(), Detectors::default());
    let mut counts = Vec::new();
    for now in 41..=62 {
        let now = now * SECOND;
        for task in 0..3 {
            model.record(&stall(task, MUTEX, now, now - PARKED_NS));
        }
        report(&mut model, now, MUTEX, 100_000);
        counts.push(stuck(&detectors.look(now, 0, &model)));
    }
    assert_eq!(counts[0], 3, "the names");
    assert_eq!(counts[19], 3, "19 s of a window of 20 s");
    assert_eq!(counts[20], 100_000);
}

#[test]
fn young_stalls_are_not_stuck_however_many() {
    let (mut model, mut detectors) = (watched(), Detectors::default());
    for now in 20..39 {
        let now = now * SECOND;
        model.record(&stall(1, MUTEX, now, now - PARKED_NS));
        report(&mut model, now, MUTEX, 50_000);
        assert_eq!(stuck(&detectors.look(now, 0, &model)), 0);
    }
}

#[test]
fn a_process_that_is_over_leaves_nothing() {
    let (mut model, mut detectors) = (watched(), Detectors::default());
    model.record(&stall(7, MUTEX, 45 * SECOND, 35 * SECOND));
    report(&mut model, 45 * SECOND, MUTEX, 1);
    assert_eq!(stuck(&detectors.look(45 * SECOND, 0, &model)), 1);
    model.end(ID);
    let detection = detectors.look(46 * SECOND, 0, &model);
    assert!(detection.stuck.is_empty() && detection.findings.is_empty());
    assert!(detectors.stuck.floors.is_empty());
}

proptest! {
    /// However often a stall is repeated, and in whatever order with others, the count at the
    /// end is the same.
    #[test]
    fn repeats_do_not_change_the_count(order in prop::collection::vec(0_u64..6, 6..60)) {
        let (mut model, mut detectors) = (watched(), Detectors::default());
        let now = 45 * SECOND;
        for (index, task) in order.iter().chain(&[0, 1, 2, 3, 4, 5]).enumerate() {
            let at = now - SECOND + index as u64;
            // Even tasks are old, odd ones young.
            let since = if task % 2 == 0 { PARKED_NS } else { 30 * SECOND };
            model.record(&stall(*task, MUTEX, at, at - since));
        }
        report(&mut model, now, MUTEX, 6);
        prop_assert_eq!(stuck(&detectors.look(now, 0, &model)), 3);
    }
}

#[test]
fn findings_beyond_the_bound_are_counted() {
    const SITES: u64 = 1_002;
    let mut model = model();
    let mut builder = Builder::new().at(60 * SECOND);
    for site in 1..=SITES {
        builder = builder.parked(site, MUTEX, 1, 50 * SECOND);
    }
    for site in 1..=SITES {
        let record = observer_ebpf_abi::Record {
            site,
            ..stall(site, MUTEX, 60 * SECOND, 50 * SECOND)
        };
        model.record(&record);
    }
    model.observe(60 * SECOND, &builder.build());
    for site in 1..=SITES {
        learn(&mut model, site, &text("src/main.rs", site as u32));
    }
    model.settle(60 * SECOND);
    let detection = Detectors::default().look(60 * SECOND, 0, &model);
    assert_eq!(detection.findings.len(), 1_000);
    assert_eq!(detection.findings_left_out, 2);
}
