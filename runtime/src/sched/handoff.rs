//! Hogs and surplus: what happens when a worker does not come back to the scheduler.
//!
//! Ownership of a processor never moves. The monitor, in its thread:
//!
//! 1. sees a processor whose tick has not changed for two looks, 10 ms apart, while tasks are
//!    queued there or for all, or a timer is overdue;
//! 2. if a worker sleeps, wakes it: it steals the ring, and the next slot, as the tick stands;
//! 3. else, if the hog's thread has used CPU since, or the kernel says that it sleeps in a
//!    system call, claims a spare processor and starts a worker on it. A thread that only waits
//!    for a core is left alone: one more would not help.
//!
//! The hog, when it comes back:
//!
//! 4. finds `is_replaced` set and clears it: its worker ends, what is left in its queue goes
//!    to the others, and the spare worker stays in its place. So the number of workers
//!    returns to the configured one, by exactly one exchange per spare.

use crate::monitor::{Gauges, Watched};
use crate::primitive::{
    atomic::{AtomicU64, Ordering},
    static_sync::Mutex,
};
use crate::sched::{processor::Processor, shared::Shared, worker::Worker};
use crate::sys::{clock::ThreadClock, thread::ThreadId};

/// CPU time on one task by which a worker is a hog.
const HOG_NS: u64 = 10_000_000;
/// Looks without a change after which the kernel is asked whether the thread is blocked.
const BLOCKED_LOOKS: u32 = 2;

/// A runtime as the monitor sees it.
pub(crate) struct WatchedRuntime {
    shared: &'static Shared,
    thread_name: String,
    looks: Mutex<Vec<Look>>,
    /// Looks in a row that found nothing queued behind a running task.
    calm: AtomicU64,
}

/// What the last look at a processor saw.
#[derive(Clone, Copy, Debug, Default)]
struct Look {
    tick: u64,
    /// CPU time of the thread when the tick was first seen.
    cpu_ns: u64,
    /// Looks since.
    unchanged: u32,
}

impl WatchedRuntime {
    pub(crate) fn new(shared: &'static Shared, thread_name: String) -> Self {
        let looks = vec![Look::default(); shared.processors().len()];
        Self {
            shared,
            thread_name,
            looks: Mutex::new(looks),
            calm: AtomicU64::new(0),
        }
    }

    /// One look at one processor; whether something waits behind its running task.
    fn look(&self, processor: &Processor, look: &mut Look, waits_for_all: bool) -> bool {
        let tick = processor.tick.load(Ordering::Relaxed);
        if look.tick != tick || look.cpu_ns == 0 {
            *look = Look {
                tick,
                cpu_ns: cpu_ns(processor),
                unchanged: 0,
            };
        } else {
            look.unchanged += 1;
        }
        let is_owned = processor.is_owned.load(Ordering::Relaxed);
        let is_waiting = is_owned && (waits_for_all || processor.queued() > 0);
        if is_waiting && look.unchanged > 0 {
            self.help(processor, look);
        }
        is_waiting
    }

    /// Steps 2 and 3.
    fn help(&self, hog: &Processor, look: &Look) {
        if self.shared.idle.sleeping() > 0 {
            return self.shared.wake_one();
        }
        let used_ns = cpu_ns(hog).saturating_sub(look.cpu_ns);
        let is_hogging = used_ns >= HOG_NS || look.unchanged >= BLOCKED_LOOKS && is_blocked(hog);
        if is_hogging && !hog.is_replaced.swap(true, Ordering::AcqRel) && !self.start_spare() {
            hog.is_replaced.store(false, Ordering::Release);
        }
    }

    fn start_spare(&self) -> bool {
        let shared = self.shared;
        let spare = shared.processors().iter().position(Processor::claim);
        let Some(index) = spare else { return false };
        if shared.is_stopping()
            || shared
                .threads
                .start(shared, index, &self.thread_name)
                .is_err()
        {
            shared
                .processor(index)
                .is_owned
                .store(false, Ordering::Release);
            return false;
        }
        shared.handoffs.fetch_add(1, Ordering::Relaxed);
        true
    }
}

/// CPU time of the owner's thread, at least 1.
fn cpu_ns(processor: &Processor) -> u64 {
    let clock = processor.thread().and_then(|thread| thread.clock);
    clock.and_then(ThreadClock::cpu_ns).unwrap_or(0).max(1)
}

fn is_blocked(processor: &Processor) -> bool {
    processor
        .thread()
        .and_then(|thread| thread.id)
        .is_some_and(ThreadId::is_blocked)
}

impl Watched for WatchedRuntime {
    fn gauges(&self) -> Gauges {
        let processors = self.shared.processors();
        let owned = processors
            .iter()
            .filter(|p| p.is_owned.load(Ordering::Relaxed))
            .count();
        let queued: usize = processors.iter().map(Processor::queued).sum();
        let steals = processors
            .iter()
            .map(|p| p.steals.load(Ordering::Relaxed))
            .sum();
        Gauges {
            runnable: (queued + self.shared.global.len()) as u64,
            workers: owned as u64,
            idle_workers: self.shared.idle.sleeping() as u64,
            handoffs: self.shared.handoffs.load(Ordering::Relaxed),
            steals,
        }
    }

    fn work_is_waiting_and_all_busy(&self) -> bool {
        self.shared.is_watched_closely.load(Ordering::Relaxed)
    }

    fn tick(&self, now_ns: u64) {
        let is_overdue = self.shared.next_deadline_ns() < now_ns;
        if is_overdue {
            self.shared.wake_one();
        }
        let waits_for_all = is_overdue || self.shared.global.len() > 0;
        let mut looks = self
            .looks
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let mut is_waiting = false;
        for (processor, look) in self.shared.processors().iter().zip(looks.iter_mut()) {
            is_waiting |= self.look(processor, look, waits_for_all);
        }
        let calm = if is_waiting {
            0
        } else {
            self.calm.load(Ordering::Relaxed) + 1
        };
        self.calm.store(calm, Ordering::Relaxed);
        self.shared
            .is_watched_closely
            .store(calm < 2, Ordering::Relaxed);
    }
}

impl Worker {
    /// Step 4, at every scheduling point: one load of a line that is the worker's own.
    #[inline]
    pub(super) fn is_surplus_after_hog(&self) -> bool {
        self.processor.is_replaced.load(Ordering::Relaxed) && self.leave_to_the_spare()
    }

    #[cold]
    fn leave_to_the_spare(&self) -> bool {
        self.processor.is_replaced.swap(false, Ordering::AcqRel)
    }
}
