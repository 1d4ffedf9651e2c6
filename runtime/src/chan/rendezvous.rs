//! A channel without room: a send and a receive meet, or one waits for the other. The handles
//! in `sender` and `receiver` call it through `channel`; it never runs user code with its lock
//! held.
//!
//! # The protocol
//!
//! One lock guards a line per end. Whoever comes second serves the first, under the lock:
//!
//! | first in line | second |
//! |---|---|
//! | a sender, whose message stands in the line with it | a receiver takes sender and message out |
//! | a receiver | a sender takes it out and leaves the message in `handed`, under its ticket |
//!
//! The first is unparked and finds under its ticket what became of it. So both lines are never
//! occupied at once by parties that could be served by each other: whoever joins one found nobody
//! in the other, and they see each other under the lock. A select joins in the same way, and
//! while it stands in lines it serves nobody: it looks for the other side either before it lines
//! up, or after it has decided for no arm and left them all (`select/run.rs`).
//!
//! A waiter that is interrupted asks under the lock: whose ticket is still in the line leaves
//! (a sender with its message), and all others were served, so a message is never both taken and
//! given back. A receiver that was handed a message and goes on no more (unwinding, abandoned
//! with its runtime) passes it to the next one in line, or leaves it as a `stray` for the next one
//! to come. What an abandoned sender brought is dropped if nobody took it.
//!
//! Rejected: a woken party that looks again, as with a buffer (a sender that must know that its
//! message was taken would have to park once more, and `try_send` could never succeed).

mod state;

use std::sync::PoisonError;

use runtime_abi::Reason;

use super::line::{Party, Ticket};
use super::patience::{Patience, Unreceived, Unsent};
use super::port::{Joined, Look, Sink, Source};
use super::side::End;
use crate::primitive::Mutex;
use crate::task::{TaskId, Waiter, place, place::in_place};
use state::State;

/// What the handles of a channel share.
pub(super) struct Rendezvous<T> {
    state: Mutex<State<T>>,
}

impl<T> Rendezvous<T> {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::new(State::new()),
        }
    }

    pub(super) fn send<P: Patience>(
        &self,
        message: T,
        mut patience: P,
    ) -> Result<(), Unsent<T, P::Interrupted>> {
        let offered = self.meet(|state| {
            let (look, woken) = state.put(message);
            let join = |message| state.senders.line.join(Party::alone(), message);
            (look.or_wait(join), woken)
        });
        let (ticket, owner) = match offered {
            Look::Done(()) => return Ok(()),
            Look::Closed(message) => return Err(Unsent::Closed(message)),
            Look::Wait(ticket, owner) => (ticket, owner),
        };
        let place = Place::new(self, End::Sending, ticket);
        let outcome = loop {
            if let Err(interrupted) = place.park(&mut patience, Reason::ChanSend, owner) {
                break match Sink::leave(self, ticket) {
                    None => Ok(()),
                    Some(message) => Err(Unsent::Interrupted(message, interrupted)),
                };
            }
            if let Some(outcome) = self.with_state(|state| state.became_of_sender(ticket)) {
                break outcome;
            }
        };
        place.forget();
        outcome
    }

    pub(super) fn recv<P: Patience>(
        &self,
        mut patience: P,
    ) -> Result<T, Unreceived<P::Interrupted>> {
        let asked = self.meet(|state| {
            let (look, woken) = state.take();
            let join = |()| state.receivers.line.join(Party::alone(), ());
            (look.or_wait(join), woken)
        });
        let (ticket, owner) = match asked {
            Look::Done(message) => return Ok(message),
            Look::Closed(()) => return Err(Unreceived::Closed),
            Look::Wait(ticket, owner) => (ticket, owner),
        };
        let place = Place::new(self, End::Receiving, ticket);
        let outcome = loop {
            if let Err(interrupted) = place.park(&mut patience, Reason::ChanRecv, owner) {
                break Source::leave(self, ticket).ok_or(Unreceived::Interrupted(interrupted));
            }
            if let Some(outcome) = self.with_state(|state| state.became_of_receiver(ticket)) {
                break outcome;
            }
        };
        place.forget();
        outcome
    }

    /// Messages that were handed to receivers that went on no more.
    pub(super) fn len(&self) -> usize {
        self.with_state(|state| state.strays.len())
    }

    /// One more handle of this end.
    pub(super) fn open(&self, end: End) {
        self.with_state(|state| *state.handles(end) += 1);
    }

    /// One handle of this end less; the last closes the channel for the other end.
    pub(super) fn close(&self, end: End) {
        let closed = self.with_state(|state| {
            let handles = state.handles(end);
            *handles -= 1;
            (*handles == 0).then(|| state.close_for_the_other(end))
        });
        if let Some((woken, unreceived)) = closed {
            woken.unpark();
            drop(unreceived);
        }
    }

    /// How many wait at this end.
    #[cfg(all(test, not(loom)))]
    pub(super) fn waiting(&self, end: End) -> usize {
        self.with_state(|state| match end {
            End::Sending => state.senders.line.len(),
            End::Receiving => state.receivers.line.len(),
        })
    }

    pub(super) fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// One look under the lock, and the wake-up of whom it served after it.
    fn meet<R>(&self, look: impl FnOnce(&mut State<T>) -> (R, Option<Waiter>)) -> R {
        let (came_to, woken) = self.with_state(look);
        if let Some(waiter) = woken {
            waiter.unpark();
        }
        came_to
    }

    fn with_state<R>(&self, look: impl FnOnce(&mut State<T>) -> R) -> R {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        look(&mut state)
    }
}

