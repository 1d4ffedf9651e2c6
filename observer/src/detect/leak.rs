//! Tasks that come and never go.
//!
//! Two looks at the live tasks of each site, one quick and one thorough. Both compare the floors of
//! four windows, of 7 s and of a minute, and both want to see a rise for two windows more before
//! they tell of it: that keeps silent about what fills up in that time and then stays.
//!
//! - *early*: a hundred tasks more, about as many from each window to the next
//!   (`Floors::is_steady`), while fewer ended than one in ten of them. What fills up (a pool, a
//!   server that warms up) slows down, or its first tasks end; what comes in bursts (a cron job)
//!   does not rise in each window. That is told after some 45 s, and only ever *suspected*: a job
//!   that starts tasks for half a minute, all of which live for minutes, looks the same. It is
//!   over when the floor has not risen for a window of the late look, or half of it is gone.
//! - *late*: the rule of `deploy/prometheus/rules/leak.yaml`, for those who have no Prometheus, or
//!   no hour: the floor has risen in each of three windows, one after another, by more than the
//!   load explains (`trend.rs`), and as steadily until it is told. It is over when the floors have
//!   not risen for a window.
//!
//! *Confirmed* is a leak that the late look has seen if nine in ten of the tasks by which the
//! floor rose are still the same tasks at the same place: named stalls of one reason that began
//! within the windows and have lasted for the last of them. Tasks that move (a ticker, a loop)
//! and those that no monitor names (idle ones) leave it *suspected*. So does a process with more
//! stalls than are named.
//!
//! Sites of services are left out: their tasks are said to live for ever.

use std::collections::{BTreeMap, HashMap};

use serde_json::json;

use super::detectors::Detect;
use super::finding::{Draft, reason_name};
use super::rise::{Gauge, Phase, Rise, Rising, Rule};
use super::trend::Floors;
use super::{Detection, Detector, Life, Settings, Severity, State};
use crate::model::{Counters, Process};

/// Windows for which a rise must go on before it is told.
const PATIENCE: u64 = 2;
/// Windows that a rise is seen over.
const SEEN: u64 = 4;
/// One in so many tasks may end and the early look still suspects the others.
const ENDED: u64 = 10;
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
    early: Rise,
    late: Rise,
}

/// A rise that is to be told.
#[derive(Clone, Copy, Debug)]
struct Seen {
    rising: Rising,
    window_ns: u64,
    /// Seen by the late look.
    is_late: bool,
    since_ns: u64,
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
}

impl Detect for Leak {
    fn retain(&mut self, alive: &dyn Fn(Life) -> bool) {
        self.sites.retain(|(life, _), _| alive(*life));
    }

    fn look(&mut self, now_ns: u64, process: &Process, detection: &mut Detection) {
        let mut seen = Vec::new();
        for (index, site) in process.sites().iter().enumerate() {
            if !site.is_service() {
                let watch = self.sites.entry((Life::of(process), index)).or_default();
                let of_site = watch.look(now_ns, site.counters(), &self.settings);
                seen.extend(of_site.map(|of_site| (index, of_site)));
            }
        }
        let mut held_by_window: BTreeMap<u64, Held> = BTreeMap::new();
        for (index, seen) in seen {
            let known = held_by_window.entry(seen.window_ns);
            let held = known.or_insert_with(|| held(now_ns, process, seen.window_ns));
            let draft = draft(now_ns, process, index, &seen, held);
            detection.findings.push(draft.of(process));
        }
    }
}

impl Watch {
    /// The rise, once it has gone on for long enough.
    fn look(&mut self, now_ns: u64, counters: &Counters, settings: &Settings) -> Option<Seen> {
        let live = counters.live();
        let gauge = |counted| Gauge {
            now_ns,
            value: live,
            counted,
        };
        let window_ns = settings.leak_window_ns;
        let rule = |of_look_ns| Rule {
            window_ns: of_look_ns,
            lasts_ns: PATIENCE * of_look_ns,
            patience_ns: window_ns,
        };
        let early_ns = settings.suspect_window_ns;
        let nearly_none_ends = |floors: &Floors, _| {
            floors.is_steady(settings.leak_suspect_tasks)
                && floors.counted().saturating_mul(ENDED - 1) <= floors.rise()
        };
        let ended = gauge(counters.ended());
        let early = self.early.look(ended, rule(early_ns), nearly_none_ends);
        let early = early.filter(|rising| is_still_there(live, &rising.floors));
        if early.is_none() && self.early.phase() == Phase::Told {
            self.early.end();
        }
        let rises = |floors: &Floors, phase| {
            let least = settings.leak_tasks;
            floors.is_growth(least, phase != Phase::New)
                && (phase == Phase::Told || floors.is_steady(least))
        };
        let spawned = gauge(counters.spawned);
        let late = self.late.look(spawned, rule(window_ns), rises);
        let early = early.map(|rising| Seen::new(rising, early_ns, false));
        let late = late.map(|rising| Seen::new(rising, window_ns, true));
        match (early, late) {
            (Some(early), Some(late)) => Some(late.since(early.since_ns)),
            (early, late) => late.or(early),
        }
    }
}

