//! Why a value was not made or not set within a wait.

use std::fmt;

use crate::cancel::Interrupted;

/// Why a value was not made.
#[derive(Debug, thiserror::Error)]
pub enum InitUntilError<E> {
    /// Making it failed.
    #[error("{0}")]
    Failed(E),
    /// The wait for another who makes it is over.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
}

/// Why a value was not set, with the value.
#[derive(thiserror::Error)]
pub enum SetUntilError<T> {
    /// Another was set before.
    #[error("the value is set already")]
    Full(T),
    /// The wait for another who makes one is over.
    #[error("{1}")]
    Interrupted(T, Interrupted),
}

impl<T> SetUntilError<T> {
    /// The value that was not used.
    pub fn into_inner(self) -> T {
        match self {
            Self::Full(value) | Self::Interrupted(value, _) => value,
        }
    }
}

impl<T> fmt::Debug for SetUntilError<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(_) => formatter.write_str("Full(..)"),
            Self::Interrupted(_, interrupted) => formatter
                .debug_tuple("Interrupted")
                .field(interrupted)
                .finish_non_exhaustive(),
        }
    }
}
