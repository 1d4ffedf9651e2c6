//! Traces that are read back as a viewer reads them.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::trace::event::tests::event;

const RUN: Kind = Kind::Run {
    worker: 3,
    runnable_ns: 5,
};
const PARK: Kind = Kind::Park {
    reason: 2,
    resource: 0,
    owner: TaskId(0),
};
const UNPARK: Kind = Kind::Unpark {
    parked_ns: 5,
    waker: TaskId(0),
};
const SPAWN: Kind = Kind::Spawn { parent: TaskId(0) };
const EXIT: Kind = Kind::Exit { outcome: 0 };

fn trace(events: &[Event], lost: u64) -> Value {
    let mut chrome = Chrome::new(70, "a \"shop\"", 0);
    let mut out = String::new();
    chrome.begin(&mut out);
    for event in events {
        chrome.event(event, &mut out);
    }
    if lost > 0 {
        chrome.lost(lost, &mut out);
    }
    chrome.end(&mut out);
    serde_json::from_str(&out).expect("JSON")
}

fn of<'t>(trace: &'t Value, ph: &str) -> Vec<&'t Value> {
    let events = trace["traceEvents"].as_array().expect("an array").iter();
    events.filter(|event| event["ph"] == ph).collect()
}

/// Begin and end of every slice in microseconds, by thread, in the order of their begins.
fn slices(trace: &Value) -> BTreeMap<u64, Vec<(f64, f64)>> {
    let mut slices: BTreeMap<u64, Vec<(f64, f64)>> = BTreeMap::new();
    for slice in of(trace, "X") {
        let (began, dur) = (slice["ts"].as_f64(), slice["dur"].as_f64());
        let (began, dur) = (began.expect("a time"), dur.expect("a duration"));
        let tid = slice["tid"].as_u64().expect("a thread");
        slices.entry(tid).or_default().push((began, began + dur));
    }
    for slices in slices.values_mut() {
        slices.sort_by(|one, other| one.0.total_cmp(&other.0));
    }
    slices
}

#[test]
fn a_task_is_a_slice_from_run_to_park_and_an_arrow_leads_to_it() {
    let trace = trace(
        &[
            event(10, 70, 1, RUN),
            event(12, 70, 2, SPAWN),
            event(15, 71, 2, RUN),
            event(17, 71, 2, PARK),
            event(18, 70, 2, UNPARK),
            event(20, 70, 1, EXIT),
            event(21, 70, 2, RUN),
            event(25, 70, 2, EXIT),
        ],
        0,
    );
    let expected = BTreeMap::from([
        (70, vec![(10.0, 20.0), (21.0, 25.0)]),
        (71, vec![(15.0, 17.0)]),
    ]);
    assert_eq!(slices(&trace), expected);
    let ends = |ph| -> Vec<_> {
        let ends = of(&trace, ph).into_iter();
        ends.map(|end| (end["id"].as_u64(), end["tid"].as_u64(), end["ts"].as_f64()))
            .collect()
    };
    assert_eq!(
        ends("s"),
        [
            (Some(1), Some(70), Some(12.0)),
            (Some(2), Some(70), Some(18.0))
        ]
    );
    assert_eq!(
        ends("f"),
        [
            (Some(1), Some(71), Some(15.0)),
            (Some(2), Some(70), Some(21.0))
        ]
    );
    assert_eq!(of(&trace, "X")[0]["args"]["end"], "park: mutex");
}

#[test]
fn a_slice_ends_with_the_next_run_in_its_thread_or_with_the_trace() {
    let trace = trace(
        &[
            event(10, 70, 1, RUN),
            event(12, 70, 2, RUN),
            event(15, 71, 3, RUN),
            event(19, 71, 3, PARK),
        ],
        0,
    );
    let expected = BTreeMap::from([
        (70, vec![(10.0, 12.0), (12.0, 19.0)]),
        (71, vec![(15.0, 19.0)]),
    ]);
    assert_eq!(slices(&trace), expected);
}

#[test]
fn what_began_before_the_trace_is_not_drawn_and_ends_nothing_else() {
    let trace = trace(
        &[
            event(10, 70, 1, PARK),
            event(11, 70, 2, RUN),
            event(12, 70, 3, EXIT),
        ],
        0,
    );
    assert_eq!(slices(&trace), BTreeMap::from([(70, vec![(11.0, 12.0)])]));
}

#[test]
fn an_unpark_outside_of_tasks_is_a_slice_for_its_arrow() {
    let trace = trace(&[event(10, 99, 1, UNPARK), event(13, 70, 1, RUN)], 0);
    assert_eq!(slices(&trace)[&99], [(10.0, 10.1)]);
    assert_eq!(of(&trace, "s").len(), 1);
}

#[test]
fn threads_are_named_after_their_workers_and_losses_are_shown() {
    let trace = trace(&[event(10, 70, 1, RUN), event(11, 99, 1, UNPARK)], 17);
    let names: Vec<_> = of(&trace, "M")
        .into_iter()
        .filter(|meta| meta["name"] != "thread_sort_index")
        .map(|meta| meta["args"]["name"].as_str().expect("a name"))
        .collect();
    assert_eq!(names, ["a \"shop\"", "worker 3", "thread 99"]);
    let instants = of(&trace, "i");
    assert_eq!(instants[0]["name"], "17 events lost");
    assert_eq!(trace["otherData"]["lost_events"], 17);
}

fn any_event() -> impl Strategy<Value = (u32, u64, Kind)> {
    let kinds = prop::sample::select(vec![RUN, PARK, UNPARK, SPAWN, EXIT]);
    (70_u32..73, 1_u64..6, kinds)
}

proptest! {
    #[test]
    fn whatever_happens_slices_do_not_overlap_and_arrows_have_two_ends(
        steps in prop::collection::vec(any_event(), 0..200),
        lost in 0_u64..2,
    ) {
        let events: Vec<Event> = (1..).zip(steps).map(|(at, (tid, task, kind))| {
            event(at, tid, task, kind)
        }).collect();
        let trace = trace(&events, lost);
        for slices in slices(&trace).values() {
            for pair in slices.windows(2) {
                prop_assert!(pair[0].1 <= pair[1].0, "{pair:?}");
            }
        }
        let ids = |ph| -> Vec<_> { of(&trace, ph).iter().map(|end| end["id"].as_u64()).collect() };
        prop_assert_eq!(ids("s"), ids("f"));
    }
}
