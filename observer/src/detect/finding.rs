//! What a detector reports.

use std::sync::Arc;

use runtime_abi::Reason;

use crate::discover::ProcessId;
use crate::model::Process;

/// Who found it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Detector {
    /// Tasks that someone blocks for too long.
    Stuck,
    /// Stacks that widen at a rate no work explains.
    Storm,
    /// Tasks that come and never go.
    Leak,
    /// Tasks that wait for each other, or for one that is no more.
    Deadlock,
    /// Tasks that queue up before one resource.
    PileUp,
    /// Tasks that yield in a loop instead of waiting.
    YieldStorm,
    /// More to run than the workers can.
    Starvation,
    /// Object pools that keep more and more.
    CacheGrowth,
    /// Numbers that no healthy program reaches.
    Level,
}

/// How sure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// It looks like it.
    Suspected,
    /// It is so.
    Confirmed,
}

/// How bad it is: p0 and p1 alert as critical, p2 as a warning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// The process does no more work.
    P0,
    /// Tasks are lost.
    P1,
    /// It costs.
    P2,
}

/// One finding, while it lasts.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Who found it.
    pub detector: Detector,
    /// How sure it is.
    pub state: State,
    /// How bad it is.
    pub severity: Severity,
    /// The base name of the process's executable.
    pub process: Arc<str>,
    /// The process.
    pub id: ProcessId,
    /// The site's label.
    pub site: Arc<str>,
    /// Boot time in nanoseconds of what it is about: the oldest park, the start of the storm.
    pub since_ns: u64,
    /// Boot time in nanoseconds at which it was last seen.
    pub last_seen_ns: u64,
    /// One sentence for people.
    pub summary: String,
    /// The numbers behind it; `reason` says why tasks wait or what is too much.
    pub evidence: serde_json::Value,
    /// Why it is allowed, if it is: then it is listed and not exported.
    pub allowed: Option<Arc<str>>,
}

/// What makes two findings the same one, at two times: detector, process, site, reason.
pub type Key = (Detector, ProcessId, Arc<str>, String);

/// What a detector says of a process that it looks at.
pub(super) struct Draft {
    pub(super) detector: Detector,
    pub(super) state: State,
    pub(super) severity: Severity,
    pub(super) site: Arc<str>,
    pub(super) since_ns: u64,
    pub(super) last_seen_ns: u64,
    pub(super) summary: String,
    pub(super) evidence: serde_json::Value,
}

impl Draft {
    /// As a finding of this process.
    pub(super) fn of(self, process: &Process) -> Finding {
        Finding {
            detector: self.detector,
            state: self.state,
            severity: self.severity,
            process: process.meta().name.clone(),
            id: process.id(),
            site: self.site,
            since_ns: self.since_ns,
            last_seen_ns: self.last_seen_ns,
            summary: self.summary,
            evidence: self.evidence,
            allowed: None,
        }
    }
}

/// The name of a reason; `None` is a code of a newer target.
pub(super) fn reason_name(reason: Option<Reason>) -> &'static str {
    reason.map_or("unknown", Reason::name)
}

impl Finding {
    /// Why tasks wait, or what is too much; empty if the detector needs no word for it.
    #[must_use]
    pub fn reason(&self) -> &str {
        self.evidence["reason"].as_str().unwrap_or_default()
    }

    /// Equal for the same finding at another time.
    #[must_use]
    pub fn key(&self) -> Key {
        (
            self.detector,
            self.id,
            self.site.clone(),
            self.reason().to_owned(),
        )
    }
}

impl Detector {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Stuck,
        Self::Storm,
        Self::Leak,
        Self::Deadlock,
        Self::PileUp,
        Self::YieldStorm,
        Self::Starvation,
        Self::CacheGrowth,
        Self::Level,
    ];

    /// The name in metrics and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stuck => "stuck",
            Self::Storm => "storm",
            Self::Leak => "leak",
            Self::Deadlock => "deadlock",
            Self::PileUp => "pile_up",
            Self::YieldStorm => "yield_storm",
            Self::Starvation => "starvation",
            Self::CacheGrowth => "cache_growth",
            Self::Level => "level",
        }
    }
}

impl State {
    /// The name in metrics and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Suspected => "suspected",
            Self::Confirmed => "confirmed",
        }
    }
}

impl Severity {
    /// The name in metrics and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::P0 => "p0",
            Self::P1 => "p1",
            Self::P2 => "p2",
        }
    }
}
