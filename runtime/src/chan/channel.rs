//! The state that both ends of a channel share, and the protocol between them. The handles
//! in `sender` and `receiver` call it; it never runs user code with its lock held.
//!
//! # The protocol
//!
//! One lock guards the buffer and a queue of waiters per end. A sender that finds the buffer
//! full lines up among the senders in the same critical section and parks; a receiver that
//! takes a message pops one waiting sender and unparks it; and the other way round. The two
//! sides as numbered steps, and why no wake-up is lost between them, are in
//! [`wait_queue`](crate::sync::wait_queue).
//!
//! A woken task looks again instead of being handed a message or a place: another may be
//! quicker, and then it lines up again. What holds under the lock, for receivers (senders
//! and free places are the mirror image):
//!
//! > somebody waits in the queue ⇒ woken receivers on their way ≥ messages in the buffer
//!
//! A receiver joins only while the buffer is empty. A sender adds one message and, if anyone
//! waits, one woken receiver. A woken receiver takes one message away as it arrives, or finds
//! none and joins, or leaves (interrupted, unwinding, abandoned with its runtime), and its
//! wake-up is passed on. A receiver that was never woken only takes messages away. So no message
//! stays behind while every receiver sleeps.
//!
//! Rejected: handing the message to the parked receiver directly (a wake-up less per
//! message, but a stream of them is no longer taken in one go while the receiver runs); a
//! ring with a stamp per place (lock-free, but the fence that the waiting side then needs
//! costs as much as this uncontended lock).

use std::collections::VecDeque;
use std::sync::PoisonError;

use runtime_abi::Reason;

use super::error::{RecvUntilError, SendUntilError, TryRecvError, TrySendError};
use crate::cancel::{Interrupted, Until, Wait};
use crate::primitive::Mutex;
use crate::sync::wait_queue::{Popped, Ticket, WaitQueue};
use crate::task::{self, TaskId, Waiter, place::in_place};

/// Room that a channel takes at once; a larger one grows up to its capacity as it fills.
const ROOM_AT_ONCE: usize = 1_024;

/// One end of a channel.
#[derive(Clone, Copy)]
pub(super) enum End {
    Sending,
    Receiving,
}

/// What the handles of a channel share.
pub(super) struct Channel<T> {
    capacity: usize,
    state: Mutex<State<T>>,
}

struct State<T> {
    buffer: VecDeque<T>,
    senders: Side,
    receivers: Side,
}

/// The handles of one end.
struct Side {
    handles: usize,
    waiting: WaitQueue,
    /// The task that last sent or received; the owner of the other end's parks.
    last_used_by: TaskId,
}

/// What one look at a channel came to.
#[must_use]
enum Look<D, P> {
    Done(D),
    Closed(P),
    Wait(P, TaskId),
}

impl<T> Channel<T> {
    pub(super) fn new(capacity: usize) -> Self {
        let state = State {
            buffer: VecDeque::with_capacity(capacity.min(ROOM_AT_ONCE)),
            senders: Side::new(),
            receivers: Side::new(),
        };
        Self {
            capacity,
            state: Mutex::new(state),
        }
    }

    pub(super) fn send(&self, mut message: T, until: Until<'_>) -> Result<(), SendUntilError<T>> {
        let mut wait = Wait::new(until);
        let mut place = Place {
            channel: self,
            end: End::Sending,
            ticket: None,
        };
        loop {
            match self.look_to_send(message, Some(&mut place)) {
                Look::Done(()) => return Ok(()),
                Look::Closed(message) => return Err(SendUntilError::Closed(message)),
                Look::Wait(back, owner) => {
                    message = back;
                    if let Err(interrupted) = place.park(&mut wait, Reason::ChanSend, owner) {
                        return Err(SendUntilError::Interrupted(message, interrupted));
                    }
                }
            }
        }
    }

