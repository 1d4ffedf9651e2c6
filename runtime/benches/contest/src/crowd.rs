//! How many tasks of a workload wait until all of them are there.

use std::sync::atomic::{AtomicU64, Ordering};

/// Tasks that have come to wait and have not gone on.
static WAITING: AtomicU64 = AtomicU64::new(0);

/// Those of an earlier round are not counted any longer.
pub fn forget() {
    WAITING.store(0, Ordering::Relaxed);
}

/// A task is about to wait.
pub fn arrive() {
    WAITING.fetch_add(1, Ordering::Relaxed);
}

/// A task goes on.
pub fn leave() {
    WAITING.fetch_sub(1, Ordering::Relaxed);
}

/// Whether so many tasks wait.
pub fn are_waiting(count: u64) -> bool {
    WAITING.load(Ordering::Relaxed) == count
}
