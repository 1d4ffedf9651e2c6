//! Time: points on the runtime's clock.
//!
//! [`sleep_until`] waits for one, an [`Interval`] for one after the other; other waits that end at a
//! time take an [`Until`](crate::cancel::Until).
// Inside: the timers of those who sleep. Every processor has its own `Timers`; a task's timer goes
// to the processor on which it runs. Whoever is near fires what is due: the processor's worker
// between tasks, a worker whose idle wait times out, a worker that the monitor asks. The clock is
// the monotonic one, in nanoseconds.

mod armed;
mod heap;
mod instant;
mod interval;
mod word;

pub(crate) use armed::{arm, fire, fire_due};
pub(crate) use heap::Timer;
use heap::TimerHeap;
pub use instant::Instant;
pub use interval::{Interval, MissedTicks};
pub(crate) use word::TimerWord;

use crate::primitive::{
    Mutex, MutexGuard,
    atomic::{AtomicU64, Ordering},
};
use crate::sched::simulation;
use crate::sys::clock;

/// Suspends the calling task until this time; on a thread that runs no task, the thread.
///
/// ```
/// use runtime::time::{Instant, sleep_until};
/// use std::time::Duration;
///
/// runtime::Runtime::run(|| {
///     let end = Instant::now() + Duration::from_millis(1);
///     sleep_until(end);
///     assert!(Instant::now() >= end);
/// });
/// ```
pub fn sleep_until(time: Instant) {
    let left = time - Instant::now();
    if !left.is_zero() {
        crate::sleep(left);
    }
}

/// The time by which the calling task's timers go, in nanoseconds: the monotonic clock, or a
/// simulation's.
#[inline]
pub(crate) fn now_ns() -> u64 {
    simulation::now_ns().unwrap_or_else(clock::monotonic_ns)
}

/// The deadline of no timer.
pub(crate) const NEVER: u64 = u64::MAX;

/// Timers that one look fires at most, so that a million due sleepers do not stop a worker.
pub(crate) const FIRED_AT_ONCE: usize = 128;

/// One processor's timers.
#[derive(Debug)]
pub(crate) struct Timers {
    next_ns: AtomicU64,
    heap: Mutex<TimerHeap>,
}

impl Timers {
    pub(crate) fn new() -> Self {
        Self {
            next_ns: AtomicU64::new(NEVER),
            heap: Mutex::new(TimerHeap::default()),
        }
    }

    /// The earliest deadline, or [`NEVER`].
    #[inline]
    pub(crate) fn next_ns(&self) -> u64 {
        self.next_ns.load(Ordering::Relaxed)
    }

    /// Adds a timer; whether it is now the earliest one here.
    #[must_use]
    pub(crate) fn insert(&self, timer: Timer) -> bool {
        let mut heap = self.lock();
        // Under the lock: an earlier one, read before, may have been fired since by a worker
        // that then fell asleep without a look at this one.
        let is_earliest = heap.next_ns().is_none_or(|next| timer.deadline_ns < next);
        heap.insert(timer);
        self.publish(&heap);
        is_earliest
    }

    /// Takes timers that are due, at most [`FIRED_AT_ONCE`].
    pub(crate) fn take_due(&self, now_ns: u64) -> Vec<Timer> {
        if self.next_ns() > now_ns {
            return Vec::new();
        }
        let mut heap = self.lock();
        let due = std::iter::from_fn(|| heap.pop_due(now_ns))
            .take(FIRED_AT_ONCE)
            .collect();
        self.publish(&heap);
        due
    }

    /// A timer that was inserted here is no longer waited for.
    pub(crate) fn note_stale(&self, is_wanted: impl FnMut(&Timer) -> bool) {
        let mut heap = self.lock();
        heap.note_stale(is_wanted);
        self.publish(&heap);
    }

    /// Moves all timers out.
    pub(crate) fn take_all(&self) -> Vec<Timer> {
        let mut heap = self.lock();
        let timers = heap.take_all();
        self.publish(&heap);
        timers
    }

    /// Drops stale timers now.
    #[cfg(all(test, loom))]
    fn sweep(&self, is_wanted: impl FnMut(&Timer) -> bool) {
        let mut heap = self.lock();
        heap.sweep(is_wanted);
        self.publish(&heap);
    }

    fn publish(&self, heap: &TimerHeap) {
        self.next_ns
            .store(heap.next_ns().unwrap_or(NEVER), Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, TimerHeap> {
        self.heap
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
