//! Why a channel did not take or give a message. Errors of the sending end give it back.

use std::fmt;

use thiserror::Error;

/// Every receiver is gone; here is the message that nobody will receive.
#[derive(Clone, Copy, Error, PartialEq, Eq)]
#[error("the channel is closed: every receiver is gone")]
pub struct SendError<T>(
    /// The message.
    pub T,
);

/// The message was not sent at once; here it is.
#[derive(Clone, Copy, Error, PartialEq, Eq)]
pub enum TrySendError<T> {
    /// The channel holds as many messages as it can.
    #[error("the channel is full")]
    Full(T),
    /// Every receiver is gone.
    #[error("the channel is closed: every receiver is gone")]
    Closed(T),
}

/// The channel is empty, and every sender is gone.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the channel is closed: it is empty and every sender is gone")]
pub struct RecvError;

/// No message was received at once.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum TryRecvError {
    /// The channel is empty.
    #[error("the channel is empty")]
    Empty,
    /// The channel is empty, and every sender is gone.
    #[error("the channel is closed: it is empty and every sender is gone")]
    Closed,
}

impl<T> SendError<T> {
    /// The message.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> TrySendError<T> {
    /// The message.
    pub fn into_inner(self) -> T {
        match self {
            Self::Full(message) | Self::Closed(message) => message,
        }
    }
}

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SendError(..)")
    }
}

impl<T> fmt::Debug for TrySendError<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Full(_) => "Full(..)",
            Self::Closed(_) => "Closed(..)",
        })
    }
}
