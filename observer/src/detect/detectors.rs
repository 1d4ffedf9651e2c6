//! All detectors, and what they say together.

use std::collections::BTreeMap;

use runtime_abi::Reason;

use super::storm::{Storm, Storms};
use super::stuck::Stuck;
use super::{Finding, Life};
use crate::discover::ProcessId;
use crate::model::Model;

/// Findings that are kept, the worst and oldest of them; the gauges count all.
const MAX_FINDINGS: usize = 1_000;

/// Thresholds of the detectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Age of a stall from which it is stuck.
    pub stuck_after_ns: u64,
    /// Growths of one site in a window above which it may be a storm.
    pub storm_growths: u64,
    /// That window.
    pub storm_window_ns: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            stuck_after_ns: 30_000_000_000,
            storm_growths: 100,
            storm_window_ns: 1_000_000_000,
        }
    }
}

/// What the detectors say of the model at one time.
#[derive(Clone, Debug, Default)]
pub struct Detection {
    /// Stuck tasks by process, index of the site, and reason. A key stays, at zero, as long as
    /// the stalls it is about are in the model.
    pub stuck: BTreeMap<(ProcessId, usize, Reason), u64>,
    /// Storms by process and index of the site, for every site whose stacks have ever grown.
    pub storms: BTreeMap<(ProcessId, usize), Storm>,
    /// What lasts now, worst first.
    pub findings: Vec<Finding>,
    /// Findings that last now and are not among them: there are too many.
    pub findings_left_out: u64,
}

/// All detectors.
#[derive(Debug, Default)]
pub struct Detectors {
    pub(super) stuck: Stuck,
    storms: Storms,
}

impl Detectors {
    /// Detectors with these thresholds.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            stuck: Stuck::new(settings),
            storms: Storms::new(settings),
        }
    }

    /// Looks at the model at boot time `now_ns`, which never goes back.
    pub fn look(&mut self, now_ns: u64, model: &Model) -> Detection {
        let mut detection = Detection::default();
        let alive: std::collections::BTreeSet<Life> = model.processes().map(Life::of).collect();
        self.stuck.retain(|life| alive.contains(&life));
        self.storms.retain(|life| alive.contains(&life));
        for process in model.processes().filter(|process| process.is_heard()) {
            self.stuck.look(now_ns, process, &mut detection);
            self.storms.look(now_ns, process, &mut detection);
        }
        detection
            .findings
            .sort_by_key(|finding| (finding.severity, finding.since_ns));
        let left_out = detection.findings.len().saturating_sub(MAX_FINDINGS);
        detection.findings_left_out = left_out as u64;
        detection.findings.truncate(MAX_FINDINGS);
        detection
    }
}
