//! Tasks that come and never go.
//!
//! The rule of `deploy/prometheus/rules/leak.yaml`, for those who have no Prometheus, or no hour: a
//! site leaks if the floor of its live tasks has risen in each of three windows, one after another,
//! by more than the load explains (`trend.rs`), and goes on doing so for two windows more, which
//! keeps silent about whatever fills in five windows and then stays. It is over when the floors
//! have not risen for a window.
//!
//! *Confirmed* is a leak if nine in ten of the tasks by which the floor rose are still the same
//! tasks at the same place: named stalls of one reason that began within the windows and have
//! lasted for the last of them. Tasks that move (a ticker, a loop) and those that no monitor
//! names (idle ones) leave it *suspected*. So does a process with more stalls than are named.
//!
//! Sites of services are left out: their tasks are said to live for ever.

use std::collections::{BTreeMap, HashMap};

use serde_json::json;

use super::detectors::Detect;
use super::finding::{Draft, reason_name};
use super::trend::{Floors, Trend};
use super::{Detection, Detector, Life, Settings, Severity, State};
use crate::model::Process;

/// Windows for which the rise must go on before it is reported.
const PATIENCE: u64 = 2;
/// Windows that a rise is seen over.
const SEEN: u64 = 4;
/// Reason of tasks that are not stalled: they run now and then, or have not waited for long.
const NONE: &str = "none";

/// The detector.
#[derive(Debug, Default)]
pub(super) struct Leak {
    settings: Settings,
    sites: BTreeMap<(Life, usize), Watch>,
}

#[derive(Debug, Default)]
struct Watch {
    live: Trend,
    rising: Option<Rising>,
}

/// A rise, from its first sight on.
#[derive(Clone, Copy, Debug)]
struct Rising {
    began_ns: u64,
    seen_ns: u64,
    floors: Floors,
}

/// Named stalls by site and reason that began within the windows and lasted for the last.
type Held = HashMap<(usize, &'static str), u64>;

impl Leak {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            ..Self::default()
        }
    }

    fn held(&self, now_ns: u64, process: &Process) -> Held {
        let window_ns = self.settings.leak_window_ns;
        let ages_ns = window_ns..=window_ns * (SEEN + PATIENCE);
        let mut held = Held::new();
        for (_, site, reason, stall) in process.stalls() {
            let age_ns = now_ns.saturating_sub(stall.since_ns);
            if let Some(site) = site.filter(|_| ages_ns.contains(&age_ns)) {
                *held.entry((site, reason_name(reason))).or_default() += 1;
            }
        }
        held
    }
}

impl Detect for Leak {
    fn retain(&mut self, alive: &dyn Fn(Life) -> bool) {
        self.sites.retain(|(life, _), _| alive(*life));
    }

    fn look(&mut self, now_ns: u64, process: &Process, detection: &mut Detection) {
        let mut reported = Vec::new();
        for (index, site) in process.sites().iter().enumerate() {
            if site.is_service() {
                continue;
            }
            let counters = site.counters();
            let watch = self.sites.entry((Life::of(process), index)).or_default();
            let rising = watch.look(now_ns, counters.live(), counters.spawned, &self.settings);
            reported.extend(rising.map(|rising| (index, rising)));
        }
        if reported.is_empty() {
            return;
        }
        let held = self.held(now_ns, process);
        for (index, rising) in reported {
            let draft = draft(now_ns, process, index, &rising, &held, &self.settings);
            detection.findings.push(draft.of(process));
        }
    }
}

impl Watch {
    /// The rise, once it has gone on for long enough.
    fn look(
        &mut self,
        now_ns: u64,
        live: u64,
        spawned: u64,
        settings: &Settings,
    ) -> Option<Rising> {
        let window_ns = settings.leak_window_ns;
        self.live.push(now_ns, live, spawned, window_ns);
        let floors = self.live.floors()?;
        if floors.is_growth(settings.leak_tasks, self.rising.is_some()) {
            let rising = self.rising.get_or_insert(Rising {
                began_ns: now_ns,
                seen_ns: now_ns,
                floors,
            });
            rising.seen_ns = now_ns;
            rising.floors = floors;
        } else if self
            .rising
            .is_some_and(|rising| now_ns.saturating_sub(rising.seen_ns) >= window_ns)
        {
            self.rising = None;
        }
        self.rising
            .filter(|rising| rising.seen_ns.saturating_sub(rising.began_ns) >= PATIENCE * window_ns)
    }
}

fn draft(
    now_ns: u64,
    process: &Process,
    index: usize,
    rising: &Rising,
    held: &Held,
    settings: &Settings,
) -> Draft {
    let site = &process.sites()[index];
    let rise = rising.floors.rise();
    let same = held
        .iter()
        .filter(|((at, _), _)| *at == index)
        .max_by_key(|((_, reason), tasks)| (**tasks, *reason));
    let (reason, same_tasks) = match same {
        Some(((_, reason), tasks)) if tasks * 10 >= rise * 9 => (*reason, *tasks),
        other => (
            stalled_reason(process, index, rise),
            other.map_or(0, |(_, tasks)| *tasks),
        ),
    };
    let confirmed = same_tasks * 10 >= rise * 9;
    let since_ns = rising
        .began_ns
        .saturating_sub(SEEN * settings.leak_window_ns);
    let minutes = now_ns.saturating_sub(since_ns) as f64 / 60e9;
    let label = site.label();
    let place = match reason {
        NONE => "none of them parked for long".to_owned(),
        reason => format!("parked with {reason}"),
    };
    Draft {
        detector: Detector::Leak,
        state: if confirmed {
            State::Confirmed
        } else {
            State::Suspected
        },
        severity: if confirmed {
            Severity::P1
        } else {
            Severity::P2
        },
        site: label.clone(),
        since_ns,
        last_seen_ns: rising.seen_ns,
        summary: format!(
            "tasks spawned at {label} do not end: {live} live, {place}, rising for {minutes:.1} min",
            live = site.counters().live(),
        ),
        evidence: json!({
            "reason": reason,
            "live": site.counters().live(),
            "floors": rising.floors.least,
            "spawned_by_window": rising.floors.counted,
            "window_seconds": settings.leak_window_ns as f64 / 1e9,
            "rise": rise,
            "same_tasks_at_the_same_place": same_tasks,
        }),
    }
}

/// The reason for which most of the site's tasks are stalled, if they are as many as half of the
/// rise.
fn stalled_reason(process: &Process, index: usize, rise: u64) -> &'static str {
    let here = process.stalled().iter().filter(|((at, _), _)| *at == index);
    let most = here.max_by_key(|(_, stalled)| stalled.tasks);
    most.filter(|(_, stalled)| stalled.tasks * 2 >= rise)
        .map_or(NONE, |((_, reason), _)| reason_name(*reason))
}
