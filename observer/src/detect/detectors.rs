//! All detectors, and what they say together.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use runtime_abi::Reason;
use serde_json::json;

use super::allow::{self, Allowance};
use super::cache_growth::CacheGrowth;
use super::deadlock::Deadlock;
use super::lasting::Lasting;
use super::leak::Leak;
use super::level::Level;
use super::pile_up::PileUp;
use super::starvation::Starvation;
use super::storm::{Storm, Storms};
use super::stuck::Stuck;
use super::yield_storm::YieldStorm;
use super::{Finding, Life, Settings};
use crate::discover::ProcessId;
use crate::model::{Model, Process};

/// Findings that are kept, the worst and oldest of them; the gauges count all.
const MAX_FINDINGS: usize = 1_000;

/// One detector: what it remembers, and what it says of a process now.
pub(super) trait Detect: Debug {
    /// Forgets the processes that are over.
    fn retain(&mut self, alive: &dyn Fn(Life) -> bool);

    /// Looks at a process that was heard; adds what it finds.
    fn look(&mut self, now_ns: u64, process: &Process, detection: &mut Detection);
}

/// What the detectors say of the model at one time.
#[derive(Clone, Debug, Default)]
pub struct Detection {
    /// Stuck tasks by process, index of the site, and reason. A key stays, at zero, as long as
    /// the stalls it is about are in the model.
    pub stuck: BTreeMap<(ProcessId, usize, Reason), u64>,
    /// Storms by process and index of the site, for every site whose stacks have ever grown.
    pub storms: BTreeMap<(ProcessId, usize), Storm>,
    /// What lasts now, worst first; what is allowed comes last.
    pub findings: Vec<Finding>,
    /// Findings that last now and are not among them: there are too many.
    pub findings_left_out: u64,
    /// Those of the findings that did not last at the look before.
    pub begun: Vec<Finding>,
    /// Findings of the look before that do not last any more.
    pub ended: Vec<Finding>,
    /// Stalled tasks of findings whose stacks are not known: process and task.
    pub stacks_wanted: Vec<(ProcessId, u64)>,
}

impl Detection {
    /// Adds a finding. Where the example, one of its stalled tasks, is parked is part of the
    /// evidence if it is known, and wanted if not.
    pub(super) fn add(&mut self, mut finding: Finding, process: &Process, example: Option<u64>) {
        if let Some(task) = example {
            let stack = process.stack_of(task);
            if let Some(stack) = stack.filter(|stack| !stack.frames.is_empty()) {
                finding.evidence["stack"] = json!({
                    "task": task,
                    "walked_by": stack.walked_by.name(),
                    "frames": stack.frames,
                });
            }
            if process.wants_stack_of(task) {
                self.stacks_wanted.push((process.id(), task));
            }
        }
        self.findings.push(finding);
    }
}

/// All detectors.
#[derive(Debug, Default)]
pub struct Detectors {
    pub(super) stuck: Stuck,
    storms: Storms,
    leak: Leak,
    deadlock: Deadlock,
    pile_up: PileUp,
    yield_storm: YieldStorm,
    starvation: Starvation,
    cache_growth: CacheGrowth,
    level: Level,
    allowances: Vec<Allowance>,
    lasting: Lasting,
}

impl Detectors {
    /// Detectors with these thresholds.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            stuck: Stuck::new(settings),
            storms: Storms::new(settings),
            leak: Leak::new(settings),
            deadlock: Deadlock::new(settings),
            pile_up: PileUp::new(settings),
            yield_storm: YieldStorm::new(settings),
            starvation: Starvation::new(settings),
            cache_growth: CacheGrowth::new(settings),
            level: Level::new(settings),
            allowances: Vec::new(),
            lasting: Lasting::default(),
        }
    }

    /// Detectors that know what is allowed.
    #[must_use]
    pub fn allowing(self, allowances: Vec<Allowance>) -> Self {
        Self { allowances, ..self }
    }

    /// Looks at the model at boot time `now_ns`, which never goes back; `unix_offset_ns` is what
    /// to add for a time since 1970.
    pub fn look(&mut self, now_ns: u64, unix_offset_ns: u64, model: &Model) -> Detection {
        let mut detection = Detection::default();
        let alive: BTreeSet<Life> = model.processes().map(Life::of).collect();
        for detector in self.all() {
            detector.retain(&|life| alive.contains(&life));
            for process in model.processes().filter(|process| process.is_heard()) {
                detector.look(now_ns, process, &mut detection);
            }
        }
        self.allow(now_ns.saturating_add(unix_offset_ns), model, &mut detection);
        detection.findings.sort_by_key(|finding| {
            (
                finding.allowed.is_some(),
                finding.severity,
                finding.since_ns,
            )
        });
        let left_out = detection.findings.len().saturating_sub(MAX_FINDINGS);
        detection.findings_left_out = left_out as u64;
        detection.findings.truncate(MAX_FINDINGS);
        (detection.begun, detection.ended) = self.lasting.look(&detection.findings);
        detection
    }

    fn all(&mut self) -> [&mut dyn Detect; 9] {
        [
            &mut self.stuck,
            &mut self.storms,
            &mut self.leak,
            &mut self.deadlock,
            &mut self.pile_up,
            &mut self.yield_storm,
            &mut self.starvation,
            &mut self.cache_growth,
            &mut self.level,
        ]
    }

    fn allow(&self, unix_ns: u64, model: &Model, detection: &mut Detection) {
        if self.allowances.is_empty() {
            return;
        }
        for process in model.processes() {
            let (id, exe) = (process.id(), &process.meta().exe);
            let of_process = detection
                .findings
                .iter_mut()
                .filter(|finding| finding.id == id);
            for finding in of_process {
                finding.allowed = allow::reason(&self.allowances, finding, exe, unix_ns);
            }
        }
    }
}
