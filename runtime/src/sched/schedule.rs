//! What a worker runs next.
//!
//! In order: every 61st time the global queue and the other duties of a round; the next slot,
//! unless it has had sixteen turns in a row while others wait; the ring; the global queue; the
//! rings of others (`search.rs`). Timers of the own processor are looked at every 16th time.

use crate::primitive::atomic::Ordering;
use crate::sched::{run_queue::HALF, sleep, worker::Worker};
use crate::task::record::Record;
use crate::time;

/// Every so many tasks, the global queue goes first. A prime, as in Go, so that no pattern of
/// spawning falls into step with it.
const ROUND: u64 = 61;
/// Every so many tasks, the own timers are compared with the clock, which costs as much as a
/// task switch.
const TIMER_ROUND: u64 = 16;
/// Turns that the next slot has in a row while the ring is not empty: two tasks that wake each
/// other must not starve the rest.
const NEXT_TURNS: u32 = 16;

impl Worker {
    /// The next task to run; waits for one. `None`: the worker is to end.
    pub(super) fn next_task(&self) -> Option<&'static Record> {
        if self.shared.is_stopping() || self.is_surplus_after_hog() {
            return None;
        }
        let tick = self.tick.get();
        if self.is_simulated {
            self.simulate_step();
        }
        if tick.is_multiple_of(TIMER_ROUND) {
            self.look_at_timers();
        }
        let first = if tick.is_multiple_of(ROUND) {
            self.do_round()
        } else {
            None
        };
        let ready = first
            .or_else(|| self.take_local())
            .or_else(|| self.take_global());
        if ready.is_none() {
            self.turn.end();
            return self.wait_for_work();
        }
        self.announce_new_timer();
        ready
    }

    /// Brings what is runnable into another order, and lets time pass.
    #[cold]
    fn simulate_step(&self) {
        let simulation = &self.shared.simulation;
        simulation.step();
        self.look_at_timers();
        let queue = &self.processor.queue;
        let outside = self.shared.global.pop_batch(|_| 0, |_| {});
        let waiting = [outside, queue.take_next()].into_iter().flatten();
        waiting.for_each(|task| self.push_back(task));
        for _ in 0..simulation.draw(queue.len() + 1) {
            if let Some(task) = queue.pop() {
                self.push_back(task);
            }
        }
    }

    /// Before this worker runs a task that may not come back in time, or ends.
    #[inline]
    pub(super) fn announce_new_timer(&self) {
        if self.has_new_timer.get() {
            self.has_new_timer.set(false);
            sleep::announce_timers(self.shared);
        }
    }

    /// The next slot's task or the oldest of the ring.
    #[inline]
    pub(super) fn take_local(&self) -> Option<&'static Record> {
        let queue = &self.processor.queue;
        let turns = self.next_streak.get();
        if turns >= NEXT_TURNS {
            self.next_streak.set(0);
            if let Some(task) = queue.pop() {
                return Some(task);
            }
        }
        if let Some(task) = queue.take_next() {
            self.next_streak.set(turns + 1);
            return Some(task);
        }
        self.next_streak.set(0);
        queue.pop()
    }

    /// A fair share of the global queue: one task to run, others into the ring.
    pub(super) fn take_global(&self) -> Option<&'static Record> {
        let workers = self.shared.workers;
        let share = |left: usize| (left / workers).min(HALF - 1);
        self.shared
            .global
            .pop_batch(share, |task| self.push_back(task))
    }

    /// Compares the own timers with the clock.
    pub(super) fn look_at_timers(&self) {
        let timers = &self.processor.timers;
        if timers.next_ns() == time::NEVER {
            return;
        }
        let due = timers.take_due(self.shared.now_ns());
        if due.is_empty() {
            return;
        }
        due.into_iter().for_each(time::fire);
        self.shared.wake_one();
    }

    /// The duties of every 61st turn.
    #[cold]
    fn do_round(&self) -> Option<&'static Record> {
        if self.processor.look_at_timers.load(Ordering::Relaxed) {
            self.processor
                .look_at_timers
                .store(false, Ordering::Relaxed);
        }
        // Timers of sleeping and of hogging workers; only if there are any.
        if self.shared.next_deadline_ns() != time::NEVER {
            time::fire_due(self.shared, self.shared.now_ns());
        }
        self.look_at_poller();
        // Yielding tasks fill the ring without waking anyone; share them now.
        if self.processor.queue.len() > 0 && self.shared.idle.may_wake() {
            self.shared.wake_one();
        }
        self.shared.global.pop_batch(|_| 0, |_| {})
    }
}
