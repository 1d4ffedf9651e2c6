//! What is known of every watched process: a pure function of what a source says, of texts and
//! of time.
//!
//! The pipeline feeds a [`Model`] and reads its [`Process`]es; detectors and the exporter look
//! at nothing else. Nothing here does I/O or asks for the time, and nothing here knows who the
//! source is: [`Source`](crate::collect::Source) is all that it has to be.
//!
//! The rules it keeps:
//!
//! - A process is its pid with its start time. The kernel's number for it, the *incarnation*,
//!   may change (an exec, an observer's restart): then all that was known is dropped and
//!   learned anew, for the ledger is cumulative.
//! - Sites whose texts are equal in `file:line:column` are one [`Site`], whatever their
//!   addresses, names and flags. A site whose text is not known yet counts in the process's
//!   totals only.
//! - Counters never fall, live tasks are never negative, and a value that was torn or is absent
//!   leaves the previous one.
//! - Where a process has a ledger, the ledger is the truth for counts. One that has sent events
//!   but no ledger for three seconds is a runtime without one, and its events are counted.

mod address;
mod faults;
mod file_name;
mod incarnation;
mod losses;
#[expect(
    clippy::module_inception,
    reason = "the model is the noun of this stage"
)]
mod model;
mod park;
mod process;
mod site;
mod stacks;
mod stalls;

#[cfg(test)]
pub(crate) use model::fixtures;

pub use crate::collect::Counters;
pub use file_name::short_file_name;
pub use losses::Losses;
pub use model::{Meta, Model};
pub use park::Stalled;
pub use process::{Pool, Process};
pub use site::{Site, label_of};
pub use stacks::{NamedStack, WalkedBy};
pub use stalls::{NamedStall, Stalls};
