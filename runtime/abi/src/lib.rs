//! The contract between a runtime that emits Parkwatch probes and whoever reads them:
//! the probe table, the reasons for which a task parks, the layout of a site record.
//!
//! Runtimes build their probes from this crate, observers read notes and registers by it,
//! and tests hold built ELF files against it. It is data and conversions only: `no_std`,
//! no dependency, no code that runs in a probe.
//!
//! ```
//! use runtime_abi::{ProbeId, Reason, ARGUMENT_REGISTERS};
//!
//! let ledger = ProbeId::Ledger.probe();
//! assert_eq!(ledger.name, "ledger");
//! assert_eq!(ledger.arguments[0], "site");
//! assert_eq!(ARGUMENT_REGISTERS[0], "rdi");
//! assert_eq!(Reason::from_code(2), Some(Reason::Mutex));
//! ```
#![no_std]
#![forbid(unsafe_code)]

mod probe;
mod site;
mod wait;

pub use probe::{
    ARGUMENT_REGISTERS, Family, MAX_ARGUMENTS, PROBES, PROVIDER, Probe, ProbeId, SCHEMA_VERSION,
};
pub use site::{SITE_FLAG_SERVICE, SITE_RECORD_BYTES, SiteRecord};
pub use wait::{Class, Outcome, Reason, TaskState};

/// Most ledger probes that a monitor fires in one tick of 100 ms.
pub const MAX_HITS_PER_TICK: usize = 512;

/// Most stalls of one process that a monitor keeps by name; `parked` counts the others.
pub const MAX_NAMED_STALLS: usize = 65_536;

/// Sites up to which every live site is repeated at least every two seconds.
pub const MAX_SITES_IN_ROTATION: usize = 4_096;

/// Builds a task id: the slot in the low half, its generation in the high half.
///
/// ```
/// assert_eq!(runtime_abi::task_id(7, 2), 0x0000_0002_0000_0007);
/// ```
#[must_use]
pub const fn task_id(slot: u32, generation: u32) -> u64 {
    ((generation as u64) << 32) | slot as u64
}

/// The slot of a task id: dense and reused.
#[must_use]
pub const fn task_slot(task: u64) -> u32 {
    task as u32
}

/// The generation of a task id's slot; ids of one slot differ in it.
#[must_use]
pub const fn task_generation(task: u64) -> u32 {
    (task >> 32) as u32
}
