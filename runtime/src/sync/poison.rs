//! Whether somebody panicked while holding a lock: what the mutex and the reader-writer lock have in
//! common beside their data.

use std::sync::{LockResult, PoisonError};
use std::thread::panicking;

use crate::primitive::atomic::{AtomicBool, Ordering};

/// A lock's flag.
pub(super) struct Poison(AtomicBool);

/// Whether the task was already panicking when it locked: then its unwinding is not the holder's.
#[derive(Clone, Copy)]
pub(super) struct WasPanicking(bool);

impl Poison {
    #[cfg(not(loom))]
    pub(super) const fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    #[cfg(loom)]
    pub(super) fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    #[inline]
    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    #[inline]
    pub(super) fn clear(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    /// A holder leaves, which perhaps unwinds.
    #[inline]
    pub(super) fn note(&self, before: WasPanicking) {
        if !before.0 && panicking() {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    /// What locking gives.
    #[inline]
    pub(super) fn result<G>(&self, inner: G) -> LockResult<G> {
        result(inner, self.is_set())
    }
}

impl WasPanicking {
    #[inline]
    pub(super) fn now() -> Self {
        Self(panicking())
    }
}

/// The same where the lock is gone, or borrowed with its data.
#[inline]
pub(super) fn result<G>(inner: G, is_poisoned: bool) -> LockResult<G> {
    if is_poisoned {
        Err(PoisonError::new(inner))
    } else {
        Ok(inner)
    }
}