impl<T> Source<T> for Rendezvous<T> {
    fn take(&self) -> Look<T, ()> {
        self.meet(State::take)
    }

    fn line_up(&self, party: Party) -> Joined<()> {
        self.with_state(|state| {
            let is_ready = !state.strays.is_empty()
                || state.senders.handles == 0
                || state.senders.line.is_open_to(&party);
            if is_ready {
                return Joined::Ready(());
            }
            let ticket = state.receivers.line.join(party, ());
            Joined::Waits(ticket, state.senders.last_used_by, ())
        })
    }

    fn leave(&self, ticket: Ticket) -> Option<T> {
        self.with_state(|state| match state.receivers.line.leave(ticket) {
            Some(()) => None,
            None => state.handed.remove(&ticket),
        })
    }

    fn pass_on(&self, ticket: Ticket, _chosen: bool) {
        let unreceived = self.meet(|state| match state.receivers.line.leave(ticket) {
            Some(()) => (None, None),
            None => state.pass_on(ticket),
        });
        drop(unreceived);
    }

    fn address(&self) -> usize {
        self.address()
    }
}

impl<T> Sink<T> for Rendezvous<T> {
    fn put(&self, message: T) -> Look<(), T> {
        self.meet(|state| state.put(message))
    }

    fn line_up(&self, party: Party, message: T) -> Joined<Option<T>> {
        self.with_state(|state| {
            if state.receivers.handles == 0 || state.receivers.line.is_open_to(&party) {
                return Joined::Ready(Some(message));
            }
            let ticket = state.senders.line.join(party, message);
            Joined::Waits(ticket, state.receivers.last_used_by, None)
        })
    }

    fn leave(&self, ticket: Ticket) -> Option<T> {
        self.with_state(|state| {
            let unserved = state.senders.line.leave(ticket);
            unserved.or_else(|| state.sent_home.remove(&ticket))
        })
    }

    fn pass_on(&self, ticket: Ticket, _chosen: bool) {
        // Nobody was given anything for it: its message stood in the line with it.
        drop(Sink::leave(self, ticket));
    }

    fn address(&self) -> usize {
        self.address()
    }
}

/// A waiter's place in the line; dropped with its ticket by unwinding only.
struct Place<'a, T> {
    channel: &'a Rendezvous<T>,
    end: End,
    ticket: Option<Ticket>,
}

impl<'a, T> Place<'a, T> {
    fn new(channel: &'a Rendezvous<T>, end: End, ticket: Ticket) -> Self {
        Self {
            channel,
            end,
            ticket: Some(ticket),
        }
    }

    fn park<P: Patience>(
        &self,
        patience: &mut P,
        reason: Reason,
        owner: TaskId,
    ) -> Result<(), P::Interrupted> {
        in_place(self, || {
            patience.park(reason, self.channel.address(), owner)
        })
    }

    /// The ticket is not in the line any more, and its task knows why.
    fn forget(mut self) {
        self.ticket = None;
    }
}

impl<T> place::Place for Place<'_, T> {
    fn give_up(&self) {
        match (self.ticket, self.end) {
            (Some(ticket), End::Sending) => Sink::pass_on(self.channel, ticket, true),
            (Some(ticket), End::Receiving) => Source::pass_on(self.channel, ticket, true),
            (None, _) => {}
        }
    }
}

impl<T> Drop for Place<'_, T> {
    fn drop(&mut self) {
        place::Place::give_up(self);
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
