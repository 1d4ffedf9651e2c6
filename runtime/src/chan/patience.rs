//! How long a send or a receive waits: for ever, or until something interrupts it. Two types, so
//! that waiting for ever pays nothing for what could end it.

use std::convert::Infallible;

use runtime_abi::Reason;

use crate::cancel::{Interrupted, Wait};
use crate::task::{self, TaskId};

/// One call's wait.
pub(super) trait Patience {
    /// What ends it.
    type Interrupted;

    /// Like [`task::park`].
    ///
    /// # Errors
    ///
    /// If the wait is over; then it has not parked.
    fn park(
        &mut self,
        reason: Reason,
        resource: usize,
        owner: TaskId,
    ) -> Result<(), Self::Interrupted>;
}

/// A wait without an end.
pub(super) struct Forever;

impl Patience for Forever {
    type Interrupted = Infallible;

    fn park(&mut self, reason: Reason, resource: usize, owner: TaskId) -> Result<(), Infallible> {
        task::park(reason, resource, owner);
        Ok(())
    }
}

impl Patience for Wait<'_> {
    type Interrupted = Interrupted;

    fn park(&mut self, reason: Reason, resource: usize, owner: TaskId) -> Result<(), Interrupted> {
        Self::park(self, reason, resource, owner)
    }
}

/// Why a message was not sent.
pub(super) enum Unsent<T, I> {
    Closed(T),
    Interrupted(T, I),
}

/// Why none was received.
pub(super) enum Unreceived<I> {
    Closed,
    Interrupted(I),
}