    pub(super) fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        match self.look_to_send(message, None) {
            Look::Done(()) => Ok(()),
            Look::Closed(message) => Err(TrySendError::Closed(message)),
            Look::Wait(message, _) => Err(TrySendError::Full(message)),
        }
    }

    pub(super) fn recv(&self, until: Until<'_>) -> Result<T, RecvUntilError> {
        let mut wait = Wait::new(until);
        let mut place = Place {
            channel: self,
            end: End::Receiving,
            ticket: None,
        };
        loop {
            match self.look_to_receive(Some(&mut place)) {
                Look::Done(message) => return Ok(message),
                Look::Closed(()) => return Err(RecvUntilError::Closed),
                Look::Wait((), owner) => place.park(&mut wait, Reason::ChanRecv, owner)?,
            }
        }
    }

    pub(super) fn try_recv(&self) -> Result<T, TryRecvError> {
        match self.look_to_receive(None) {
            Look::Done(message) => Ok(message),
            Look::Closed(()) => Err(TryRecvError::Closed),
            Look::Wait((), _) => Err(TryRecvError::Empty),
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
        let closed = self.with_state(|state| state.close(end));
        if let Some((waiters, unreceived)) = closed {
            waiters.unpark();
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
                state.senders.line_up(place);
                return (Look::Wait(message, owner), None);
            }
            state.buffer.push_back(message);
            state.senders.used(place);
            (Look::Done(()), state.receivers.wake_one())
        });
        unpark(woken);
        look
    }

    fn look_to_receive(&self, place: Option<&mut Place<'_, T>>) -> Look<T, ()> {
        let (look, woken) = self.with_state(|state| match state.buffer.pop_front() {
            Some(message) => {
                state.receivers.used(place);
                (Look::Done(message), state.senders.wake_one())
            }
            None if state.senders.handles == 0 => (Look::Closed(()), None),
            None => {
                state.receivers.line_up(place);
                (Look::Wait((), state.senders.last_used_by), None)
            }
        });
        unpark(woken);
        look
    }

    /// A waiter leaves without having been served: what it was woken for goes to the next.
    fn abandon(&self, end: End, ticket: Ticket) {
        unpark(self.with_state(|state| {
            let side = state.side(end);
            if side.waiting.leave(ticket) {
                None
            } else {
                side.wake_one()
            }
        }));
    }

    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    fn with_state<R>(&self, look: impl FnOnce(&mut State<T>) -> R) -> R {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        look(&mut state)
    }
}

impl<T> State<T> {
    fn side(&mut self, end: End) -> &mut Side {
        match end {
            End::Sending => &mut self.senders,
            End::Receiving => &mut self.receivers,
        }
    }

    /// If this was the last handle: whom to wake, and what nobody will receive any more.
    fn close(&mut self, end: End) -> Option<(Popped, VecDeque<T>)> {
        let side = self.side(end);
        side.handles -= 1;
        if side.handles > 0 {
            return None;
        }
        Some(match end {
            End::Sending => (self.receivers.waiting.pop_all(), VecDeque::new()),
            End::Receiving => (
                self.senders.waiting.pop_all(),
                std::mem::take(&mut self.buffer),
            ),
        })
    }
}

impl Side {
    const fn new() -> Self {
        Self {
            handles: 1,
            waiting: WaitQueue::new(),
            last_used_by: TaskId::NONE,
        }
    }

    /// Records a message by the current task, which no longer waits.
    fn used<T>(&mut self, place: Option<&mut Place<'_, T>>) {
        self.last_used_by = task::current().unwrap_or(TaskId::NONE);
        if let Some(ticket) = place.and_then(|place| place.ticket.take()) {
            // False if it was popped: then this message was what it was woken for.
            let _ = self.waiting.leave(ticket);
        }
    }

    /// Puts the current task in the queue, unless it is there or does not want to wait.
    fn line_up<T>(&mut self, place: Option<&mut Place<'_, T>>) {
        let Some(place) = place else { return };
        if place
            .ticket
            .is_none_or(|ticket| !self.waiting.holds(ticket))
        {
            place.ticket = Some(self.waiting.join(task::waiter()));
        }
    }

    fn wake_one(&mut self) -> Option<Waiter> {
        self.waiting.pop().map(|(_, waiter)| waiter)
    }
}

/// A waiter's place in the queue; dropped with a ticket when the channel has closed, when the
/// wait was interrupted, or by unwinding.
struct Place<'a, T> {
    channel: &'a Channel<T>,
    end: End,
    ticket: Option<Ticket>,
}

impl<T> Place<'_, T> {
    fn park(&self, wait: &mut Wait<'_>, reason: Reason, owner: TaskId) -> Result<(), Interrupted> {
        in_place(self, || wait.park(reason, self.channel.address(), owner))
    }
}

impl<T> task::place::Place for Place<'_, T> {
    fn give_up(&self) {
        if let Some(ticket) = self.ticket {
            self.channel.abandon(self.end, ticket);
        }
    }
}

impl<T> Drop for Place<'_, T> {
    fn drop(&mut self) {
        task::place::Place::give_up(self);
    }
}

fn unpark(woken: Option<Waiter>) {
    if let Some(waiter) = woken {
        waiter.unpark();
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
