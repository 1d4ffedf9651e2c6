//! Why permits were not acquired.

use crate::cancel::Interrupted;

/// The semaphore is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the semaphore is closed")]
pub struct AcquireError;

/// Why permits were not acquired at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TryAcquireError {
    /// The semaphore is closed.
    #[error("the semaphore is closed")]
    Closed,
    /// Too few permits are free, or others wait for them.
    #[error("too few permits are free")]
    NoPermits,
}

/// Why permits were not acquired within a wait.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AcquireUntilError {
    /// The semaphore is closed.
    #[error("the semaphore is closed")]
    Closed,
    /// The wait is over.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
}
