//! The receiving end of a channel: a counted handle, and iterators over what it receives.

use std::fmt;
use std::iter::FusedIterator;

use super::channel::Channel;
use super::error::{RecvError, RecvUntilError, TryRecvError};
use super::patience::Forever;
use super::select::Receiving;
use super::side::End;
use crate::cancel::{Until, Wait};
use crate::primitive::Arc;

/// Receives messages from a channel made by [`bounded`](super::bounded),
/// [`rendezvous`](super::rendezvous) or [`unbounded`](super::unbounded).
///
/// Clones receive from the same channel; each message goes to one of them. When the last one
/// is dropped, the messages still in the channel are dropped, and senders get an error.
pub struct Receiver<T> {
    channel: Arc<Channel<T>>,
}

/// Receives until the channel is closed; by reference.
#[derive(Debug)]
pub struct Iter<'a, T> {
    receiver: &'a Receiver<T>,
}

/// Receives until the channel is closed; owns its receiver.
#[derive(Debug)]
pub struct IntoIter<T> {
    receiver: Receiver<T>,
}

impl<T> Receiver<T> {
    pub(super) fn new(channel: Arc<Channel<T>>) -> Self {
        Self { channel }
    }

    /// Receives a message, parking the task (or blocking the foreign thread) while the
    /// channel is empty.
    ///
    /// # Errors
    ///
    /// If the channel is empty and every sender is gone, also while it waits.
    pub fn recv(&self) -> Result<T, RecvError> {
        Ok(self.channel.recv(Forever)?)
    }

    /// Like [`recv`](Self::recv), and waits no longer than that: for a time, to a time, until a
    /// token is cancelled, or the first of these. A message that is there is received whatever
    /// the time.
    ///
    /// ```
    /// use runtime::chan;
    /// use std::time::Duration;
    ///
    /// let (sender, receiver) = chan::bounded::<u32>(1);
    /// let error = receiver.recv_until(Duration::from_millis(1)).unwrap_err();
    /// assert!(error.interrupted().is_some_and(|why| why.is_timeout()));
    /// sender.send(7).unwrap();
    /// assert_eq!(receiver.recv_until(Duration::ZERO).unwrap(), 7);
    /// ```
    ///
    /// # Errors
    ///
    /// If the channel is empty and every sender is gone, also while it waits, or the wait is over.
    pub fn recv_until<'a>(&self, until: impl Into<Until<'a>>) -> Result<T, RecvUntilError> {
        Ok(self.channel.recv(Wait::new(until.into()))?)
    }

    /// Receives a message if there is one now, or, in a channel without room, if a sender waits.
    ///
    /// # Errors
    ///
    /// If the channel is empty; `Closed` if every sender is gone as well.
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.channel.try_recv()
    }

    /// Receiving as an operation of a [`Select`](super::select::Select).
    pub fn receiving(&self) -> Receiving<'_, T> {
        Receiving::from_source(self.channel.source())
    }

    /// Receives until every sender is gone and the channel is empty.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter { receiver: self }
    }

    /// How many wait to receive.
    #[cfg(all(test, not(loom)))]
    pub(super) fn waiting(&self) -> usize {
        self.channel.waiting(End::Receiving)
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

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        self.channel.open(End::Receiving);
        Self {
            channel: Arc::clone(&self.channel),
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.channel.close(End::Receiving);
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Receiver")
            .field("capacity", &self.capacity())
            .finish_non_exhaustive()
    }
}

impl<T> Iterator for Iter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.receiver.recv().ok()
    }
}

impl<T> FusedIterator for Iter<'_, T> {}

impl<T> Iterator for IntoIter<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.receiver.recv().ok()
    }
}

impl<T> FusedIterator for IntoIter<T> {}

impl<'a, T> IntoIterator for &'a Receiver<T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<T> IntoIterator for Receiver<T> {
    type Item = T;
    type IntoIter = IntoIter<T>;

    fn into_iter(self) -> IntoIter<T> {
        IntoIter { receiver: self }
    }
}
