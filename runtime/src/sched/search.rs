//! A worker without work: where it looks for some, and when it gives up.
//!
//! The steps are numbered as in `README.md`; how it falls asleep is in `sleep.rs`.

use crate::primitive::{atomic::Ordering, spin_loop};
use crate::sched::{sleep, worker::Worker};
use crate::task::record::Record;
use crate::time;

/// Rounds over all processors before a searcher gives up. The last one may take next slots.
const SEARCH_ROUNDS: u32 = 4;
/// Pauses between rounds. In a simulation each lets others run.
const PAUSES: u32 = if cfg!(loom) { 1 } else { 32 };

impl Worker {
    /// Searches, sleeps, and searches again. `None`: the worker is to end.
    #[cold]
    pub(super) fn wait_for_work(&self) -> Option<&'static Record> {
        // Whoever searches or falls asleep looks at the timers afterwards.
        self.has_new_timer.set(false);
        // Step 1.
        let mut searching = self.shared.idle.start_searching(self.shared.workers);
        loop {
            if searching && let Some(task) = self.search() {
                sleep::leave_search(self.shared);
                return Some(task);
            }
            if self.shared.is_stopping() {
                if searching {
                    self.shared.idle.forget_searcher();
                }
                return None;
            }
            sleep::sleep(self.shared, self.index, searching);
            searching = true;
        }
    }

    /// Looks everywhere, a few times.
    fn search(&self) -> Option<&'static Record> {
        let ticks = self.ticks_of_others();
        for round in 0..SEARCH_ROUNDS {
            if self.shared.next_deadline_ns() != time::NEVER {
                time::fire_due(self.shared, self.shared.now_ns());
            }
            let found = self
                .take_local()
                .or_else(|| self.take_global())
                .or_else(|| if round == 0 { self.take_ready() } else { None })
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

    /// Half of the ring of some other processor, beginning anywhere.
    fn steal(&self) -> Option<&'static Record> {
        let processors = self.shared.processors();
        let start = self.roll() as usize % processors.len();
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

    /// A random number for the task that runs here: in a simulation, a matter of its seed.
    pub(crate) fn next_random(&self) -> u64 {
        if self.is_simulated {
            return self.shared.simulation.random();
        }
        self.roll()
    }

    /// A step of xorshift64. How often a worker searches in vain is a matter of chance.
    fn roll(&self) -> u64 {
        let mut random = self.random.get();
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        self.random.set(random);
        random
    }
}
