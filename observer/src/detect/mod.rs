//! Detectors: what in the model is worth a human's attention.
//!
//! Pure functions of the model and time, one struct each, run once per step of the pipeline.
//! Each says in its file what it looks for, when it begins and when it ends.
//!
//! | detector | state | severity | looks for |
//! |---|---|---|---|
//! | `stuck` | confirmed | p1 | tasks parked for too long on what someone else holds |
//! | `storm` | confirmed | p2 | stacks of one line that widen at a rate no work explains |
//! | `leak` | confirmed, else suspected | p1, else p2 | tasks that come and never go |
//! | `deadlock` | confirmed, else suspected | p1, else p2 | tasks that wait for each other, or for one that has ended |
//! | `pile_up` | confirmed | p2 | tasks that queue up before one resource |
//! | `yield_storm` | confirmed | p2 | tasks that yield in a loop instead of waiting |
//! | `starvation` | confirmed | p2 | more to run than the workers can |
//! | `cache_growth` | confirmed, at first suspected | p2 | object pools that keep more and more |
//! | `level` | confirmed, at first suspected | p2, live tasks beyond twice the level p1 | too many live tasks, or panics |

mod allow;
mod cache_growth;
mod deadlock;
mod detectors;
mod finding;
mod floor;
#[cfg(test)]
mod history_tests;
mod lasting;
mod leak;
mod level;
mod pile_up;
mod recent;
mod rise;
mod settings;
mod starvation;
mod storm;
mod stuck;
#[cfg(test)]
mod threshold_tests;
mod trend;
mod yield_storm;

pub use allow::Allowance;
pub use detectors::{Detection, Detectors};
pub use finding::{Detector, Finding, Key, Severity, State};
pub use settings::Settings;
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
