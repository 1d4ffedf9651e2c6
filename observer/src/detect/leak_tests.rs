//! When tasks leak by the default thresholds, on hand-made programs.

use proptest::prelude::*;
use runtime_abi::Reason;

use super::*;
use crate::detect::{Detectors, Finding};
use crate::model::Model;
use crate::model::fixtures::{Builder, learn, model, stall, text};

const SECOND: u64 = 1_000_000_000;
const STALL_PERIOD: u64 = 10;

/// Tasks that came and that ended by the end of a second.
type Program<'a> = &'a dyn Fn(u64) -> (u64, u64);

/// What is said in each second of a program whose tasks wait from their first moment on.
fn said(seconds: u64, program: Program) -> Vec<Option<Finding>> {
    let (mut model, mut detectors) = (model(), Detectors::default());
    let looks = (0..seconds).map(|second| {
        let now = (2 + second) * SECOND;
        name_stalls(&mut model, second, program);
        let (spawned, ended) = program(second);
        let stalled = stalled(second, program).count() as u64;
        let ledger = Builder::new().at(now).ledger(1, [spawned, ended, 0, 0]);
        let reason = Reason::ChanRecv.code();
        let snapshot = ledger.parked(1, reason, stalled, 0).build();
        model.observe(now, &snapshot);
        learn(&mut model, 1, &text("src/main.rs", 7));
        model.settle(now);
        let mut findings = detectors.look(now, 0, &model).findings;
        findings.retain(|finding| finding.detector != Detector::Level);
        assert!(findings.len() <= 1, "{findings:?}");
        findings.pop()
    });
    looks.collect()
}

/// Tasks that have waited for a stall period: the first to come are the first to end.
fn stalled(second: u64, program: Program) -> std::ops::Range<u64> {
    let then = second.checked_sub(STALL_PERIOD);
    let came = then.map_or(0, |then| program(then).0);
    let ended = program(second).1;
    ended.min(came)..came
}

fn name_stalls(model: &mut Model, second: u64, program: Program) {
    if !second.is_multiple_of(2) {
        return;
    }
    let now = (2 + second) * SECOND;
    let seconds: Vec<u64> = (0..=second).map(|second| program(second).0).collect();
    for task in stalled(second, program) {
        let came = seconds.partition_point(|came| *came <= task) as u64;
        let parked_ns = (second - came) * SECOND;
        // A resource for each.
        let record = observer_ebpf_abi::Record {
            resource: 0x1000 + task,
            ..stall(task, Reason::ChanRecv.code(), now, parked_ns)
        };
        model.record(&record);
    }
}

fn first(said: &[Option<Finding>], state: State) -> Option<usize> {
    let is_it = |finding: &Option<Finding>| {
        let finding = finding.as_ref();
        finding.is_some_and(|finding| finding.state == state)
    };
    said.iter().position(is_it)
}

#[test]
fn a_leak_is_suspected_within_50_s_and_confirmed_after_six_minutes() {
    let said = said(400, &|second| (5 * second, 0));
    let suspected = first(&said, State::Suspected).expect("it leaks");
    let confirmed = first(&said, State::Confirmed).expect("it leaks");
    assert!((42..=48).contains(&suspected), "{suspected}");
    assert!((360..=380).contains(&confirmed), "{confirmed}");
    let told = || said[suspected..].iter().map(Option::as_ref);
    assert!(told().all(|finding| finding.is_some()), "it lasts");
    let keys: Vec<_> = told().flatten().map(Finding::key).collect();
    assert!(
        keys.windows(2).all(|pair| pair[0] == pair[1]),
        "as one finding"
    );
    let since: Vec<_> = told().flatten().map(|finding| finding.since_ns).collect();
    assert!(
        since.windows(2).all(|pair| pair[0] == pair[1]),
        "since then: {since:?}"
    );
}

#[test]
fn a_suspicion_ends_with_half_of_what_it_is_about() {
    // A fan-out: 300 tasks in 50 s, all of which end a minute later, within ten seconds.
    let fan_out = |second: u64| {
        let ended = second.saturating_sub(90).min(10) * 30;
        (second.min(50) * 6, ended)
    };
    let said = said(200, &fan_out);
    assert!(
        first(&said, State::Suspected).is_some(),
        "it looks like a leak"
    );
    let last = said.iter().rposition(Option::is_some);
    assert!(last.is_some_and(|second| second <= 96), "{last:?}");
}

#[test]
fn who_comes_more_slowly_or_ends_is_not_suspected() {
    let programs: [(&str, Program); 5] = [
        ("one in eight ends", &|second| (8 * second, second)),
        ("a pool that fills", &|second| ((second * 5 / 2).min(50), 0)),
        ("a hundred at once", &|second| {
            (100 * u64::from(second > 5), 0)
        }),
        ("four a second", &|second| (4 * second.min(120), 0)),
        ("six a second for half a minute", &|second| {
            (6 * second.min(30), 0)
        }),
    ];
    for (name, program) in programs {
        assert_eq!(first(&said(150, program), State::Suspected), None, "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A server that has just been started, of whatever load, whose tasks live for up to four
    /// minutes on average.
    #[test]
    fn a_server_that_warms_up_is_not_suspected(load in 1_u64..200, life in 1_u64..240) {
        let mut watch = Watch::default();
        for second in 0..120 {
            let share_there = 1.0 - (-(second as f64) / life as f64).exp();
            let live = (load as f64 * life as f64 * share_there) as u64;
            let spawned = load * second;
            let counters = Counters {
                spawned,
                returned: spawned.saturating_sub(live),
                ..Counters::default()
            };
            // The late look has to see more than these two minutes.
            let seen = watch.look(second * SECOND, &counters, &Settings::default());
            prop_assert!(seen.is_none(), "in second {second}: {seen:?}");
        }
    }
}
