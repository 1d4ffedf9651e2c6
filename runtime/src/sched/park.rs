//! The parker of a worker thread: one permit, given by a waker, consumed by a park.
//!
//! Used only by workers that have nothing to run. Tasks park through `task::park`.

use std::time::Duration;

use crate::primitive::{Condvar, Mutex, MutexGuard};

/// A permit and those who wait for it.
#[derive(Debug)]
pub(crate) struct ThreadParker {
    permit: Mutex<bool>,
    given: Condvar,
}

impl ThreadParker {
    pub(crate) fn new() -> Self {
        Self {
            permit: Mutex::new(false),
            given: Condvar::new(),
        }
    }

    /// Waits for the permit and consumes it.
    pub(crate) fn park(&self) {
        let mut permit = self.lock();
        while !*permit {
            permit = self
                .given
                .wait(permit)
                .unwrap_or_else(|poisoned| poisoned.into_inner());
        }
        *permit = false;
    }

    /// Waits for the permit at most this long; whether it was consumed. May return early.
    #[cfg(not(shuttle))]
    #[must_use]
    pub(crate) fn park_timeout(&self, timeout: Duration) -> bool {
        let mut permit = self.lock();
        if !*permit {
            let waited = self.given.wait_timeout(permit, timeout);
            permit = waited.unwrap_or_else(|poisoned| poisoned.into_inner()).0;
        }
        std::mem::take(&mut *permit)
    }

    /// The same where time is simulated: it passes at a moment that the schedule chooses.
    #[cfg(shuttle)]
    #[must_use]
    pub(crate) fn park_timeout(&self, timeout: Duration) -> bool {
        use crate::{primitive::thread, sys::clock};
        use shuttle::rand::{Rng, thread_rng};

        while !*self.lock() {
            if thread_rng().gen_bool(0.25) {
                clock::pass(timeout);
                break;
            }
            thread::yield_now();
        }
        std::mem::take(&mut *self.lock())
    }

    /// Consumes the permit if it is there.
    #[must_use]
    pub(crate) fn take_permit(&self) -> bool {
        std::mem::take(&mut *self.lock())
    }

    /// Gives the permit.
    pub(crate) fn unpark(&self) {
        *self.lock() = true;
        self.given.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.permit
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
