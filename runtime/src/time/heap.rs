//! A heap of deadlines.
//!
//! A timer that is cancelled stays in the heap until its deadline or until half of the heap
//! is stale: a cancellation costs a count. The heap belongs to one processor and is locked by
//! `Timers`; it never wakes anyone.

use std::{cmp::Ordering, collections::BinaryHeap};

use crate::task::TaskId;

/// One timer: whom to wake when. The sequence tells whether the task still waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timer {
    pub(crate) deadline_ns: u64,
    pub(crate) task: TaskId,
    pub(crate) sequence: u32,
}

/// Earliest first; of those that are due at once, the one that was inserted first.
#[derive(Debug, Default)]
pub(crate) struct TimerHeap {
    timers: BinaryHeap<Entry>,
    inserted: u32,
    stale: usize,
}

/// A timer in a heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    deadline_ns: u64,
    task: TaskId,
    sequence: u32,
    /// How many were inserted before. Where that overflows, a tie is decided the other way round.
    order: u32,
}

/// Heaps smaller than this are not swept.
const SWEEP_FROM: usize = 64;

impl Entry {
    fn timer(&self) -> Timer {
        Timer {
            deadline_ns: self.deadline_ns,
            task: self.task,
            sequence: self.sequence,
        }
    }
}

impl Ord for Entry {
    /// The earlier timer is the greater one: `BinaryHeap` gives the greatest.
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |entry: &Self| (entry.deadline_ns, entry.order, entry.task, entry.sequence);
        key(other).cmp(&key(self))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl TimerHeap {
    pub(crate) fn insert(&mut self, timer: Timer) {
        self.timers.push(Entry {
            deadline_ns: timer.deadline_ns,
            task: timer.task,
            sequence: timer.sequence,
            order: self.inserted,
        });
        self.inserted = self.inserted.wrapping_add(1);
    }

    /// The earliest deadline.
    pub(crate) fn next_ns(&self) -> Option<u64> {
        self.timers.peek().map(|entry| entry.deadline_ns)
    }

    /// Takes the earliest timer if it is due.
    pub(crate) fn pop_due(&mut self, now_ns: u64) -> Option<Timer> {
        if self.next_ns()? > now_ns {
            return None;
        }
        self.timers.pop().map(|entry| entry.timer())
    }

    /// One timer was cancelled; sweeps when half of the heap may be stale.
    pub(crate) fn note_stale(&mut self, is_wanted: impl FnMut(&Timer) -> bool) {
        self.stale += 1;
        if self.timers.len() >= SWEEP_FROM && self.stale > self.timers.len() / 2 {
            self.sweep(is_wanted);
        }
    }

    /// Drops what is stale.
    pub(super) fn sweep(&mut self, mut is_wanted: impl FnMut(&Timer) -> bool) {
        self.timers.retain(|entry| is_wanted(&entry.timer()));
        self.stale = 0;
    }

    /// Moves all timers out.
    pub(crate) fn take_all(&mut self) -> Vec<Timer> {
        self.stale = 0;
        let timers = std::mem::take(&mut self.timers).into_vec();
        timers.iter().map(Entry::timer).collect()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn timer(deadline_ns: u64) -> Timer {
        Timer {
            deadline_ns,
            task: TaskId::from_u64(deadline_ns),
            sequence: 0,
        }
    }

    #[test]
    fn gives_due_timers_earliest_first() {
        let mut heap = TimerHeap::default();
        [30, 10, 20]
            .into_iter()
            .for_each(|deadline| heap.insert(timer(deadline)));
        assert_eq!(heap.next_ns(), Some(10));
        assert_eq!(heap.pop_due(20).map(|t| t.deadline_ns), Some(10));
        assert_eq!(heap.pop_due(20).map(|t| t.deadline_ns), Some(20));
        assert_eq!(heap.pop_due(20), None);
        assert_eq!(heap.next_ns(), Some(30));
    }

    #[test]
    fn timers_of_one_time_are_given_in_the_order_in_which_they_came() {
        let mut heap = TimerHeap::default();
        for task in [7, 3, 5, 1] {
            let task = TaskId::from_u64(task);
            heap.insert(Timer { task, ..timer(10) });
        }
        let given = std::iter::from_fn(|| heap.pop_due(10));
        assert_eq!(
            given.map(|t| t.task.as_u64()).collect::<Vec<_>>(),
            [7, 3, 5, 1]
        );
    }

    #[test]
    fn cancelled_timers_do_not_pile_up() {
        let mut heap = TimerHeap::default();
        for deadline in 0..1_000 {
            heap.insert(timer(deadline));
            heap.note_stale(|_| false);
        }
        assert!(heap.timers.len() <= SWEEP_FROM);
    }
}
