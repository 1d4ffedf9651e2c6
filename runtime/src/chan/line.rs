//! Who waits at one end of a channel, in the order of arrival, each with what it brought.
//! Always under the channel's own lock; it never parks and never wakes: the caller unparks whom
//! it was given after unlocking. Why no wake-up is lost between the two sides is in
//! [`wait_queue`](crate::sync::wait_queue), which this is like but for one thing: a party may be
//! a select that stands in other lines too, and counts only for whoever chooses it first.

use std::collections::VecDeque;

use super::select::Claim;
use crate::primitive::Arc;
use crate::task::{self, Waiter};

/// A place in one line; later arrivals have larger tickets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

impl Ticket {
    /// The place beside a line, where there is room for one.
    pub(super) const ONLY: Self = Self(u64::MAX);
}

/// Someone who waits. Small, as every send and receive that waits moves it in and out.
pub struct Party {
    who: Who,
    /// Of a select.
    arm: u32,
}

enum Who {
    Alone(Waiter),
    Select(Arc<Claim>),
}

/// Parties in the order of their tickets, each with what it brought.
pub(super) struct Line<P> {
    entries: VecDeque<Entry<P>>,
    next: u64,
}

struct Entry<P> {
    ticket: Ticket,
    party: Party,
    brought: P,
}

/// A party that was taken out of the line and that nobody else serves.
pub(super) struct Served<P> {
    pub(super) ticket: Ticket,
    pub(super) waiter: Waiter,
    pub(super) brought: P,
}

/// Whom to wake, with the channel's lock released.
pub(super) struct Woken(Vec<Waiter>);

impl Party {
    /// The calling task or thread.
    #[inline]
    pub(super) fn alone() -> Self {
        Self {
            who: Who::Alone(task::waiter()),
            arm: 0,
        }
    }

    /// An arm of a select.
    pub(super) fn of_select(claim: &Arc<Claim>, arm: u32) -> Self {
        Self {
            who: Who::Select(Arc::clone(claim)),
            arm,
        }
    }

    /// Whom to wake, if the caller may serve it: nobody else does.
    pub(super) fn claim(self) -> Option<Waiter> {
        match self.who {
            Who::Alone(waiter) => Some(waiter),
            Who::Select(claim) => claim.choose(self.arm).then(|| claim.waiter().clone()),
        }
    }

    /// Whether it could be served now, by `other`: a select does not serve itself.
    fn is_open_to(&self, other: &Self) -> bool {
        match (&self.who, &other.who) {
            (Who::Alone(_), _) => true,
            (Who::Select(claim), Who::Select(other)) if Arc::ptr_eq(claim, other) => false,
            (Who::Select(claim), _) => claim.is_open(),
        }
    }
}

impl<P> Line<P> {
    /// A line in which nobody waits; allocates with the first party.
    pub(super) const fn new() -> Self {
        Self {
            entries: VecDeque::new(),
            next: 0,
        }
    }

    /// Lines up at the end.
    pub(super) fn join(&mut self, party: Party, brought: P) -> Ticket {
        let ticket = Ticket(self.next);
        self.next += 1;
        self.entries.push_back(Entry {
            ticket,
            party,
            brought,
        });
        ticket
    }

    /// Whether this ticket is in the line.
    pub(super) fn holds(&self, ticket: Ticket) -> bool {
        self.position(ticket).is_some()
    }

    /// Takes a ticket out of the line, with what it brought; `None` if it was taken out before.
    #[must_use]
    #[inline]
    pub(super) fn leave(&mut self, ticket: Ticket) -> Option<P> {
        let entry = self.entries.remove(self.position(ticket)?)?;
        Some(entry.brought)
    }

    /// Takes out whoever waits longest and is served by nobody else. Those before it who are
    /// leave the line too; what they brought goes to `passed_over`.
    #[must_use]
    #[inline]
    pub(super) fn serve(&mut self, mut passed_over: impl FnMut(Ticket, P)) -> Option<Served<P>> {
        let entry = self.entries.pop_front()?;
        match entry.party.who {
            Who::Alone(waiter) => Some(Served {
                ticket: entry.ticket,
                waiter,
                brought: entry.brought,
            }),
            Who::Select(_) => self.serve_from(entry, &mut passed_over),
        }
    }

    /// Serves whoever is first from this entry on, which was taken out. Out of line: most who
    /// wait do so in one place.
    #[cold]
    #[inline(never)]
    fn serve_from(
        &mut self,
        mut entry: Entry<P>,
        passed_over: &mut impl FnMut(Ticket, P),
    ) -> Option<Served<P>> {
        loop {
            let (ticket, brought) = (entry.ticket, entry.brought);
            if let Some(waiter) = entry.party.claim() {
                return Some(Served {
                    ticket,
                    waiter,
                    brought,
                });
            }
            passed_over(ticket, brought);
            entry = self.entries.pop_front()?;
        }
    }

    /// Takes everybody out; what they brought goes to `sent_home`.
    #[must_use]
    pub(super) fn dissolve(&mut self, mut sent_home: impl FnMut(Ticket, P)) -> Woken {
        let mut woken = Vec::new();
        for entry in std::mem::take(&mut self.entries) {
            woken.extend(entry.party.claim());
            sent_home(entry.ticket, entry.brought);
        }
        Woken(woken)
    }

    /// Whether anybody could be served now, by `party`.
    pub(super) fn is_open_to(&self, party: &Party) -> bool {
        let mut entries = self.entries.iter();
        entries.any(|entry| entry.party.is_open_to(party))
    }

    /// How many wait.
    #[cfg(all(test, not(loom)))]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    #[inline]
    fn position(&self, ticket: Ticket) -> Option<usize> {
        // Who was served finds nobody else in most cases.
        if self.entries.is_empty() {
            return None;
        }
        self.entries
            .binary_search_by_key(&ticket, |entry| entry.ticket)
            .ok()
    }
}

impl Woken {
    /// Unparks all of them, with the channel's lock released.
    pub(super) fn unpark(self) {
        for waiter in self.0 {
            waiter.unpark();
        }
    }
}
