//! Who waits for a primitive, in the order of arrival. Used by channels and all that is in this
//! folder, always under the primitive's own lock. It never parks and
//! never wakes: it hands the [`Waiter`] to the caller, who unparks it after unlocking.
//!
//! # Why no wake-up is lost
//!
//! A waiting side and a waking side share a queue and a condition ("a message is there"):
//!
//! | waiting side | waking side |
//! |---|---|
//! | 1. lock; the condition does not hold | a. lock; make the condition hold |
//! | 2. `join` the queue; unlock | b. `pop` a waiter; unlock |
//! | 3. park | c. `unpark` it |
//! | 4. lock; look at the condition again | |
//!
//! Steps 1–2 and a–b are each one critical section, so either the waiting side sees the
//! condition or the waking side sees the waiter. An `unpark` between 2 and 3 leaves its
//! token with the task, and the park returns at once. A popped waiter that leaves without
//! using what it was woken for must pass the wake-up on; each primitive does so in the
//! destructor of its place in the queue, so an unwinding task does it too.
//!
//! A task whose runtime ends between 2 and 4 runs neither step 4 nor a destructor. The thread
//! that ends the runtime leaves the place for it (`task/place.rs`): if nobody popped it, it is
//! in the queue no more, else its wake-up goes to the next. The two meet under the lock, so it
//! does not matter that `unpark` in c comes too late for a task that was abandoned after b.
//! A queue that is only ever emptied, as a wait group's is, needs none of this.
//!
//! Rejected: popping on until an `unpark` says that there was somebody to wake (a task that is
//! alive in c may still be abandoned before 4); intrusive nodes on the waiters' stacks (no allocation, but unsafe code in every
//! primitive, for a queue that keeps its memory anyway); a lock-free list with counters (two
//! full fences where one uncontended lock costs the same).

use std::collections::VecDeque;

use crate::task::Waiter;

/// The place of a waiter in one queue; later arrivals have larger tickets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(u64);

/// Waiters in the order of their tickets, each with what its primitive has to know of it.
pub(crate) struct WaitQueue<W = ()> {
    entries: VecDeque<Entry<W>>,
    next: u64,
}

struct Entry<W> {
    ticket: Ticket,
    waiter: Waiter,
    wants: W,
}

/// Everybody whom [`WaitQueue::pop_all`] took out.
pub(crate) struct Popped(VecDeque<Entry<()>>);

impl<W> WaitQueue<W> {
    /// A queue in which nobody waits; allocates with the first waiter.
    pub(crate) const fn new() -> Self {
        Self {
            entries: VecDeque::new(),
            next: 0,
        }
    }

    /// Whether nobody waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Lines up at the end.
    pub(crate) fn join_wanting(&mut self, waiter: Waiter, wants: W) -> Ticket {
        let ticket = Ticket(self.next);
        self.next += 1;
        self.entries.push_back(Entry {
            ticket,
            waiter,
            wants,
        });
        ticket
    }

    /// Whether nobody waits longer than this ticket, which waits.
    pub(crate) fn is_first(&self, ticket: Ticket) -> bool {
        self.entries
            .front()
            .is_some_and(|entry| entry.ticket == ticket)
    }

    /// What whoever waits longest wants.
    pub(crate) fn first_wants(&self) -> Option<&W> {
        self.entries.front().map(|entry| &entry.wants)
    }

    /// Everybody who waits, in order.
    pub(crate) fn waiters(&self) -> impl Iterator<Item = &Waiter> {
        self.entries.iter().map(|entry| &entry.waiter)
    }

    /// Whether this ticket still waits, that is, nobody popped it.
    pub(crate) fn holds(&self, ticket: Ticket) -> bool {
        self.position(ticket).is_some()
    }

    /// Takes a ticket out of the queue; false if it was popped before.
    #[must_use]
    pub(crate) fn leave(&mut self, ticket: Ticket) -> bool {
        match self.position(ticket) {
            Some(place) => self.entries.remove(place).is_some(),
            None => false,
        }
    }

    /// Takes out whoever waits longest; the caller unparks it after unlocking.
    #[must_use]
    pub(crate) fn pop(&mut self) -> Option<(Ticket, Waiter)> {
        let first = self.entries.pop_front()?;
        Some((first.ticket, first.waiter))
    }

    fn position(&self, ticket: Ticket) -> Option<usize> {
        self.entries
            .binary_search_by_key(&ticket, |entry| entry.ticket)
            .ok()
    }
}

impl WaitQueue {
    /// Lines up at the end.
    pub(crate) fn join(&mut self, waiter: Waiter) -> Ticket {
        self.join_wanting(waiter, ())
    }

    /// Lines up again at the place of a ticket that was popped in vain.
    pub(crate) fn rejoin(&mut self, ticket: Ticket, waiter: Waiter) {
        let place = self.entries.partition_point(|other| other.ticket < ticket);
        let entry = Entry {
            ticket,
            waiter,
            wants: (),
        };
        self.entries.insert(place, entry);
    }

    /// Takes out everybody; the caller unparks them after unlocking.
    #[must_use]
    pub(crate) fn pop_all(&mut self) -> Popped {
        Popped(std::mem::take(&mut self.entries))
    }
}

impl Popped {
    /// Who came last.
    pub(crate) fn last(&self) -> Option<&Waiter> {
        self.0.back().map(|entry| &entry.waiter)
    }

    /// Unparks all of them, with the primitive's lock released.
    pub(crate) fn unpark(self) {
        for entry in self.0 {
            entry.waiter.unpark();
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::task::waiter;

    fn tickets(queue: &mut WaitQueue) -> Vec<u64> {
        queue
            .pop_all()
            .0
            .into_iter()
            .map(|entry| entry.ticket.0)
            .collect()
    }

    #[test]
    fn pops_in_the_order_of_arrival() {
        let mut queue = WaitQueue::new();
        let first = queue.join(waiter());
        let second = queue.join(waiter());
        assert_eq!(queue.pop().map(|(ticket, _)| ticket), Some(first));
        assert_eq!(queue.pop().map(|(ticket, _)| ticket), Some(second));
        assert!(queue.pop().is_none() && queue.is_empty());
    }

    #[test]
    fn a_popped_ticket_is_no_longer_held_and_cannot_leave() {
        let mut queue = WaitQueue::new();
        let ticket = queue.join(waiter());
        assert!(queue.holds(ticket));
        assert!(queue.pop().is_some());
        assert!(!queue.holds(ticket));
        assert!(!queue.leave(ticket));
    }

    #[test]
    fn rejoining_restores_the_old_place() {
        let mut queue = WaitQueue::new();
        for _ in 0..4 {
            queue.join(waiter());
        }
        let (first, _) = queue.pop().expect("four wait");
        let (second, _) = queue.pop().expect("three wait");
        queue.rejoin(second, waiter());
        queue.rejoin(first, waiter());
        assert_eq!(tickets(&mut queue), [0, 1, 2, 3]);
    }

    #[test]
    fn leaving_from_the_middle_keeps_the_others_in_order() {
        let mut queue = WaitQueue::new();
        let all: Vec<_> = (0..5).map(|_| queue.join(waiter())).collect();
        assert!(queue.leave(all[2]));
        assert_eq!(tickets(&mut queue), [0, 1, 3, 4]);
    }
}
