//! A channel with a buffer, bounded or not: the state that both ends share, and the protocol
//! between them. The handles in `sender` and `receiver` call it through `channel`; it never runs
//! user code with its lock held.
//!
//! # The protocol
//!
//! One lock guards the buffer and a line of waiting parties per end. A sender that finds the
//! buffer full lines up among the senders in the same critical section and parks; a receiver
//! that takes a message serves one waiting sender and unparks it; and the other way round. The
//! two sides as numbered steps, and why no wake-up is lost between them, are in
//! [`wait_queue`](crate::sync::wait_queue).
//!
//! A woken task looks again instead of being handed a message or a place: another may be
//! quicker, and then it lines up again. What holds under the lock, for receivers (senders
//! and free places are the mirror image):
//!
//! > somebody waits in the line ⇒ woken receivers on their way ≥ messages in the buffer
//!
//! A receiver joins only while the buffer is empty. A sender adds one message and, if anyone
//! waits, one woken receiver. A woken receiver takes one message away as it arrives, or finds
//! none and joins, or leaves (interrupted, unwinding, abandoned with its runtime), and its
//! wake-up is passed on. A receiver that was never woken only takes messages away. So no message
//! stays behind while every receiver sleeps. A select counts as waiting while it is undecided,
//! and as woken in the line of the arm that it was woken for; in its other lines it is passed
//! over.
//!
//! Budget (`budgets.rs`): a message that is there when it is asked for takes two turns of the lock. One
//! to a task that waits takes three (the receiver's look in vain, the sender's, and the receiver's
//! again) and what `unpark` and `park` cost. Neither makes a fence, nor reads the clock.
//!
//! Rejected: handing the message to the parked receiver directly (a wake-up less per
//! message, but a stream of them is no longer taken in one go while the receiver runs); a
//! ring with a stamp per place (lock-free, but the fence that the waiting side then needs
//! costs as much as this uncontended lock).

mod place;

use std::collections::VecDeque;
use std::sync::PoisonError;

use runtime_abi::Reason;

use super::line::{Party, Ticket, Woken};
use super::patience::{Patience, Unreceived, Unsent};
use super::port::{Joined, Look, Sink, Source};
use super::side::{End, Side};
use crate::primitive::Mutex;
use crate::task::Waiter;
use place::Place;

/// Room that a channel takes at once, and keeps when it is empty; one that can hold more grows
/// as it fills.
const ROOM_AT_ONCE: usize = 1_024;

/// The capacity of a channel without a bound.
pub(super) const UNBOUNDED: usize = usize::MAX;

/// What the handles of a channel share.
pub(super) struct Buffered<T> {
    capacity: usize,
    state: Mutex<State<T>>,
}

struct State<T> {
    buffer: VecDeque<T>,
    senders: Side<()>,
    receivers: Side<()>,
}

impl<T> Buffered<T> {
    pub(super) fn new(capacity: usize) -> Self {
        let room = if capacity == UNBOUNDED {
            0
        } else {
            capacity.min(ROOM_AT_ONCE)
        };
        let state = State {
            buffer: VecDeque::with_capacity(room),
            senders: Side::new(),
            receivers: Side::new(),
        };
        Self {
            capacity,
            state: Mutex::new(state),
        }
    }

    pub(super) fn send<P: Patience>(
        &self,
        mut message: T,
        mut patience: P,
    ) -> Result<(), Unsent<T, P::Interrupted>> {
        let mut place = Place::new(self, End::Sending);
        loop {
            match self.look_to_send(message, Some(&mut place)) {
                Look::Done(()) => return Ok(()),
                Look::Closed(message) => return Err(Unsent::Closed(message)),
                Look::Wait(back, owner) => {
                    message = back;
                    if let Err(interrupted) = place.park(&mut patience, Reason::ChanSend, owner) {
                        return Err(Unsent::Interrupted(message, interrupted));
                    }
                }
            }
        }
    }

    pub(super) fn recv<P: Patience>(
        &self,
        mut patience: P,
    ) -> Result<T, Unreceived<P::Interrupted>> {
        let mut place = Place::new(self, End::Receiving);
        loop {
            match self.look_to_receive(Some(&mut place)) {
                Look::Done(message) => return Ok(message),
                Look::Closed(()) => return Err(Unreceived::Closed),
                Look::Wait((), owner) => {
                    place
                        .park(&mut patience, Reason::ChanRecv, owner)
                        .map_err(Unreceived::Interrupted)?;
                }
            }
        }
    }

    /// Messages in the channel now.
    pub(super) fn len(&self) -> usize {
        self.with_state(|state| state.buffer.len())
    }

    pub(super) const fn capacity(&self) -> usize {
        self.capacity
    }

    /// One more handle of this end.
    pub(super) fn open(&self, end: End) {
        self.with_state(|state| state.side(end).handles += 1);
    }

