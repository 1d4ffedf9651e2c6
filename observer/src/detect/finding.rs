//! What a detector reports.

use std::sync::Arc;

use crate::discover::ProcessId;

/// Who found it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Detector {
    /// Tasks that someone blocks for too long.
    Stuck,
    /// Stacks that widen at a rate no work explains.
    Storm,
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
    /// The numbers behind it.
    pub evidence: serde_json::Value,
}

impl Detector {
    /// The name in metrics and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stuck => "stuck",
            Self::Storm => "storm",
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
