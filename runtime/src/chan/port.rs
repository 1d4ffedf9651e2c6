//! What a select, and whoever else waits, asks of the ends of a channel, whatever its flavour.

use super::line::{Party, Ticket};
use crate::task::TaskId;

/// What one look at a channel came to.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub enum Look<D, P, W = P> {
    /// It is done.
    Done(D),
    /// The other end is gone.
    Closed(P),
    /// It would have to wait, for the other end that this task used last.
    Wait(W, TaskId),
}

impl<D, P, W> Look<D, P, W> {
    /// Does something about having to wait.
    pub(super) fn or_wait<V>(self, wait: impl FnOnce(W) -> V) -> Look<D, P, V> {
        match self {
            Self::Done(done) => Look::Done(done),
            Self::Closed(back) => Look::Closed(back),
            Self::Wait(what, owner) => Look::Wait(wait(what), owner),
        }
    }
}

/// What came of lining up.
#[must_use]
pub enum Joined<P> {
    /// It did not: a look will not have to wait.
    Ready(P),
    /// It did, with the ticket; the channel was last used from the other end by the task.
    Waits(Ticket, TaskId, P),
}

/// Where messages come from.
pub trait Source<T> {
    /// Takes a message if there is one now.
    fn take(&self) -> Look<T, ()>;
    /// Lines up, unless `take` would find something.
    fn line_up(&self, party: Party) -> Joined<()>;
    /// Leaves the line; gives the message that was handed over meanwhile.
    fn leave(&self, ticket: Ticket) -> Option<T>;
    /// Leaves the line for a task that goes on no more. If it was `chosen`, what it was given,
    /// a wake-up or a message, goes to the next.
    fn pass_on(&self, ticket: Ticket, chosen: bool);
    /// What parks name as their resource.
    fn address(&self) -> usize;
}

/// Where messages go.
pub trait Sink<T> {
    /// Puts a message in if that can be done now.
    fn put(&self, message: T) -> Look<(), T>;
    /// Lines up, unless `put` would not wait. Gives the message back if the line does not
    /// keep it.
    fn line_up(&self, party: Party, message: T) -> Joined<Option<T>>;
    /// Leaves the line; gives the message back if the line kept it and nobody took it.
    fn leave(&self, ticket: Ticket) -> Option<T>;
    /// Leaves the line for a task that goes on no more. If it was `chosen`, its wake-up goes to
    /// the next.
    fn pass_on(&self, ticket: Ticket, chosen: bool);
    /// What parks name as their resource.
    fn address(&self) -> usize;
}
