//! Tasks that someone blocks for too long.
//!
//! Stuck is a task that has been parked for longer than the threshold (30 s by default) for a
//! *blocked* reason: someone holds what it wants. Waiting for work is never stuck, however long.
//!
//! How many there are, per site and reason:
//!
//! 1. The named stalls older than the threshold, but never more than `parked` says are stalled:
//!    names end one by one, the number at once.
//! 2. Where names are a sample (`parked` exceeds them), of the unnamed ones as many as surely
//!    were stalled all the time since the threshold less the runtime's stall period ago: the
//!    least number stalled over that window, less those counted by name. That bounds them from
//!    above where tasks come and go, and is exact where nothing moves, which is what being
//!    stuck means. Before a whole window was seen no unnamed task counts.

use std::collections::{BTreeMap, HashMap};

use runtime_abi::{Class, Reason};
use serde_json::json;

use super::detectors::Detect;
use super::floor::Floor;
use super::{Detection, Detector, Finding, Life, Settings, Severity, State};
use crate::model::{NamedStall, Process, Stalled};

const DEFAULT_STALL_PERIOD_NS: u64 = 10_000_000_000;
/// Tasks that a finding names.
const EXAMPLES: usize = 5;

/// The detector.
#[derive(Debug, Default)]
pub(super) struct Stuck {
    settings: Settings,
    floors: BTreeMap<(Life, usize, Reason), Floor>,
}

/// The old named stalls of one site and reason.
#[derive(Debug, Default)]
struct Old {
    count: u64,
    since_ns: Option<u64>,
    examples: Vec<(u64, NamedStall)>,
}

impl Stuck {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            floors: BTreeMap::new(),
        }
    }

    fn stuck_tasks(&self, stalled: &Stalled, old: u64, least: Option<u64>) -> u64 {
        let named = old.min(stalled.tasks);
        let unnamed = stalled.tasks.saturating_sub(stalled.named);
        if unnamed == 0 || stalled.oldest_ns < self.settings.stuck_after_ns {
            return named;
        }
        named + unnamed.min(least.unwrap_or(0).saturating_sub(named))
    }

    fn old_by_site(&self, now_ns: u64, process: &Process) -> HashMap<(usize, Reason), Old> {
        let mut by_site: HashMap<_, Old> = HashMap::new();
        for (task, site, reason, stall) in process.stalls() {
            let age_ns = now_ns.saturating_sub(stall.since_ns);
            let blocked = reason.filter(|reason| reason.class() == Class::Blocked);
            if let (Some(site), Some(reason)) = (site, blocked)
                && age_ns >= self.settings.stuck_after_ns
            {
                by_site.entry((site, reason)).or_default().add(task, stall);
            }
        }
        by_site
    }
}
impl Detect for Stuck {
    fn retain(&mut self, alive: &dyn Fn(Life) -> bool) {
        self.floors.retain(|(life, _, _), _| alive(*life));
    }

    fn look(&mut self, now_ns: u64, process: &Process, detection: &mut Detection) {
        let mut old = self.old_by_site(now_ns, process);
        let period_ns = process
            .monitor()
            .map_or(DEFAULT_STALL_PERIOD_NS, |monitor| monitor.stall_period_ns);
        let window_ns = self.settings.stuck_after_ns.saturating_sub(period_ns);
        for ((site, reason), stalled) in process.stalled() {
            let Some(reason) = reason.filter(|reason| reason.class() == Class::Blocked) else {
                continue;
            };
            let floor = self
                .floors
                .entry((Life::of(process), *site, reason))
                .or_default();
            floor.push(now_ns, stalled.tasks, window_ns);
            let old = old.remove(&(*site, reason)).unwrap_or_default();
            let least = floor.least(now_ns, window_ns);
            let tasks = self.stuck_tasks(stalled, old.count, least);
            detection.stuck.insert((process.id(), *site, reason), tasks);
            if tasks > 0 {
                let at = Place {
                    process,
                    site: *site,
                    reason,
                    stalled,
                };
                let oldest = old.examples.first().map(|(task, _)| *task);
                let finding = finding(now_ns, &at, tasks, &old);
                detection.add(finding, process, oldest);
            }
        }
    }
}

impl Old {
    fn add(&mut self, task: u64, stall: &NamedStall) {
        self.count += 1;
        self.since_ns = Some(
            self.since_ns
                .map_or(stall.since_ns, |ns| ns.min(stall.since_ns)),
        );
        let place = self
            .examples
            .partition_point(|(other, known)| (known.since_ns, *other) < (stall.since_ns, task));
        if place < EXAMPLES {
            self.examples.insert(place, (task, *stall));
            self.examples.truncate(EXAMPLES);
        }
    }
}

struct Place<'a> {
    process: &'a Process,
    site: usize,
    reason: Reason,
    stalled: &'a Stalled,
}

fn finding(now_ns: u64, at: &Place, tasks: u64, old: &Old) -> Finding {
    let site = at.process.sites()[at.site].label().clone();
    let since_ns = old
        .since_ns
        .unwrap_or(now_ns.saturating_sub(at.stalled.oldest_ns));
    let oldest_s = seconds(now_ns.saturating_sub(since_ns));
    let noun = if tasks == 1 { "task" } else { "tasks" };
    let reason = at.reason.name();
    Finding {
        detector: Detector::Stuck,
        state: State::Confirmed,
        severity: Severity::P1,
        process: at.process.meta().name.clone(),
        id: at.process.id(),
        summary: format!(
            "{tasks} {noun} spawned at {site} stuck on {reason}, the oldest for {oldest_s:.0} s"
        ),
        site,
        since_ns,
        last_seen_ns: now_ns,
        evidence: json!({
            "reason": reason,
            "stuck": tasks,
            "stalled": at.stalled.tasks,
            "named": at.stalled.named,
            "oldest_parked_seconds": oldest_s,
            "tasks": old.examples.iter().map(|example| task(now_ns, example)).collect::<Vec<_>>(),
        }),
        allowed: None,
    }
}

fn task(now_ns: u64, (task, stall): &(u64, NamedStall)) -> serde_json::Value {
    json!({
        "task": task,
        "parked_seconds": seconds(now_ns.saturating_sub(stall.since_ns)),
        "resource": format!("{:#x}", stall.resource),
        "owner": stall.owner,
    })
}

fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

#[cfg(test)]
#[path = "stuck_tests.rs"]
mod tests;
