//! A channel of either flavour, as its handles see it.

use super::buffered::Buffered;
use super::error::{TryRecvError, TrySendError};
use super::patience::{Patience, Unreceived, Unsent};
use super::port::{Look, Sink, Source};
use super::rendezvous::Rendezvous;
use super::side::End;

/// What the handles of a channel share.
pub(super) enum Channel<T> {
    Buffered(Buffered<T>),
    Rendezvous(Rendezvous<T>),
}

impl<T> Channel<T> {
    /// A channel for up to this many messages.
    pub(super) fn new(capacity: usize) -> Self {
        match capacity {
            0 => Self::Rendezvous(Rendezvous::new()),
            _ => Self::Buffered(Buffered::new(capacity)),
        }
    }

    pub(super) fn send<P: Patience>(
        &self,
        message: T,
        patience: P,
    ) -> Result<(), Unsent<T, P::Interrupted>> {
        match self {
            Self::Buffered(channel) => channel.send(message, patience),
            Self::Rendezvous(channel) => channel.send(message, patience),
        }
    }

    pub(super) fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        match self.sink().put(message) {
            Look::Done(()) => Ok(()),
            Look::Closed(message) => Err(TrySendError::Closed(message)),
            Look::Wait(message, _) => Err(TrySendError::Full(message)),
        }
    }

    pub(super) fn recv<P: Patience>(&self, patience: P) -> Result<T, Unreceived<P::Interrupted>> {
        match self {
            Self::Buffered(channel) => channel.recv(patience),
            Self::Rendezvous(channel) => channel.recv(patience),
        }
    }

    pub(super) fn try_recv(&self) -> Result<T, TryRecvError> {
        match self.source().take() {
            Look::Done(message) => Ok(message),
            Look::Closed(()) => Err(TryRecvError::Closed),
            Look::Wait((), _) => Err(TryRecvError::Empty),
        }
    }

    /// Messages in the channel now.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Buffered(channel) => channel.len(),
            Self::Rendezvous(channel) => channel.len(),
        }
    }

    pub(super) const fn capacity(&self) -> usize {
        match self {
            Self::Buffered(channel) => channel.capacity(),
            Self::Rendezvous(_) => 0,
        }
    }

    /// One more handle of this end.
    pub(super) fn open(&self, end: End) {
        match self {
            Self::Buffered(channel) => channel.open(end),
            Self::Rendezvous(channel) => channel.open(end),
        }
    }

    /// One handle of this end less; the last closes the channel for the other end.
    pub(super) fn close(&self, end: End) {
        match self {
            Self::Buffered(channel) => channel.close(end),
            Self::Rendezvous(channel) => channel.close(end),
        }
    }

    /// How many wait at this end.
    #[cfg(all(test, not(loom)))]
    pub(super) fn waiting(&self, end: End) -> usize {
        match self {
            Self::Buffered(channel) => channel.waiting(end),
            Self::Rendezvous(channel) => channel.waiting(end),
        }
    }

    /// Where its messages come from.
    pub(super) fn source(&self) -> &dyn Source<T> {
        match self {
            Self::Buffered(channel) => channel,
            Self::Rendezvous(channel) => channel,
        }
    }

    /// Where its messages go.
    pub(super) fn sink(&self) -> &dyn Sink<T> {
        match self {
            Self::Buffered(channel) => channel,
            Self::Rendezvous(channel) => channel,
        }
    }
}
