//! Waiting for the last task of a runtime, by the thread that called `run`.
//!
//! Tasks are counted by processor, with plain stores: a count of all that says when it is zero would
//! cost every task at its end. But when no task is left, every worker falls asleep, or ends. So
//! there they add the counts up while somebody waits.
//!
//! | the thread that waits | a worker |
//! |---|---|
//! | 1. says that it waits | a. counts the ends of tasks |
//! | 2. **fence, SeqCst** | b. falls asleep or ends; **fence, SeqCst** |
//! | 3. adds up; if tasks are left, waits to be told, and begins again at 3 | c. if somebody waits, adds up; if no task is left, tells |
//!
//! Of the last worker that counts an end, either 3 sees the count, or its c sees that somebody
//! waits; and of two workers that come to b at once, the c of one sees what both have counted. Counts
//! that are read while tasks run may add up to too little: they are believed when no task has
//! run between two looks.

use std::time::{Duration, Instant};

use crate::primitive::{
    atomic::{AtomicBool, Ordering, fence},
    thread,
};
use crate::sched::{park::ThreadParker, shared::Shared, shutdown};

/// Who waits for the end of a runtime's tasks.
#[derive(Debug)]
pub(crate) struct Drain {
    is_awaited: AtomicBool,
    told: ThreadParker,
}

impl Drain {
    pub(super) fn new() -> Self {
        Self {
            is_awaited: AtomicBool::new(false),
            told: ThreadParker::new(),
        }
    }
}

impl Shared {
    /// Waits until no task of this run is left, for this long at most. By the thread that called
    /// `run`.
    pub(crate) fn wait_until_empty(&self, period: Duration) {
        let begin = Instant::now();
        // Step 1.
        self.drain.is_awaited.store(true, Ordering::Relaxed);
        // Step 2, pairs with that of a worker: `Idle::register`, or `Worker::retire`.
        fence(Ordering::SeqCst);
        while !self.is_empty_for_certain() {
            let left = period.saturating_sub(begin.elapsed());
            if left.is_zero() {
                break;
            }
            // Told, or the time is over: the next look says which.
            let _ = self.drain.told.park_timeout(left);
        }
        self.drain.is_awaited.store(false, Ordering::Relaxed);
    }

    /// Step c, by a worker, behind a fence. A load, mostly.
    #[inline]
    pub(super) fn tell_if_empty(&self) {
        if self.drain.is_awaited.load(Ordering::Relaxed) && shutdown::live(self) == 0 {
            self.drain.told.unpark();
        }
    }

    /// Step 3: whether the counts of all processors are zero, and of one moment.
    fn is_empty_for_certain(&self) -> bool {
        let mut ticks = self.ticks();
        while shutdown::live(self) == 0 {
            let before = std::mem::replace(&mut ticks, self.ticks());
            if before == ticks {
                return true;
            }
            thread::yield_now();
        }
        false
    }

    fn ticks(&self) -> Vec<u64> {
        let processors = self.processors().iter();
        let ticks = processors.map(|processor| processor.tick.load(Ordering::Relaxed));
        ticks.collect()
    }
}
