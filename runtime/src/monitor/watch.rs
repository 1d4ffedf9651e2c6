//! The runtimes that the monitor looks after.

use crate::introspect::AllAsleep;
use crate::primitive::static_sync::{Arc, Mutex, MutexGuard};
use std::sync::PoisonError;

/// What the monitor asks of a runtime.
pub(crate) trait Watched: Send + Sync {
    /// The runtime's numbers now.
    fn gauges(&self) -> Gauges;

    /// Whether tasks are queued and no worker is free to run them: look again in 10 ms.
    fn work_is_waiting_and_all_busy(&self) -> bool;

    /// Called at every look of the monitor, in its thread: hog detection, hand-off.
    fn tick(&self, now_ns: u64);

    /// Who wants to be told when all tasks are asleep.
    fn on_all_asleep(&self) -> Option<fn(&AllAsleep)> {
        None
    }

    /// Whether all of its workers sleep and no timer is set; `None` if not.
    fn rest(&self) -> Option<Rest> {
        None
    }
}

/// Runtimes at rest.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Rest {
    /// Tasks run so far: another number, and it was another rest.
    pub turns: u64,
    /// The runtimes' threads, those that wait for them to end included.
    pub threads: usize,
    /// Whom to tell if it is for ever.
    pub reports: Vec<fn(&AllAsleep)>,
}

/// The numbers of one runtime.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Gauges {
    /// Tasks in run queues.
    pub runnable: u64,
    /// Workers.
    pub workers: u64,
    /// Workers that have nothing to do.
    pub idle_workers: u64,
    /// Processors handed off, ever.
    pub handoffs: u64,
    /// Steals, ever.
    pub steals: u64,
}

impl Gauges {
    fn add(&mut self, other: Self) {
        self.runnable += other.runnable;
        self.workers += other.workers;
        self.idle_workers += other.idle_workers;
        self.handoffs += other.handoffs;
        self.steals += other.steals;
    }
}

/// A runtime's place with the monitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WatchId(u64);

impl WatchId {
    /// The place of a runtime that nobody looks after.
    pub(super) const NOBODY: Self = Self(u64::MAX);
}

struct Entry {
    id: WatchId,
    watched: Arc<dyn Watched>,
    stall_period_ns: u64,
}

/// The list, and what has to outlive its members.
pub(super) struct Watches {
    entries: Vec<Entry>,
    next_id: u64,
    /// Hand-offs and steals of runtimes that have ended: counters do not fall.
    ended: Gauges,
    stall_period_ns: u64,
}

/// The stall period before any runtime has set one.
const DEFAULT_STALL_PERIOD_NS: u64 = 10_000_000_000;

static WATCHES: Mutex<Watches> = Mutex::new(Watches::new());

/// Locks the list. Held while the runtimes are asked, never while probes fire.
pub(super) fn watches() -> MutexGuard<'static, Watches> {
    WATCHES.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Watches {
    const fn new() -> Self {
        let ended = Gauges {
            runnable: 0,
            workers: 0,
            idle_workers: 0,
            handoffs: 0,
            steals: 0,
        };
        Self {
            entries: Vec::new(),
            next_id: 0,
            ended,
            stall_period_ns: DEFAULT_STALL_PERIOD_NS,
        }
    }

    /// Adds a runtime.
    pub(super) fn add(&mut self, watched: Arc<dyn Watched>, stall_period_ns: u64) -> WatchId {
        let id = WatchId(self.next_id);
        self.next_id += 1;
        self.entries.push(Entry {
            id,
            watched,
            stall_period_ns,
        });
        self.choose_stall_period();
        id
    }

    /// Removes a runtime; the caller drops it, after the lock.
    pub(super) fn remove(&mut self, id: WatchId) -> Option<Arc<dyn Watched>> {
        let index = self.entries.iter().position(|entry| entry.id == id)?;
        let watched = self.entries.swap_remove(index).watched;
        let last = watched.gauges();
        self.ended.add(Gauges {
            handoffs: last.handoffs,
            steals: last.steals,
            ..Gauges::default()
        });
        self.choose_stall_period();
        Some(watched)
    }

    /// One ledger, one period: the shortest. It stays when all runtimes have ended.
    fn choose_stall_period(&mut self) {
        let shortest = self.entries.iter().map(|entry| entry.stall_period_ns).min();
        self.stall_period_ns = shortest.unwrap_or(self.stall_period_ns);
    }

    /// Lets every runtime look after itself; returns whether one wants to be looked at soon.
    pub(super) fn tick(&self, now_ns: u64) -> bool {
        let mut soon = false;
        for entry in &self.entries {
            entry.watched.tick(now_ns);
            soon |= entry.watched.work_is_waiting_and_all_busy();
        }
        soon
    }

    /// The numbers of all runtimes, those that have ended included.
    pub(super) fn gauges(&self) -> Gauges {
        let mut sum = self.ended;
        self.entries
            .iter()
            .for_each(|entry| sum.add(entry.watched.gauges()));
        sum
    }

    /// What all runtimes together say of their rest; `None` if one has none, or nobody asked.
    pub(super) fn rest(&self) -> Option<Rest> {
        let entries = || self.entries.iter().map(|entry| &entry.watched);
        let reports: Vec<_> = entries()
            .filter_map(|watched| watched.on_all_asleep())
            .collect();
        if reports.is_empty() {
            return None;
        }
        let mut sum = Rest {
            reports,
            ..Rest::default()
        };
        for watched in entries() {
            let rest = watched.rest()?;
            sum.turns = sum.turns.wrapping_add(rest.turns);
            sum.threads += rest.threads;
        }
        Some(sum)
    }

    /// Parks that are longer are stalls.
    pub(super) fn stall_period_ns(&self) -> u64 {
        self.stall_period_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(Gauges, bool);

    impl Watched for Fixed {
        fn gauges(&self) -> Gauges {
            self.0
        }

        fn work_is_waiting_and_all_busy(&self) -> bool {
            self.1
        }

        fn tick(&self, _now_ns: u64) {}
    }

    fn runtime(workers: u64, busy: bool) -> Arc<dyn Watched> {
        let gauges = Gauges {
            runnable: 1,
            workers,
            idle_workers: 1,
            handoffs: 3,
            steals: 5,
        };
        Arc::new(Fixed(gauges, busy))
    }

    #[test]
    fn two_runtimes_are_summed_and_the_shorter_period_counts() {
        let mut watches = Watches::new();
        let first = watches.add(runtime(2, false), 500);
        let second = watches.add(runtime(4, true), 200);
        assert!(watches.tick(0));
        assert_eq!(
            (watches.gauges().workers, watches.stall_period_ns()),
            (6, 200)
        );
        assert!(watches.remove(second).is_some());
        assert!(!watches.tick(0));
        assert_eq!(watches.stall_period_ns(), 500);
        assert!(watches.remove(second).is_none());
        assert!(watches.remove(first).is_some());
        assert_eq!(watches.stall_period_ns(), 500);
    }

    #[test]
    fn counters_of_a_runtime_that_ended_stay_in_the_sum() {
        let mut watches = Watches::new();
        let id = watches.add(runtime(2, false), 500);
        watches.remove(id);
        let gauges = watches.gauges();
        assert_eq!((gauges.handoffs, gauges.steals, gauges.workers), (3, 5, 0));
    }
}
