//! A worker without work: searching, and falling asleep.
//!
//! The steps are numbered as in `README.md`; the counts are in `idle.rs`.

use std::time::Duration;

use crate::primitive::{atomic::Ordering, spin_loop};
use crate::sched::{idle::Cancelled, worker::Worker};
use crate::sys::clock;
use crate::task::record::Record;
use crate::time;

/// Rounds over all processors before a searcher gives up. The last one may take next slots.
const SEARCH_ROUNDS: u32 = 4;
/// Pauses between rounds.
const PAUSES: u32 = 32;

impl Worker {
    /// Searches, sleeps, and searches again. `None`: the worker is to end.
    #[cold]
    pub(super) fn wait_for_work(&self) -> Option<&'static Record> {
        // Step 1.
        let mut searching = self.shared.idle.start_searching(self.shared.workers);
        loop {
            if searching && let Some(task) = self.search() {
                self.leave_search();
                return Some(task);
            }
            if self.shared.is_stopping() {
                if searching {
                    self.shared.idle.forget_searcher();
                }
                return None;
            }
            self.sleep(searching);
            searching = true;
        }
    }

    /// Steps 2 to 5. On return the worker is counted as searching.
    fn sleep(&self, searching: bool) {
        let idle = &self.shared.idle;
        // Steps 2 and 3.
        idle.register(self.index, searching);
        // Step 4: what came before the registration is seen here, what comes later wakes us.
        let deadline_ns = self.shared.next_deadline_ns();
        let has_reason = self.shared.is_stopping() || self.shared.is_work_visible();
        let timed_out = if has_reason {
            true
        } else if idle.offer_to_keep(self.index, deadline_ns) {
            !self.park_until(deadline_ns)
        } else {
            self.processor.parker.park();
            false
        };
        // Step 5.
        if timed_out && idle.cancel(self.index) == Cancelled::Claimed {
            self.processor.parker.park();
        }
    }

    /// Parks the thread until someone wakes it, or the deadline; whether someone did.
    fn park_until(&self, deadline_ns: u64) -> bool {
        let wait_ns = deadline_ns.saturating_sub(clock::monotonic_ns());
        wait_ns > 0
            && self
                .processor
                .parker
                .park_timeout(Duration::from_nanos(wait_ns))
    }

    /// Looks everywhere, a few times.
    fn search(&self) -> Option<&'static Record> {
        let ticks = self.ticks_of_others();
        for round in 0..SEARCH_ROUNDS {
            if self.shared.next_deadline_ns() != time::NEVER {
                time::fire_due(self.shared, clock::monotonic_ns());
            }
            let found = self
                .take_local()
                .or_else(|| self.take_global())
                .or_else(|| self.steal());
            if found.is_some() {
                return found;
            }
            if round + 1 < SEARCH_ROUNDS {
                (0..PAUSES).for_each(|_| spin_loop());
            }
        }
        self.steal_next_slots(&ticks)
    }

    /// The submitters relied on us: if we were the last searcher and there is more, another
    /// one is woken.
    fn leave_search(&self) {
        if self.shared.idle.stop_searching() && self.shared.is_work_visible() {
            self.shared.wake_one();
        }
    }

    /// Half of the ring of some other processor, beginning anywhere.
    fn steal(&self) -> Option<&'static Record> {
        let processors = self.shared.processors();
        let start = self.next_random() as usize % processors.len();
        let victims = processors[start..].iter().chain(&processors[..start]);
        let mut victims = victims.filter(|victim| !std::ptr::eq(*victim, self.processor));
        let stolen = victims.find_map(|victim| victim.queue.steal_half_into(&self.processor.queue));
        if stolen.is_some() {
            self.count_steal();
        }
        stolen
    }

    /// The next slot of a worker that ran one and the same task while we searched.
    fn steal_next_slots(&self, ticks: &[u64]) -> Option<&'static Record> {
        let processors = self.shared.processors().iter().zip(ticks);
        let mut stuck = processors.filter(|(victim, tick)| {
            !std::ptr::eq(*victim, self.processor)
                && victim.queue.has_next()
                && victim.tick.load(Ordering::Relaxed) == **tick
        });
        let stolen = stuck.find_map(|(victim, _)| victim.queue.steal_next());
        if stolen.is_some() {
            self.count_steal();
        }
        stolen
    }

    fn ticks_of_others(&self) -> Vec<u64> {
        let processors = self.shared.processors().iter();
        processors
            .map(|processor| processor.tick.load(Ordering::Relaxed))
            .collect()
    }

    fn count_steal(&self) {
        let steals = self.processor.steals.load(Ordering::Relaxed);
        self.processor.steals.store(steals + 1, Ordering::Relaxed);
    }

    /// A step of xorshift64.
    pub(crate) fn next_random(&self) -> u64 {
        let mut random = self.random.get();
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        self.random.set(random);
        random
    }
}
