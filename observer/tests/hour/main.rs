//! An hour of a program's life in a few seconds, looked at by the model and the detectors as they
//! are: the clock of the runtime's simulations does not wait.
//!
//! The program is real tasks under a schedule that is drawn from a seed (`mix.rs`); what it does is
//! told by `runtime::introspect` and not by probes (`inside.rs`), so this is also a second source
//! for the model. Thresholds are the defaults.

mod inside;
mod mix;
mod random;

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use observer::detect::{Detectors, Finding, State};
use observer::model::{Meta, Model};
use runtime::sleep;
use runtime::test::Test;

use inside::{ID, Inside};
use mix::Mix;

const MINUTE: Duration = Duration::from_secs(60);
const STEP: Duration = Duration::from_secs(2);
/// Healthy hours that are looked at.
const SEEDS: u64 = 2;

/// A finding, and when it was there.
type Said = (Duration, Finding);

/// Runs the mix for so long and until all its tasks have ended; what is said of it, second by
/// second.
fn watch(seed: u64, lasts: Duration, leaks_from: Option<Duration>) -> Vec<Said> {
    // The runtime speaks for the whole process.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    // The leak's tasks are left.
    let test = Test::simulation(seed).allow(mix::LEAK);
    test.run(move || {
        let mut watch = Watch::new();
        let mix = Mix::start(seed, lasts, leaks_from);
        let mut said = Vec::new();
        while !mix.is_over() {
            sleep(STEP);
            let findings = watch.look();
            said.extend(findings.into_iter().map(|finding| (mix.age(), finding)));
        }
        said
    })
}

/// The stages after a source.
struct Watch {
    source: Inside,
    model: Model,
    detectors: Detectors,
}

impl Watch {
    fn new() -> Self {
        let mut model = Model::new();
        let meta = Meta {
            name: "mix".into(),
            exe: "/usr/bin/mix".into(),
            container_id: None,
            pod: None,
        };
        model.appear(ID, meta);
        Self {
            source: Inside::new(),
            model,
            detectors: Detectors::default(),
        }
    }

    fn look(&mut self) -> Vec<Finding> {
        let reports = self.source.look();
        reports.iter().for_each(|report| self.model.record(report));
        let now_ns = self.source.now_ns();
        self.model.observe(now_ns, &self.source);
        for (pid, key) in self.model.unread_sites(now_ns) {
            self.model.learn(pid, key, &self.source.text(key.site));
        }
        self.model.settle(now_ns);
        self.detectors.look(now_ns, 0, &self.model).findings
    }
}

fn summaries(said: &[Said]) -> BTreeSet<String> {
    let lines = said.iter().map(|(at, finding)| {
        let (detector, site) = (finding.detector.name(), &finding.site);
        format!(
            "{detector} at {site} ({}) in minute {}",
            finding.reason(),
            at.as_secs() / 60
        )
    });
    lines.collect()
}

#[test]
fn nothing_is_said_of_an_hour_of_server_pool_burst_and_cron() {
    for seed in 0..SEEDS {
        let said = watch(seed, 60 * MINUTE, None);
        assert_eq!(summaries(&said), BTreeSet::new(), "seed {seed}");
    }
}

#[test]
fn a_leak_among_them_is_suspected_within_a_minute_and_confirmed_later_and_nothing_else_is() {
    let began = 10 * MINUTE;
    let said = watch(7, 22 * MINUTE, Some(began));
    let first = |state| {
        let of_state = said.iter().find(|(_, finding)| finding.state == state);
        let (at, finding) = of_state.unwrap_or_else(|| panic!("{:?}", summaries(&said)));
        assert_eq!(finding.detector.name(), "leak");
        assert_eq!(finding.reason(), "chan_recv");
        at.saturating_sub(began)
    };
    let (suspected, confirmed) = (first(State::Suspected), first(State::Confirmed));
    assert!(
        suspected > Duration::ZERO && suspected <= MINUTE,
        "{suspected:?}"
    );
    assert!(
        confirmed >= 5 * MINUTE && confirmed <= 8 * MINUTE,
        "{confirmed:?}"
    );
    let sites: BTreeSet<_> = said.iter().map(|(_, finding)| &finding.site).collect();
    assert_eq!(sites.len(), 1, "{sites:?}");
    let last = said.last().expect("it lasts").1.state;
    assert_eq!(last, State::Confirmed);
}
