//! The workloads over channels, locks, timers and pools. Each contestant writes them as its own
//! documentation would; sizes that all share are here.

pub mod may;
pub mod ours;
pub mod threads;
pub mod tokio;

use std::hint::black_box;

/// Room of the bounded channels.
pub const ROOM: usize = 128;
/// Tasks that contend for one mutex.
pub const LOCKERS: u64 = 1_000;
/// Tasks that share a lock for reading, or a semaphore, or that work.
pub const TASKS: u64 = 100;
/// Permits of the semaphore.
pub const PERMITS: usize = 10;
/// One in so many takes the lock to write: 95 % read.
pub const WRITES_EVERY: u64 = 20;
/// Pairs of tasks, one of which takes from a pool what the other puts back.
pub const PAIRS: u64 = 4;
/// Bytes of an object of the pool.
pub const OBJECT_BYTES: usize = 4_096;

/// Steps of [`work`]: about a microsecond on a core of 3 GHz.
const STEPS: u64 = 700;

/// A microsecond's work: multiplications that wait for each other.
#[inline(never)]
pub fn work(seed: u64) -> u64 {
    (0..STEPS).fold(black_box(seed), |value, step| {
        (value ^ step).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    })
}
