//! What the calls of this folder that end in `_until` fail with.

use std::fmt;
use std::sync::PoisonError;

use super::WaitGroup;
use crate::cancel::Interrupted;

/// Why a lock was not simply taken: [`Mutex::lock_until`](super::Mutex::lock_until) and the
/// `_until` forms of [`RwLock`](super::RwLock).
#[derive(thiserror::Error)]
pub enum LockUntilError<G> {
    /// The lock was taken, and a holder had panicked; the error holds the guard.
    #[error("a holder of the lock panicked")]
    Poisoned(PoisonError<G>),
    /// The lock was not taken: the wait is over.
    #[error(transparent)]
    Interrupted(Interrupted),
}

impl<G> From<PoisonError<G>> for LockUntilError<G> {
    fn from(error: PoisonError<G>) -> Self {
        Self::Poisoned(error)
    }
}

impl<G> From<Interrupted> for LockUntilError<G> {
    fn from(interrupted: Interrupted) -> Self {
        Self::Interrupted(interrupted)
    }
}

impl<G> fmt::Debug for LockUntilError<G> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Poisoned(_) => formatter.write_str("Poisoned(..)"),
            Self::Interrupted(interrupted) => formatter
                .debug_tuple("Interrupted")
                .field(interrupted)
                .finish(),
        }
    }
}

/// [`WaitGroup::wait_until`] ended before the group did.
#[derive(Debug, thiserror::Error)]
#[error("{interrupted}")]
pub struct WaitGroupError {
    /// The handle that waited: a member of the group again.
    pub group: WaitGroup,
    /// What ended the wait.
    #[source]
    pub interrupted: Interrupted,
}
