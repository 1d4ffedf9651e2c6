//! A channel for one message: whoever sends is done with it, whoever receives too.
//!
//! [`oneshot`](super::oneshot()) makes the two ends. Sending never waits; both ends know when the
//! other is gone. It costs one allocation, of which message and state are part, and a second
//! only if several wait for the message at once.
// The protocol: one lock. Whoever finds no message lines up in the same critical section; the
// sender leaves the message, or that it is gone, and wakes everybody who waits. What they find
// does not change any more, so nobody has to pass a wake-up on.

use std::fmt;
use std::sync::PoisonError;

use runtime_abi::Reason;

use super::error::{RecvError, RecvUntilError, SendError, TryRecvError};
use super::line::{Line, Party, Ticket};
use super::patience::{Forever, Patience, Unreceived};
use super::port::{Joined, Look, Source};
use super::select::Receiving;
use crate::cancel::{Until, Wait};
use crate::primitive::{Arc, Mutex};
use crate::task::{TaskId, place, place::in_place};

/// Sends the one message.
pub struct Sender<T> {
    /// None once it has sent.
    shared: Option<Arc<Shared<T>>>,
}

/// Receives the one message.
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
}

struct Shared<T> {
    state: Mutex<State<T>>,
}

struct State<T> {
    message: Option<T>,
    /// It has sent, or is gone without.
    sender_is_done: bool,
    receiver_is_gone: bool,
    /// Whoever waits, in most cases.
    waiting: Option<Party>,
    /// Those who wait beside it: a receiver can be shared by reference.
    others: Line<()>,
}

pub(super) fn oneshot<T>() -> (Sender<T>, Receiver<T>) {
    let state = State {
        message: None,
        sender_is_done: false,
        receiver_is_gone: false,
        waiting: None,
        others: Line::new(),
    };
    let shared = Arc::new(Shared {
        state: Mutex::new(state),
    });
    let sender = Sender {
        shared: Some(Arc::clone(&shared)),
    };
    (sender, Receiver { shared })
}

impl<T> Sender<T> {
    /// Sends the message. Never waits.
    ///
    /// # Errors
    ///
    /// If the receiver is gone; the error holds the message.
    pub fn send(mut self, message: T) -> Result<(), SendError<T>> {
        let shared = self.shared.take().expect("it sends once");
        shared
            .end(Some(message))
            .map_or(Ok(()), |message| Err(SendError(message)))
    }

    /// Whether the receiver is gone: then nobody will receive the message.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared
            .as_ref()
            .is_none_or(|shared| shared.with_state(|state| state.receiver_is_gone))
    }
}

impl<T> Receiver<T> {
    /// Receives the message, parking the task (or blocking the foreign thread) until it is there.
    ///
    /// # Errors
    ///
    /// If the sender is gone without having sent, also while it waits.
    pub fn recv(self) -> Result<T, RecvError> {
        Ok(self.shared.recv(Forever)?)
    }

    /// Like [`recv`](Self::recv), and waits no longer than that. A message that is there is
    /// received whatever the time.
    ///
    /// ```
    /// use runtime::chan;
    /// use std::time::Duration;
    ///
    /// let (sender, receiver) = chan::oneshot();
    /// assert!(receiver.recv_until(Duration::from_millis(1)).is_err());
    /// sender.send(7).unwrap();
    /// assert_eq!(receiver.recv_until(Duration::ZERO).unwrap(), 7);
    /// ```
    ///
    /// # Errors
    ///
    /// If the sender is gone without having sent, the message was received before, or the wait is
    /// over.
    pub fn recv_until<'a>(&self, until: impl Into<Until<'a>>) -> Result<T, RecvUntilError> {
        Ok(self.shared.recv(Wait::new(until.into()))?)
    }

    /// Receives the message if it is there now.
    ///
    /// # Errors
    ///
    /// If it is not; `Closed` if it will never be, or was received before.
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        match self.shared.take() {
            Look::Done(message) => Ok(message),
            Look::Closed(()) => Err(TryRecvError::Closed),
            Look::Wait(..) => Err(TryRecvError::Empty),
        }
    }

    /// Receiving as an operation of a [`Select`](super::select::Select).
    pub fn receiving(&self) -> Receiving<'_, T> {
        Receiving::from_source(&*self.shared)
    }
}

impl<T> Shared<T> {
    /// The sender is done. Gives the message back if the receiver is gone.
    fn end(&self, message: Option<T>) -> Option<T> {
        let (back, waiting, others) = self.with_state(|state| {
            state.sender_is_done = true;
            if state.receiver_is_gone {
                return (message, None, None);
            }
            state.message = message;
            let waiting = state.waiting.take().and_then(Party::claim);
            (None, waiting, Some(state.others.dissolve(|_, ()| {})))
        });
        if let Some(waiter) = waiting {
            waiter.unpark();
        }
        if let Some(others) = others {
            others.unpark();
        }
        back
    }

    fn recv<P: Patience>(&self, mut patience: P) -> Result<T, Unreceived<P::Interrupted>> {
        let mut place = Place {
            shared: self,
            ticket: None,
        };
        loop {
            match self.take() {
                Look::Done(message) => return Ok(message),
                Look::Closed(()) => return Err(Unreceived::Closed),
                Look::Wait(..) => {}
            }
            if place.ticket.is_none() {
                match self.line_up(Party::alone()) {
                    Joined::Ready(()) => continue,
                    Joined::Waits(ticket, ..) => place.ticket = Some(ticket),
                }
            }
            in_place(&place, || {
                patience.park(Reason::ChanRecv, self.address(), TaskId::NONE)
            })
            .map_err(Unreceived::Interrupted)?;
        }
    }

    fn with_state<R>(&self, look: impl FnOnce(&mut State<T>) -> R) -> R {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        look(&mut state)
    }
}

impl<T> Source<T> for Shared<T> {
    fn take(&self) -> Look<T, ()> {
        self.with_state(|state| match state.message.take() {
            Some(message) => Look::Done(message),
            None if state.sender_is_done => Look::Closed(()),
            None => Look::Wait((), TaskId::NONE),
        })
    }

    fn line_up(&self, party: Party) -> Joined<()> {
        self.with_state(|state| {
            if state.sender_is_done {
                return Joined::Ready(());
            }
            let ticket = if state.waiting.is_none() {
                state.waiting = Some(party);
                Ticket::ONLY
            } else {
                state.others.join(party, ())
            };
            Joined::Waits(ticket, TaskId::NONE, ())
        })
    }

    fn leave(&self, ticket: Ticket) -> Option<T> {
        self.with_state(|state| {
            if ticket == Ticket::ONLY {
                state.waiting = None;
            } else {
                let _ = state.others.leave(ticket);
            }
        });
        None
    }

    fn pass_on(&self, ticket: Ticket, _chosen: bool) {
        self.leave(ticket);
    }

    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }
}

/// A waiter's place.
struct Place<'a, T> {
    shared: &'a Shared<T>,
    ticket: Option<Ticket>,
}

impl<T> place::Place for Place<'_, T> {
    fn give_up(&self) {
        if let Some(ticket) = self.ticket {
            self.shared.leave(ticket);
        }
    }
}

impl<T> Drop for Place<'_, T> {
    fn drop(&mut self) {
        place::Place::give_up(self);
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.take() {
            shared.end(None);
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let unreceived = self.shared.with_state(|state| {
            state.receiver_is_gone = true;
            state.message.take()
        });
        drop(unreceived);
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Sender").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Receiver").finish_non_exhaustive()
    }
}
