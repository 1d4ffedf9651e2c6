//! Tasks that queue up before one resource, more and more of them.
//!
//! Looks at the named stalls of one site on one resource: 50 of them and more, and a floor that
//! rises from window to window (`trend.rs`). Each of them may well be served one day, so it is no
//! leak and nobody is stuck for ever; whoever sends them should wait instead. It is over when the
//! floor has not risen for a window.
//!
//! Workers that wait for work at one channel are stalled there too, and more and more of them as
//! the load falls. So tasks that wait for a *waiting* reason queue only if the site's live tasks
//! become more as well, by half of what the queue does: those who come, not those who idle.
//!
//! What is confirmed is that they queue; why the resource is slow, its owner may tell.

use std::collections::BTreeMap;
use std::sync::Arc;

use runtime_abi::{Class, Reason};
use serde_json::json;

use super::detectors::Detect;
use super::finding::Draft;
use super::rise::{Gauge, Phase, Rise, Rising, Rule};
use super::trend::Trend;
use super::{Detection, Detector, Life, Settings, Severity, State};
use crate::model::Process;

/// Queues that are followed: those of at least so many tasks.
const FOLLOWED: u64 = 8;

/// The detector.
#[derive(Debug, Default)]
pub(super) struct PileUp {
    settings: Settings,
    queues: BTreeMap<(Life, Place), Queue>,
}

/// A site, a reason, and the address of what is waited for.
type Place = (usize, Reason, u64);

#[derive(Debug, Default)]
struct Queue {
    length: Rise,
    /// Live tasks of its site.
    live: Trend,
}

/// Those who queue now.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    tasks: u64,
    oldest_ns: u64,
    /// Since when the first waits, and who that is.
    first: (u64, u64),
    /// Since when the latest waits, and the owner that it names.
    owner: (u64, u64),
}

impl PileUp {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            queues: BTreeMap::new(),
        }
    }
}

impl Detect for PileUp {
    fn retain(&mut self, alive: &dyn Fn(Life) -> bool) {
        self.queues.retain(|(life, _), _| alive(*life));
    }

    fn look(&mut self, now_ns: u64, process: &Process, detection: &mut Detection) {
        let life = Life::of(process);
        let waiting = waiting(now_ns, process);
        self.queues
            .retain(|(of, place), _| *of != life || waiting.contains_key(place));
        // Of several resources of one kind, the longest queue speaks for all.
        let mut longest: BTreeMap<(usize, Reason), (Waiting, u64, Rising)> = BTreeMap::new();
        for (place, waiting) in waiting {
            let (site, reason, resource) = place;
            let queue = self.queues.entry((life, place)).or_default();
            let length = Gauge {
                now_ns,
                value: waiting.tasks,
                counted: 0,
            };
            let live = process.sites()[site].counters().live();
            let Some(rising) = queue.look(length, live, reason, &self.settings) else {
                continue;
            };
            let known = longest.entry((site, reason));
            let known = known.or_insert((waiting, resource, rising));
            if known.0.tasks < waiting.tasks {
                *known = (waiting, resource, rising);
            }
        }
        for ((site, reason), (waiting, resource, rising)) in longest {
            let label = process.sites()[site].label().clone();
            let draft = draft(label, reason, &waiting, resource, &rising);
            let (_, first) = waiting.first;
            detection.add(draft.of(process), process, Some(first));
        }
    }
}

impl Queue {
    fn look(
        &mut self,
        length: Gauge,
        live: u64,
        reason: Reason,
        settings: &Settings,
    ) -> Option<Rising> {
        let window_ns = settings.pile_up_window_ns;
        self.live.push(length.now_ns, live, 0, window_ns);
        let live = self.live.floors();
        let rule = Rule {
            window_ns,
            lasts_ns: 0,
            patience_ns: window_ns,
        };
        self.length.look(length, rule, |floors, phase| {
            let comes = live.is_some_and(|live| live.rise() >= floors.rise() / 2);
            length.value >= settings.pile_up_tasks
                && floors.is_growth(1, phase != Phase::New)
                && (comes || reason.class() != Class::Waiting)
        })
    }
}

fn waiting(now_ns: u64, process: &Process) -> BTreeMap<Place, Waiting> {
    let mut waiting: BTreeMap<Place, Waiting> = BTreeMap::new();
    for (task, site, reason, stall) in process.stalls() {
        let (Some(site), Some(reason)) = (site, reason) else {
            continue;
        };
        if stall.resource == 0 {
            continue;
        }
        let here = waiting.entry((site, reason, stall.resource));
        let here = here.or_insert(Waiting {
            tasks: 0,
            oldest_ns: 0,
            first: (u64::MAX, 0),
            owner: (0, 0),
        });
        here.tasks += 1;
        here.oldest_ns = here.oldest_ns.max(now_ns.saturating_sub(stall.since_ns));
        here.first = here.first.min((stall.since_ns, task));
        here.owner = here.owner.max((stall.since_ns, stall.owner));
    }
    waiting.retain(|_, waiting| waiting.tasks >= FOLLOWED);
    waiting
}

fn draft(
    site: Arc<str>,
    reason: Reason,
    waiting: &Waiting,
    resource: u64,
    rising: &Rising,
) -> Draft {
    let (tasks, reason) = (waiting.tasks, reason.name());
    Draft {
        detector: Detector::PileUp,
        state: State::Confirmed,
        severity: Severity::P2,
        since_ns: rising.began_ns,
        last_seen_ns: rising.seen_ns,
        summary: format!(
            "{tasks} tasks spawned at {site} queue for one resource ({reason}), more and more"
        ),
        site,
        evidence: json!({
            "reason": reason,
            "waiting": tasks,
            "floors": rising.floors.least,
            "oldest_parked_seconds": waiting.oldest_ns as f64 / 1e9,
            "resource": format!("{resource:#x}"),
            "owner": waiting.owner.1,
        }),
    }
}
