//! Why a channel did not take or give a message. Errors of the sending end give it back.

use std::convert::Infallible;
use std::fmt;

use thiserror::Error;

use super::patience::{Unreceived, Unsent};
use crate::cancel::Interrupted;

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
    /// The channel holds as many messages as it can; without room, no receiver waits.
    #[error("the channel is full")]
    Full(T),
    /// Every receiver is gone.
    #[error("the channel is closed: every receiver is gone")]
    Closed(T),
}

/// The message was not sent before the end of the wait; here it is.
#[derive(Clone, Error)]
pub enum SendUntilError<T> {
    /// Every receiver is gone.
    #[error("the channel is closed: every receiver is gone")]
    Closed(T),
    /// The wait was over before a receiver made room for the message or took it.
    #[error("the message was not sent: {1}")]
    Interrupted(T, Interrupted),
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

/// No message was received before the end of the wait.
#[derive(Clone, Debug, Error)]
pub enum RecvUntilError {
    /// The channel is empty, and every sender is gone.
    #[error("the channel is closed: it is empty and every sender is gone")]
    Closed,
    /// The wait was over before a message came.
    #[error("no message was received: {0}")]
    Interrupted(#[from] Interrupted),
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

impl<T> SendUntilError<T> {
    /// The message.
    pub fn into_inner(self) -> T {
        match self {
            Self::Closed(message) | Self::Interrupted(message, _) => message,
        }
    }

    /// What interrupted the wait; `None` if the channel is closed.
    pub fn interrupted(&self) -> Option<&Interrupted> {
        match self {
            Self::Closed(_) => None,
            Self::Interrupted(_, interrupted) => Some(interrupted),
        }
    }
}

impl RecvUntilError {
    /// What interrupted the wait; `None` if the channel is closed.
    pub fn interrupted(&self) -> Option<&Interrupted> {
        match self {
            Self::Closed => None,
            Self::Interrupted(interrupted) => Some(interrupted),
        }
    }
}

impl<T> From<Unsent<T, Infallible>> for SendError<T> {
    fn from(unsent: Unsent<T, Infallible>) -> Self {
        match unsent {
            Unsent::Closed(message) => Self(message),
        }
    }
}

impl<T> From<Unsent<T, Interrupted>> for SendUntilError<T> {
    fn from(unsent: Unsent<T, Interrupted>) -> Self {
        match unsent {
            Unsent::Closed(message) => Self::Closed(message),
            Unsent::Interrupted(message, interrupted) => Self::Interrupted(message, interrupted),
        }
    }
}

impl From<Unreceived<Infallible>> for RecvError {
    fn from(unreceived: Unreceived<Infallible>) -> Self {
        match unreceived {
            Unreceived::Closed => Self,
        }
    }
}

impl From<Unreceived<Interrupted>> for RecvUntilError {
    fn from(unreceived: Unreceived<Interrupted>) -> Self {
        match unreceived {
            Unreceived::Closed => Self::Closed,
            Unreceived::Interrupted(interrupted) => Self::Interrupted(interrupted),
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

impl<T> fmt::Debug for SendUntilError<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(_) => formatter.write_str("Closed(..)"),
            Self::Interrupted(_, interrupted) => {
                write!(formatter, "Interrupted(.., {interrupted:?})")
            }
        }
    }
}