    /// One handle of this end less; the last closes the channel for the other end.
    pub(super) fn close(&self, end: End) {
        let closed = self.with_state(|state| {
            let side = state.side(end);
            side.handles -= 1;
            (side.handles == 0).then(|| state.close_for_the_other(end))
        });
        if let Some((woken, unreceived)) = closed {
            woken.unpark();
            drop(unreceived);
        }
    }

    fn look_to_send(&self, message: T, place: Option<&mut Place<'_, T>>) -> Look<(), T> {
        let (look, woken) = self.with_state(|state| {
            if state.receivers.handles == 0 {
                return (Look::Closed(message), None);
            }
            if state.buffer.len() == self.capacity {
                let owner = state.receivers.last_used_by;
                state.senders.stay(place);
                return (Look::Wait(message, owner), None);
            }
            state.buffer.push_back(message);
            state.senders.served(place);
            (Look::Done(()), state.receivers.wake_one())
        });
        unpark(woken);
        look
    }

    fn look_to_receive(&self, place: Option<&mut Place<'_, T>>) -> Look<T, ()> {
        let (look, woken) = self.with_state(|state| match state.buffer.pop_front() {
            Some(message) => {
                state.receivers.served(place);
                if self.capacity == UNBOUNDED {
                    state.give_room_back();
                }
                (Look::Done(message), state.senders.wake_one())
            }
            None if state.senders.handles == 0 => (Look::Closed(()), None),
            None => {
                state.receivers.stay(place);
                (Look::Wait((), state.senders.last_used_by), None)
            }
        });
        unpark(woken);
        look
    }

    /// A waiter leaves without having been served: what it was woken for goes to the next.
    fn abandon(&self, end: End, ticket: Ticket, chosen: bool) {
        unpark(self.with_state(|state| {
            let side = state.side(end);
            match side.line.leave(ticket) {
                None if chosen => side.wake_one(),
                _ => None,
            }
        }));
    }

    fn leave(&self, end: End, ticket: Ticket) {
        self.with_state(|state| state.side(end).line.leave(ticket));
    }

    /// How many wait at this end.
    #[cfg(all(test, not(loom)))]
    pub(super) fn waiting(&self, end: End) -> usize {
        self.with_state(|state| state.side(end).line.len())
    }

    pub(super) fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    fn with_state<R>(&self, look: impl FnOnce(&mut State<T>) -> R) -> R {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        look(&mut state)
    }
}

impl<T> Source<T> for Buffered<T> {
    fn take(&self) -> Look<T, ()> {
        self.look_to_receive(None)
    }

    fn line_up(&self, party: Party) -> Joined<()> {
        self.with_state(|state| {
            if !state.buffer.is_empty() || state.senders.handles == 0 {
                return Joined::Ready(());
            }
            let ticket = state.receivers.line.join(party, ());
            Joined::Waits(ticket, state.senders.last_used_by, ())
        })
    }

    fn leave(&self, ticket: Ticket) -> Option<T> {
        self.leave(End::Receiving, ticket);
        None
    }

    fn pass_on(&self, ticket: Ticket, chosen: bool) {
        self.abandon(End::Receiving, ticket, chosen);
    }

    fn address(&self) -> usize {
        self.address()
    }
}

impl<T> Sink<T> for Buffered<T> {
    fn put(&self, message: T) -> Look<(), T> {
        self.look_to_send(message, None)
    }

    fn line_up(&self, party: Party, message: T) -> Joined<Option<T>> {
        self.with_state(|state| {
            if state.buffer.len() < self.capacity || state.receivers.handles == 0 {
                return Joined::Ready(Some(message));
            }
            let ticket = state.senders.line.join(party, ());
            Joined::Waits(ticket, state.receivers.last_used_by, Some(message))
        })
    }

    fn leave(&self, ticket: Ticket) -> Option<T> {
        self.leave(End::Sending, ticket);
        None
    }

    fn pass_on(&self, ticket: Ticket, chosen: bool) {
        self.abandon(End::Sending, ticket, chosen);
    }

    fn address(&self) -> usize {
        self.address()
    }
}

impl<T> State<T> {
    fn side(&mut self, end: End) -> &mut Side<()> {
        match end {
            End::Sending => &mut self.senders,
            End::Receiving => &mut self.receivers,
        }
    }

    /// Whom to wake, and what nobody will receive any more.
    fn close_for_the_other(&mut self, end: End) -> (Woken, VecDeque<T>) {
        match end {
            End::Sending => (self.receivers.line.dissolve(|_, ()| {}), VecDeque::new()),
            End::Receiving => (
                self.senders.line.dissolve(|_, ()| {}),
                std::mem::take(&mut self.buffer),
            ),
        }
    }

    /// A burst that was received takes its room along.
    fn give_room_back(&mut self) {
        if self.buffer.is_empty() && self.buffer.capacity() > ROOM_AT_ONCE {
            self.buffer = VecDeque::new();
        }
    }
}

fn unpark(woken: Option<Waiter>) {
    if let Some(waiter) = woken {
        waiter.unpark();
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
