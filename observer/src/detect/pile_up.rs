//! Tasks that queue up before one resource, more and more of them.
//!
//! Looks at the named stalls of one site on one resource: 50 of them and more, and a floor that
//! rises from window to window (`trend.rs`). Each of them may well be served one day, so it is no
//! leak and nobody is stuck for ever; whoever sends them should wait instead. It is over when the
//! floor has not risen for a window.
//!
//! What is confirmed is that they queue; why the resource is slow, its owner may tell.

use std::collections::BTreeMap;

use runtime_abi::Reason;
use serde_json::json;

use super::detectors::Detect;
use super::finding::Draft;
use super::trend::{Floors, Trend};
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
    length: Trend,
    growing: Option<Growing>,
}

#[derive(Clone, Copy, Debug)]
struct Growing {
    began_ns: u64,
    seen_ns: u64,
    floors: Floors,
}

/// Those who queue now.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    tasks: u64,
    oldest_ns: u64,
    /// The owner that the latest names.
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
        let mut longest: BTreeMap<(usize, Reason), (Waiting, u64, Growing)> = BTreeMap::new();
        for (place, waiting) in waiting {
            let (site, reason, resource) = place;
            let queue = self.queues.entry((life, place)).or_default();
            let Some(growing) = queue.look(now_ns, waiting.tasks, &self.settings) else {
                continue;
            };
            let known = longest.entry((site, reason));
            let known = known.or_insert((waiting, resource, growing));
            if known.0.tasks < waiting.tasks {
                *known = (waiting, resource, growing);
            }
        }
        for ((site, reason), (waiting, resource, growing)) in longest {
            let label = process.sites()[site].label().clone();
            let draft = draft(label, reason, &waiting, resource, &growing);
            detection.findings.push(draft.of(process));
        }
    }
}

impl Queue {
    fn look(&mut self, now_ns: u64, tasks: u64, settings: &Settings) -> Option<Growing> {
        let window_ns = settings.pile_up_window_ns;
        self.length.push(now_ns, tasks, 0, window_ns);
        let floors = self.length.floors()?;
        let grows = tasks >= settings.pile_up_tasks && floors.is_growth(1, self.growing.is_some());
        if grows {
            let growing = self.growing.get_or_insert(Growing {
                began_ns: now_ns,
                seen_ns: now_ns,
                floors,
            });
            growing.seen_ns = now_ns;
            growing.floors = floors;
        }
        self.growing = self
            .growing
            .filter(|growing| now_ns.saturating_sub(growing.seen_ns) < window_ns);
        self.growing
    }
}

fn waiting(now_ns: u64, process: &Process) -> BTreeMap<Place, Waiting> {
    let mut waiting: BTreeMap<Place, Waiting> = BTreeMap::new();
    for (_, site, reason, stall) in process.stalls() {
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
            owner: (0, 0),
        });
        here.tasks += 1;
        here.oldest_ns = here.oldest_ns.max(now_ns.saturating_sub(stall.since_ns));
        here.owner = here.owner.max((stall.since_ns, stall.owner));
    }
    waiting.retain(|_, waiting| waiting.tasks >= FOLLOWED);
    waiting
}

fn draft(
    site: std::sync::Arc<str>,
    reason: Reason,
    waiting: &Waiting,
    resource: u64,
    growing: &Growing,
) -> Draft {
    let (tasks, reason) = (waiting.tasks, reason.name());
    Draft {
        detector: Detector::PileUp,
        state: State::Confirmed,
        severity: Severity::P2,
        since_ns: growing.began_ns,
        last_seen_ns: growing.seen_ns,
        summary: format!(
            "{tasks} tasks spawned at {site} queue for one resource ({reason}), more and more"
        ),
        site,
        evidence: json!({
            "reason": reason,
            "waiting": tasks,
            "floors": growing.floors.least,
            "oldest_parked_seconds": waiting.oldest_ns as f64 / 1e9,
            "resource": format!("{resource:#x}"),
            "owner": waiting.owner.1,
        }),
    }
}
