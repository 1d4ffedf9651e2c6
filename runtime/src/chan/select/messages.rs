//! The operations that send and receive.

use std::fmt;

use super::operation::{Lined, Outcome, Place, Steps};
use crate::chan::error::{RecvError, SendError};
use crate::chan::line::{Party, Ticket};
use crate::chan::port::{Joined, Look, Sink, Source};

/// Receives a message.
#[must_use = "it does nothing unless it is added to a select"]
pub struct Receiving<'a, T> {
    source: &'a dyn Source<T>,
    ticket: Option<Ticket>,
    outcome: Option<Result<T, RecvError>>,
}

/// Sends a message, which it keeps until it is sent.
#[must_use = "it does nothing unless it is added to a select"]
pub struct Sending<'a, T> {
    sink: &'a dyn Sink<T>,
    /// None once it is sent, and while the line keeps it.
    message: Option<T>,
    ticket: Option<Ticket>,
    outcome: Option<Result<(), SendError<T>>>,
}

impl<'a, T> Receiving<'a, T> {
    pub(in crate::chan) fn from_source(source: &'a dyn Source<T>) -> Self {
        Self {
            source,
            ticket: None,
            outcome: None,
        }
    }

    /// What was received, or that the channel is closed; `None` if this operation has not taken
    /// place, or was asked before. Then it can be used for another select.
    pub fn take(&mut self) -> Option<Result<T, RecvError>> {
        self.outcome.take()
    }
}

impl<'a, T> Sending<'a, T> {
    pub(in crate::chan) fn to_sink(sink: &'a dyn Sink<T>, message: T) -> Self {
        Self {
            sink,
            message: Some(message),
            ticket: None,
            outcome: None,
        }
    }

    /// Whether the message was sent; the error holds it if the channel is closed. `None` if this
    /// operation has not taken place, or was asked before.
    pub fn take(&mut self) -> Option<Result<(), SendError<T>>> {
        self.outcome.take()
    }

    /// The message, if it was not sent.
    pub fn into_message(self) -> Option<T> {
        match self.outcome {
            Some(Err(SendError(message))) => Some(message),
            _ => self.message,
        }
    }
}

impl<T> Steps for Receiving<'_, T> {
    fn attempt(&mut self) -> bool {
        if self.outcome.is_none() {
            self.outcome = match self.source.take() {
                Look::Done(message) => Some(Ok(message)),
                Look::Closed(()) => Some(Err(RecvError)),
                Look::Wait(..) => None,
            };
        }
        self.outcome.is_some()
    }

    fn line_up(&mut self, place: &Place<'_>) -> Lined {
        match self.source.line_up(party(place)) {
            Joined::Ready(()) => Lined::Ready,
            Joined::Waits(ticket, owner, ()) => {
                self.ticket = Some(ticket);
                Lined::AtChannel(self.source.address(), owner)
            }
        }
    }

    fn leave(&mut self) -> bool {
        let Some(ticket) = self.ticket.take() else {
            return false;
        };
        self.outcome = self.source.leave(ticket).map(Ok);
        self.outcome.is_some()
    }

    fn pass_on(&self, chosen: bool) {
        if let Some(ticket) = self.ticket {
            self.source.pass_on(ticket, chosen);
        }
    }
}

impl<T> Steps for Sending<'_, T> {
    fn attempt(&mut self) -> bool {
        if self.outcome.is_some() {
            return true;
        }
        let message = self.message.take();
        let message = message.expect("an operation sends its message once");
        match self.sink.put(message) {
            Look::Done(()) => self.outcome = Some(Ok(())),
            Look::Closed(message) => self.outcome = Some(Err(SendError(message))),
            Look::Wait(message, _) => self.message = Some(message),
        }
        self.outcome.is_some()
    }

    fn line_up(&mut self, place: &Place<'_>) -> Lined {
        let message = self.message.take();
        let message = message.expect("an attempt was made before");
        match self.sink.line_up(party(place), message) {
            Joined::Ready(message) => {
                self.message = message;
                Lined::Ready
            }
            Joined::Waits(ticket, owner, message) => {
                self.message = message;
                self.ticket = Some(ticket);
                Lined::AtChannel(self.sink.address(), owner)
            }
        }
    }

    fn leave(&mut self) -> bool {
        let Some(ticket) = self.ticket.take() else {
            return false;
        };
        if let Some(message) = self.sink.leave(ticket) {
            self.message = Some(message);
        }
        if self.message.is_none() {
            self.outcome = Some(Ok(()));
        }
        self.outcome.is_some()
    }

    fn pass_on(&self, chosen: bool) {
        if let Some(ticket) = self.ticket {
            self.sink.pass_on(ticket, chosen);
        }
    }
}

fn party(place: &Place<'_>) -> Party {
    Party::of_select(place.claim, place.arm)
}

impl<T> Outcome for Receiving<'_, T> {
    type Value = Result<T, RecvError>;

    fn outcome(&mut self) -> Option<Self::Value> {
        self.take()
    }
}

impl<T> Outcome for Sending<'_, T> {
    type Value = Result<(), SendError<T>>;

    fn outcome(&mut self) -> Option<Self::Value> {
        self.take()
    }
}

impl<T> fmt::Debug for Receiving<'_, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Receiving")
            .field("has_taken_place", &self.outcome.is_some())
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Sending<'_, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Sending")
            .field("has_taken_place", &self.outcome.is_some())
            .finish_non_exhaustive()
    }
}
