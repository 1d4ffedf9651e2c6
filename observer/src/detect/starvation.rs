//! More to run than the workers can.
//!
//! A process starves if for a whole window (10 s) no worker was idle, spare ones included, and more
//! tasks were runnable than eight for each of them. It is over with the first report that says otherwise.
//!
//! Who keeps the workers, the ledger does not say: the finding names the site with the most live
//! tasks that are not stalled, most of which are runnable then.

use std::collections::BTreeMap;

use serde_json::json;

use super::detectors::Detect;
use super::finding::Draft;
use super::floor::Floor;
use super::{Detection, Detector, Life, Settings, Severity, State};
use crate::model::{Process, Site};

/// The detector.
#[derive(Debug, Default)]
pub(super) struct Starvation {
    settings: Settings,
    processes: BTreeMap<Life, Watch>,
}

#[derive(Debug, Default)]
struct Watch {
    runnable: Floor,
    /// How far the idle workers are from the most that could be: its floor is their peak.
    not_idle: Floor,
    since_ns: Option<u64>,
}

impl Starvation {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            processes: BTreeMap::new(),
        }
    }
}

impl Detect for Starvation {
    fn retain(&mut self, alive: &dyn Fn(Life) -> bool) {
        self.processes.retain(|life, _| alive(*life));
    }

    fn look(&mut self, now_ns: u64, process: &Process, detection: &mut Detection) {
        let Some(monitor) = process.monitor() else {
            return;
        };
        let window_ns = self.settings.starvation_window_ns;
        let watch = self.processes.entry(Life::of(process)).or_default();
        watch.runnable.push(now_ns, monitor.runnable, window_ns);
        let not_idle = u64::MAX - monitor.idle_workers;
        watch.not_idle.push(now_ns, not_idle, window_ns);
        let runnable = watch.runnable.least(now_ns, window_ns).unwrap_or(0);
        let all_busy = watch.not_idle.least(now_ns, window_ns) == Some(u64::MAX);
        let threshold = monitor
            .workers
            .saturating_mul(self.settings.starvation_runnable);
        let blamed = hungriest(process).filter(|_| all_busy && runnable > threshold);
        let Some((site, active)) = blamed else {
            watch.since_ns = None;
            return;
        };
        let since_ns = *watch
            .since_ns
            .get_or_insert(now_ns.saturating_sub(window_ns));
        let (label, workers) = (site.label(), monitor.workers);
        let draft = Draft {
            detector: Detector::Starvation,
            state: State::Confirmed,
            severity: Severity::P2,
            site: label.clone(),
            since_ns,
            last_seen_ns: now_ns,
            summary: format!(
                "{runnable} tasks and more wait for {workers} busy workers, most of them spawned at {label}"
            ),
            evidence: json!({
                "reason": "runnable",
                "runnable": monitor.runnable,
                "least_runnable": runnable,
                "workers": workers,
                "handoffs": monitor.handoffs,
                "active_of_site": active,
            }),
        };
        detection.findings.push(draft.of(process));
    }
}

/// The site with the most tasks that are not stalled, and how many these are.
fn hungriest(process: &Process) -> Option<(&Site, u64)> {
    let mut stalled: BTreeMap<usize, u64> = BTreeMap::new();
    for ((site, _), tasks) in process.stalled() {
        *stalled.entry(*site).or_default() += tasks.tasks;
    }
    let active = process.sites().iter().enumerate().map(|(index, site)| {
        let stalled = stalled.get(&index).copied().unwrap_or(0);
        (site, site.counters().live().saturating_sub(stalled))
    });
    active.max_by_key(|(_, active)| *active)
}
