//! The sending end of a channel: a counted handle.

use std::fmt;

use super::channel::Channel;
use super::error::{SendError, SendUntilError, TrySendError};
use super::patience::Forever;
use super::select::Sending;
use super::side::End;
use crate::cancel::{Until, Wait};
use crate::primitive::Arc;

/// Sends messages into a channel made by [`bounded`](super::bounded),
/// [`rendezvous`](super::rendezvous) or [`unbounded`](super::unbounded).
///
/// Clones send into the same channel. When the last one is dropped, receivers get what is
/// still in it and then an error.
pub struct Sender<T> {
    channel: Arc<Channel<T>>,
}

impl<T> Sender<T> {
    pub(super) fn new(channel: Arc<Channel<T>>) -> Self {
        Self { channel }
    }

    /// Sends a message, parking the task (or blocking the foreign thread) while the channel
    /// is full; into a channel without room, until a receiver has taken the message.
    ///
    /// # Errors
    ///
    /// If every receiver is gone, also while it waits; the error holds the message.
    pub fn send(&self, message: T) -> Result<(), SendError<T>> {
        Ok(self.channel.send(message, Forever)?)
    }

    /// Like [`send`](Self::send), and waits no longer than that: for a time, to a time, until a
    /// token is cancelled, or the first of these. A message that can be sent without waiting is
    /// sent whatever the time.
    ///
    /// ```
    /// use runtime::{cancel::Token, chan};
    /// use std::time::Duration;
    ///
    /// let (sender, _receiver) = chan::bounded(1);
    /// sender.send_until("first", Duration::ZERO).unwrap();
    /// let error = sender.send_until("second", Duration::from_millis(1)).unwrap_err();
    /// assert!(error.interrupted().is_some_and(|why| why.is_timeout()));
    /// assert_eq!(error.into_inner(), "second");
    ///
    /// let token = Token::new();
    /// token.cancel();
    /// assert!(sender.send_until("third", &token).is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// If every receiver is gone, also while it waits, or the wait is over; the error holds the
    /// message.
    pub fn send_until<'a>(
        &self,
        message: T,
        until: impl Into<Until<'a>>,
    ) -> Result<(), SendUntilError<T>> {
        let wait = Wait::new(until.into());
        Ok(self.channel.send(message, wait)?)
    }

    /// Sends a message if there is room for it now, or, in a channel without room, if a receiver
    /// waits for it.
    ///
    /// # Errors
    ///
    /// If the channel is full or every receiver is gone; the error holds the message.
    pub fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        self.channel.try_send(message)
    }

    /// Sending a message as an operation of a [`Select`](super::select::Select).
    pub fn sending(&self, message: T) -> Sending<'_, T> {
        Sending::to_sink(self.channel.sink(), message)
    }

    /// Messages in the channel now.
    pub fn len(&self) -> usize {
        self.channel.len()
    }

    /// Whether the channel holds no message now.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Messages that the channel can hold: 0 for a rendezvous, `usize::MAX` without a bound.
    pub fn capacity(&self) -> usize {
        self.channel.capacity()
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.channel.open(End::Sending);
        Self {
            channel: Arc::clone(&self.channel),
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.channel.close(End::Sending);
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Sender")
            .field("capacity", &self.capacity())
            .finish_non_exhaustive()
    }
}
