//! Why something was cancelled, and the errors of waits that ended early.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// Why a [`Token`](super::Token) is cancelled. Cheap to clone.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Cause {
    /// Somebody asked for it: [`Token::cancel`](super::Token::cancel).
    Asked,
    /// The token's deadline has passed, or that of a token above it.
    DeadlinePassed,
    /// Something failed: [`Token::cancel_because`](super::Token::cancel_because).
    Failed(Arc<dyn Error + Send + Sync>),
}

impl Cause {
    /// A failure as the cause.
    pub fn failed(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Failed(Arc::from(error.into()))
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked => f.write_str("it was asked for"),
            Self::DeadlinePassed => f.write_str("its deadline has passed"),
            Self::Failed(error) => write!(f, "{error}"),
        }
    }
}

/// The work was cancelled.
#[derive(Clone, Debug, thiserror::Error)]
#[error("cancelled: {cause}")]
pub struct Cancelled {
    cause: Cause,
}

impl Cancelled {
    pub(super) fn new(cause: Cause) -> Self {
        Self { cause }
    }

    /// Why.
    #[must_use]
    pub fn cause(&self) -> &Cause {
        &self.cause
    }
}

/// A wait ended before what it waited for.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Interrupted {
    /// Its own time was over.
    #[error("timed out")]
    TimedOut,
    /// A token that it looked at was cancelled.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl Interrupted {
    /// Whether the wait's own time was over.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::TimedOut)
    }
}
