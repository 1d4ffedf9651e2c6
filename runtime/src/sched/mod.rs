//! The scheduler: processors, workers, queues, and who wakes whom (`README.md`).

mod global_queue;
pub(crate) mod handle;
pub(crate) mod handoff;
mod idle;
mod park;
mod processor;
mod run_queue;
mod schedule;
mod search;
pub(crate) mod shared;
pub(crate) mod shutdown;
pub(crate) mod worker;
mod workers;
