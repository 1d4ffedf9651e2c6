//! What the lock of a channel without room guards, and the critical sections: who meets whom. It
//! wakes nobody: the caller unparks whom it is given after unlocking.

use std::collections::{BTreeMap, VecDeque};

use crate::chan::line::{Ticket, Woken};
use crate::chan::patience::{Unreceived, Unsent};
use crate::chan::port::Look;
use crate::chan::side::{End, Side};
use crate::task::Waiter;

/// The lines, and what waits for those who have left them.
pub(super) struct State<T> {
    /// Each with its message.
    pub(super) senders: Side<T>,
    pub(super) receivers: Side<()>,
    /// Messages of receivers that were served and have not been here since.
    pub(super) handed: BTreeMap<Ticket, T>,
    /// Messages of senders that were sent home and have not been here since.
    pub(super) sent_home: BTreeMap<Ticket, T>,
    /// Messages whose receivers went on no more.
    pub(super) strays: VecDeque<T>,
}

impl<T> State<T> {
    /// A channel with one handle at each end.
    pub(super) fn new() -> Self {
        Self {
            senders: Side::new(),
            receivers: Side::new(),
            handed: BTreeMap::new(),
            sent_home: BTreeMap::new(),
            strays: VecDeque::new(),
        }
    }

    /// Hands the message to whichever receiver waits longest; tells whom to wake.
    pub(super) fn put(&mut self, message: T) -> (Look<(), T>, Option<Waiter>) {
        if self.receivers.handles == 0 {
            return (Look::Closed(message), None);
        }
        match self.hand(message) {
            Ok(receiver) => {
                self.senders.used();
                self.receivers.last_used_by = receiver.task();
                (Look::Done(()), Some(receiver))
            }
            Err(message) => (Look::Wait(message, self.receivers.last_used_by), None),
        }
    }

    /// Takes the message of whichever sender waits longest; tells whom to wake.
    pub(super) fn take(&mut self) -> (Look<T, ()>, Option<Waiter>) {
        if let Some(stray) = self.strays.pop_front() {
            return (Look::Done(stray), None);
        }
        let sent_home = &mut self.sent_home;
        let sender = self.senders.line.serve(|ticket, message| {
            // It may yet find that its select was not decided for this arm.
            sent_home.insert(ticket, message);
        });
        if let Some(sender) = sender {
            self.receivers.used();
            self.senders.last_used_by = sender.waiter.task();
            return (Look::Done(sender.brought), Some(sender.waiter));
        }
        if self.senders.handles == 0 {
            return (Look::Closed(()), None);
        }
        (Look::Wait((), self.senders.last_used_by), None)
    }

    fn hand(&mut self, message: T) -> Result<Waiter, T> {
        match self.receivers.line.serve(|_, ()| {}) {
            Some(receiver) => {
                self.handed.insert(receiver.ticket, message);
                Ok(receiver.waiter)
            }
            None => Err(message),
        }
    }

    /// What a served receiver that goes on no more was handed goes to the next: whom to wake,
    /// or the message if there will never be one.
    pub(super) fn pass_on(&mut self, ticket: Ticket) -> (Option<T>, Option<Waiter>) {
        let Some(message) = self.handed.remove(&ticket) else {
            return (None, None);
        };
        if self.receivers.handles == 0 {
            return (Some(message), None);
        }
        match self.hand(message) {
            Ok(receiver) => (None, Some(receiver)),
            Err(message) => {
                self.strays.push_back(message);
                (None, None)
            }
        }
    }

    /// What a waiting sender finds; `None` if it still waits.
    pub(super) fn became_of_sender<I>(
        &mut self,
        ticket: Ticket,
    ) -> Option<Result<(), Unsent<T, I>>> {
        if self.senders.line.holds(ticket) {
            return None;
        }
        Some(match self.sent_home.remove(&ticket) {
            None => Ok(()),
            Some(message) => Err(Unsent::Closed(message)),
        })
    }

    /// What a waiting receiver finds; `None` if it still waits.
    pub(super) fn became_of_receiver<I>(
        &mut self,
        ticket: Ticket,
    ) -> Option<Result<T, Unreceived<I>>> {
        if self.receivers.line.holds(ticket) {
            return None;
        }
        let handed = self.handed.remove(&ticket);
        Some(handed.ok_or(Unreceived::Closed))
    }

    pub(super) fn handles(&mut self, end: End) -> &mut usize {
        match end {
            End::Sending => &mut self.senders.handles,
            End::Receiving => &mut self.receivers.handles,
        }
    }

    /// Whom to wake, and what nobody will receive any more.
    pub(super) fn close_for_the_other(&mut self, end: End) -> (Woken, VecDeque<T>) {
        match end {
            End::Sending => (self.receivers.line.dissolve(|_, ()| {}), VecDeque::new()),
            End::Receiving => {
                let sent_home = &mut self.sent_home;
                let woken = self.senders.line.dissolve(|ticket, message| {
                    sent_home.insert(ticket, message);
                });
                (woken, std::mem::take(&mut self.strays))
            }
        }
    }
}
