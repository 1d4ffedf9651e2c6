//! Detectors: what in the model is worth a human's attention.
//!
//! Pure functions of the model and time, one struct each, run once per step of the pipeline.
//! Each says in its file what it looks for, when it begins and when it ends.
//!
//! | detector | state | severity | looks for |
//! |---|---|---|---|
//! | `stuck` | confirmed | p1 | tasks parked for too long on what someone else holds |
//! | `storm` | confirmed | p2 | stacks of one line that widen at a rate no work explains |

mod detectors;
mod finding;
mod floor;
mod storm;
mod stuck;

pub use detectors::{Detection, Detectors, Settings};
pub use finding::{Detector, Finding, Severity, State};
pub use storm::Storm;

use crate::discover::ProcessId;
use crate::model::Process;

/// One life of a process, as far as counters and sites go on in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Life {
    id: ProcessId,
    incarnation: u64,
}

impl Life {
    fn of(process: &Process) -> Self {
        Self {
            id: process.id(),
            incarnation: process.incarnation(),
        }
    }
}
