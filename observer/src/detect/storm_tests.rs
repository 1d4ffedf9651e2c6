//! When stacks storm, on hand-made snapshots.

use super::*;
use crate::detect::Detectors;
use crate::model::Model;
use crate::model::fixtures::{Builder, ID, INCARNATION, PID, learn, model, text};
use observer_ebpf_abi::{EventCounts, FaultKey, FaultValue};

const SECOND: u64 = 1_000_000_000;
const STEP: u64 = SECOND / 4;

struct Program {
    model: Model,
    detectors: Detectors,
    step: u64,
}

impl Program {
    /// Attached at two seconds to a program that has these counts already.
    fn attached(counts: [u64; 4]) -> Self {
        let mut program = Self {
            model: model(),
            detectors: Detectors::default(),
            step: 8,
        };
        program.tell(counts);
        learn(&mut program.model, 1, &text("src/main.rs", 7));
        program.tell(counts);
        program
    }

    /// The next step's counts: spawned, returned, growths, stack bytes.
    fn tell(&mut self, counts: [u64; 4]) -> Storm {
        self.tell_with_events(counts, EventCounts::default())
    }

    /// The same with what the event probes counted.
    fn tell_with_events(&mut self, counts: [u64; 4], events: EventCounts) -> Storm {
        self.step += 1;
        let now = self.step * STEP;
        let mut snapshot = Builder::new().at(now).ledger(1, counts).build();
        if events != EventCounts::default() {
            let key = snapshot.ledgers[0].0;
            snapshot.counts.push((key, events));
        }
        self.model.observe(now, &snapshot);
        let detection = self.detectors.look(now, 0, &self.model);
        let storm = detection.storms.get(&(ID, 0)).copied().unwrap_or_default();
        let mut findings = detection.findings.iter();
        let is_found = findings.any(|finding| finding.detector == Detector::Storm);
        assert_eq!(storm.active, is_found);
        storm
    }
}

#[test]
fn repeated_growths_of_held_tasks_storm_within_a_second_and_end() {
    let mut program = Program::attached([100, 0, 0, 0]);
    let mut growths = 0;
    let begun = (1..=8).find(|_| {
        growths += 60;
        program.tell([100, 0, growths, 0]).active
    });
    assert!(begun.is_some_and(|steps| steps <= 4), "{begun:?}");
    let ended = (1..=16).find(|_| !program.tell([100, 0, growths, 0]).active);
    assert!(ended.is_some_and(|steps| steps <= 8), "{ended:?}");
    assert_eq!(
        program.tell([100, 0, growths, 0]),
        Storm {
            begun: 1,
            active: false
        }
    );
}

#[test]
fn what_grew_before_the_attach_is_no_storm() {
    let mut program = Program::attached([100, 0, 50_000, 0]);
    for _ in 0..20 {
        assert_eq!(program.tell([100, 0, 50_000, 0]), Storm::default());
    }
}

#[test]
fn short_tasks_that_grow_once_each_are_no_storm() {
    let mut program = Program::attached([0, 0, 0, 0]);
    for step in 1..40 {
        let tasks = step * 1_250;
        assert!(!program.tell([tasks, tasks - 3, tasks * 2, 98_304]).active);
    }
}

#[test]
fn new_tasks_that_go_past_half_their_limit_storm() {
    let mut program = Program::attached([0, 0, 0, 0]);
    program.tell([200, 0, 400, 200 * (128 << 10)]);
    assert!(program.tell([400, 0, 1_200, 400 * (256 << 10)]).active);
}

#[test]
fn a_slow_growth_is_no_storm() {
    let mut program = Program::attached([10, 0, 0, 0]);
    for step in 1..40 {
        assert!(
            !program.tell([10, 0, step * 24, 0]).active,
            "96 in a second"
        );
    }
}

#[test]
fn a_burst_just_above_the_limit_is_one_storm() {
    let mut program = Program::attached([10, 0, 5, 0]);
    assert!(!program.tell([10, 0, 105, 0]).active, "exactly 100");
    for _ in 0..8 {
        program.tell([10, 0, 105, 0]);
    }
    assert!(program.tell([10, 0, 206, 0]).active, "101");
}

#[test]
fn a_storm_that_pauses_for_less_than_a_window_is_one() {
    let mut program = Program::attached([10, 0, 0, 0]);
    let mut growths = 0;
    for step in 0..40 {
        growths += if step % 4 == 0 { 150 } else { 0 };
        program.tell([10, 0, growths, 0]);
    }
    assert_eq!(program.tell([10, 0, growths, 0]).begun, 1);
}

#[test]
fn one_deep_task_among_shallow_ones_storms_where_events_tell_it() {
    let events = |growths, deep_growths| EventCounts {
        spawned: 1_000,
        growths,
        deep_growths,
        ..EventCounts::default()
    };
    // Shallow on average, and fewer growths than three a task.
    for (deep_growths, storms) in [(0, false), (1, true)] {
        let mut program = Program::attached([0, 0, 0, 0]);
        let storm =
            program.tell_with_events([1_000, 0, 500, 1_000 << 15], events(500, deep_growths));
        assert_eq!(storm.active, storms, "{deep_growths}");
    }
}

#[test]
fn a_deep_growth_that_is_over_makes_no_later_burst_a_storm() {
    let events = |spawned, growths| EventCounts {
        spawned,
        growths,
        deep_growths: 1,
        ..EventCounts::default()
    };
    let mut program = Program::attached([10_000, 0, 0, 0]);
    for _ in 0..8 {
        assert!(
            !program
                .tell_with_events([10_000, 0, 50, 0], events(0, 50))
                .active
        );
    }
    let burst = [11_000, 0, 250, 0];
    assert!(!program.tell_with_events(burst, events(1_000, 250)).active);
}

#[test]
fn what_events_saw_since_the_attach_is_in_no_baseline() {
    let seen = EventCounts {
        growths: 300,
        ..EventCounts::default()
    };
    let mut program = Program::attached([10, 0, 300, 0]);
    assert!(
        !program.tell([10, 0, 300, 0]).active,
        "the ledger's baseline"
    );
    assert!(program.tell_with_events([10, 0, 300, 0], seen).active);
}

#[test]
fn the_function_in_which_most_growths_are_is_named_once_it_is_known() {
    let mut program = Program::attached([100, 0, 0, 0]);
    let mut tell = |step: u64, function: Option<&str>| {
        let now = (9 + step) * STEP;
        let mut snapshot = Builder::new()
            .at(now)
            .ledger(1, [100, 0, 200 * step, 0])
            .build();
        for (pc, growths) in [(0x10, 5), (0x20, 90)] {
            let key = FaultKey {
                incarnation: INCARNATION,
                site: 1,
                pc,
            };
            let value = FaultValue {
                growths,
                widest_bytes: 0,
            };
            snapshot.faults.push((key, value));
        }
        program.model.observe(now, &snapshot);
        if let Some(function) = function {
            assert_eq!(
                program.model.unnamed_instructions(),
                [(PID, 0x10), (PID, 0x20)]
            );
            program.model.learn_function(PID, 0x10, "main");
            program.model.learn_function(PID, 0x20, function);
        }
        let mut findings = program.detectors.look(now, 0, &program.model).findings;
        findings.pop().expect("it storms")
    };
    let before = tell(2, None);
    assert_eq!(before.evidence["function"], serde_json::Value::Null);
    let after = tell(3, Some("walk"));
    assert_eq!(after.evidence["function"], "walk");
    assert!(
        after.summary.ends_with(", most in walk"),
        "{}",
        after.summary
    );
    assert_eq!(after.evidence["functions"][1]["function"], "main");
}
