//! Waiting for whichever comes first: sends, receives, times and tokens.
//!
//! [`select!`](crate::select!) is for a number of arms that is known; [`Select`] is what it is
//! built from, for operations that are added in a loop. Both take one operation of those that
//! can be done, at random if there are several, so that none is starved, and wait if there is
//! none. Exactly one operation takes place: no other message is sent or received.
//!
//! An observer sees a task that waits here with reason `select`. If one channel is among the
//! operations, its address and the task that last used its other end are what it waits for.

mod claim;
mod ends;
mod macros;
mod messages;
pub(super) mod operation;
mod random;
mod run;

use std::fmt;

pub(super) use claim::Claim;
pub use ends::{After, CancelledBy};
pub use messages::{Receiving, Sending};
pub use operation::Operation;

use crate::cancel::{Interrupted, Until};
use operation::Arm;

/// Operations of which one takes place.
///
/// An operation lives outside, and is lent to the select until it ends. It is made by
/// [`Receiver::receiving`](super::Receiver::receiving),
/// [`Sender::sending`](super::Sender::sending),
/// [`oneshot::Receiver::receiving`](super::oneshot::Receiver::receiving), [`After`] or
/// [`CancelledBy`], and afterwards knows whether it took place, and what came of it.
///
/// ```
/// use runtime::chan::{self, select::Select};
///
/// let (senders, receivers): (Vec<_>, Vec<_>) = (0..3).map(|_| chan::bounded(1)).unzip();
/// senders[1].send("from the second").unwrap();
///
/// let mut operations: Vec<_> = receivers.iter().map(|receiver| receiver.receiving()).collect();
/// let mut select = Select::new();
/// for operation in &mut operations {
///     select.add(operation);
/// }
/// let index = select.wait();
/// assert_eq!(index, 1);
/// assert_eq!(operations[index].take(), Some(Ok("from the second")));
/// ```
#[derive(Default)]
pub struct Select<'o> {
    arms: Vec<Arm<'o>>,
}

impl<'o> Select<'o> {
    /// A select without operations.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an operation; gives its index, which counts from 0.
    pub fn add(&mut self, operation: &'o mut impl Operation) -> usize {
        self.arms.push(Arm::new(operation));
        self.arms.len() - 1
    }

    /// How many operations there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.arms.len()
    }

    /// Whether there is no operation.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.arms.is_empty()
    }

    /// Waits until one of the operations has taken place; gives its index. Without operations it
    /// waits for ever.
    ///
    /// An operation on a closed channel takes place at once: it fails.
    ///
    /// # Panics
    ///
    /// If an operation is to send a message that it has already sent.
    #[must_use = "it says which operation took place"]
    pub fn wait(mut self) -> usize {
        run::wait(&mut self.arms)
    }

    /// Like [`wait`](Self::wait), and waits no longer than that. What can be done without waiting
    /// is done whatever the time.
    ///
    /// # Errors
    ///
    /// If the wait is over; then no operation took place.
    ///
    /// # Panics
    ///
    /// As [`wait`](Self::wait).
    pub fn wait_until<'a>(mut self, until: impl Into<Until<'a>>) -> Result<usize, Interrupted> {
        run::wait_until(&mut self.arms, until.into())
    }

    /// Does one of the operations if one can be done without waiting; gives its index.
    ///
    /// # Panics
    ///
    /// As [`wait`](Self::wait).
    #[must_use = "it says which operation took place"]
    pub fn try_now(mut self) -> Option<usize> {
        run::try_now(&mut self.arms)
    }
}

impl fmt::Debug for Select<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Select")
            .field("operations", &self.arms.len())
            .finish()
    }
}

/// What the expansion of [`select!`](crate::select!) calls; not for other use.
#[doc(hidden)]
pub mod of_macro {
    pub use super::operation::{Arm, Outcome, Which};
    pub use super::run::{try_now, wait};
}
