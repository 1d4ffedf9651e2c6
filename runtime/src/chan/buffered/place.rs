//! A sender's or receiver's place in the line of a channel with a buffer, from when it finds that
//! it must wait until it is done.

use runtime_abi::Reason;

use super::Buffered;
use crate::chan::line::{Party, Ticket};
use crate::chan::patience::Patience;
use crate::chan::side::{End, Side};
use crate::task::{self, TaskId, Waiter, place::in_place};

impl Side<()> {
    /// Records a message by the current task, which no longer waits.
    pub(super) fn served<T>(&mut self, place: Option<&mut Place<'_, T>>) {
        self.used();
        if let Some(ticket) = place.and_then(|place| place.ticket.take()) {
            // None if it was served: then this message was what it was woken for.
            let _ = self.line.leave(ticket);
        }
    }

    /// Puts the current task in the line, unless it is there or does not want to wait.
    pub(super) fn stay<T>(&mut self, place: Option<&mut Place<'_, T>>) {
        let Some(place) = place else { return };
        if place.ticket.is_none_or(|ticket| !self.line.holds(ticket)) {
            place.ticket = Some(self.line.join(Party::alone(), ()));
        }
    }

    #[inline]
    pub(super) fn wake_one(&mut self) -> Option<Waiter> {
        self.line.serve(|_, ()| {}).map(|served| served.waiter)
    }
}

/// A waiter's place in the line; dropped with a ticket when the channel has closed, when the
/// wait was interrupted, or by unwinding.
pub(super) struct Place<'a, T> {
    pub(super) channel: &'a Buffered<T>,
    pub(super) end: End,
    pub(super) ticket: Option<Ticket>,
}

impl<'a, T> Place<'a, T> {
    pub(super) fn new(channel: &'a Buffered<T>, end: End) -> Self {
        Self {
            channel,
            end,
            ticket: None,
        }
    }

    pub(super) fn park<P: Patience>(
        &self,
        patience: &mut P,
        reason: Reason,
        owner: TaskId,
    ) -> Result<(), P::Interrupted> {
        in_place(self, || {
            patience.park(reason, self.channel.address(), owner)
        })
    }
}

impl<T> task::place::Place for Place<'_, T> {
    fn give_up(&self) {
        if let Some(ticket) = self.ticket {
            self.channel.abandon(self.end, ticket, true);
        }
    }
}

impl<T> Drop for Place<'_, T> {
    fn drop(&mut self) {
        task::place::Place::give_up(self);
    }
}