impl Seen {
    fn new(rising: Rising, window_ns: u64, is_late: bool) -> Self {
        Self {
            rising,
            window_ns,
            is_late,
            since_ns: rising.began_ns.saturating_sub(SEEN * window_ns),
        }
    }

    /// It was there at that time already.
    fn since(self, since_ns: u64) -> Self {
        Self {
            since_ns: self.since_ns.min(since_ns),
            ..self
        }
    }

    /// What the floors' counter is.
    fn counted(&self) -> &'static str {
        if self.is_late {
            "spawned_by_window"
        } else {
            "ended_by_window"
        }
    }
}

/// More than half of the tasks by which the floor rose.
fn is_still_there(live: u64, floors: &Floors) -> bool {
    let before = floors.least[floors.least.len() - 1];
    live.saturating_sub(before) > floors.rise() / 2
}

fn held(now_ns: u64, process: &Process, window_ns: u64) -> Held {
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

fn draft(now_ns: u64, process: &Process, index: usize, seen: &Seen, held: &Held) -> Draft {
    let site = &process.sites()[index];
    let (rising, rise) = (&seen.rising, seen.rising.floors.rise());
    let (reason, same_tasks) = place(process, index, rise, held);
    let confirmed = seen.is_late && is_nine_in_ten(same_tasks, rise);
    let minutes = now_ns.saturating_sub(seen.since_ns) as f64 / 60e9;
    let (label, live) = (site.label().clone(), site.counters().live());
    let parked = match reason {
        NONE => "none of them parked for long".to_owned(),
        reason => format!("parked with {reason}"),
    };
    let (state, severity) = if confirmed {
        (State::Confirmed, Severity::P1)
    } else {
        (State::Suspected, Severity::P2)
    };
    Draft {
        detector: Detector::Leak,
        state,
        severity,
        since_ns: seen.since_ns,
        last_seen_ns: rising.seen_ns,
        summary: format!(
            "tasks spawned at {label} do not end: {live} live, {parked}, rising for {minutes:.1} min"
        ),
        site: label,
        evidence: json!({
            "reason": reason,
            "live": live,
            "floors": rising.floors.least,
            // Of the early look those that ended, of the late one those that came.
            (seen.counted()): rising.floors.counted,
            "window_seconds": seen.window_ns as f64 / 1e9,
            "rise": rise,
            "same_tasks_at_the_same_place": same_tasks,
        }),
    }
}

/// Where the tasks by which the floor rose are, and how many are surely the same there.
fn place(process: &Process, index: usize, rise: u64, held: &Held) -> (&'static str, u64) {
    let same = held
        .iter()
        .filter(|((at, _), _)| *at == index)
        .max_by_key(|((_, reason), tasks)| (**tasks, *reason));
    match same {
        Some(((_, reason), tasks)) if is_nine_in_ten(*tasks, rise) => (*reason, *tasks),
        other => (
            stalled_reason(process, index, rise),
            other.map_or(0, |(_, tasks)| *tasks),
        ),
    }
}

fn is_nine_in_ten(tasks: u64, rise: u64) -> bool {
    tasks.saturating_mul(10) >= rise.saturating_mul(9)
}

/// The reason for which most of the site's tasks are stalled, if they are as many as half of the
/// rise.
fn stalled_reason(process: &Process, index: usize, rise: u64) -> &'static str {
    let here = process.stalled().iter().filter(|((at, _), _)| *at == index);
    let most = here.max_by_key(|(_, stalled)| stalled.tasks);
    most.filter(|(_, stalled)| stalled.tasks * 2 >= rise)
        .map_or(NONE, |((_, reason), _)| reason_name(*reason))
}

#[cfg(test)]
#[path = "leak_tests.rs"]
mod tests;
