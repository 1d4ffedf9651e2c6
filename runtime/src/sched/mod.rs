//! The scheduler: processors, workers, queues, and who wakes whom (`README.md`).

mod blocking;
mod close_watch;
mod drain;
mod global_queue;
pub(crate) mod handle;
pub(crate) mod handoff;
mod idle;
pub(crate) mod ownership;
pub(crate) mod park;
mod pinned;
mod polling;
mod processor;
mod run_queue;
mod schedule;
mod search;
pub(crate) mod seat;
pub(crate) mod shared;
pub(crate) mod shutdown;
pub(crate) mod simulation;
mod sleep;
pub(crate) mod worker;
pub(crate) mod workers;
