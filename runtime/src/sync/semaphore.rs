//! A counting semaphore: the public face of a [`RawSemaphore`], where the protocol lives.

use std::fmt;
use std::sync::Arc;

use super::raw_semaphore::{MAX_PERMITS, RawSemaphore};
use crate::cancel::Until;

pub(super) mod error;
mod permit;

use error::{AcquireError, AcquireUntilError, TryAcquireError};
pub use permit::{OwnedSemaphorePermit, SemaphorePermit};

/// A number of permits, of which tasks and foreign threads acquire some: bounds how many do
/// something at once.
///
/// A task for which too few are free is parked with reason `semaphore`, this semaphore's address
/// and the task that acquired permits last. Requests are served in the order in which they came,
/// whatever each wants: a large one is not starved by small ones, but holds them up. No permits are
/// set aside for a request of which there are never as many; it waits until they are
/// [added](Self::add), and so does everybody behind it.
///
/// Acquiring free permits costs one compare-and-swap, and dropping them one atomic addition.
///
/// A task that is abandoned because its runtime ended keeps what it has acquired for ever; one
/// that waits is forgotten, and what it was given goes to the next. See [the module](super).
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use runtime::{Runtime, spawn, sync::Semaphore};
///
/// Runtime::run(|| {
///     let at_once = Arc::new(Semaphore::new(3));
///     let tasks: Vec<_> = (0..10)
///         .map(|number| {
///             let permit = at_once.acquire_owned().unwrap();
///             spawn(move || {
///                 let _at_most_three_are_here = permit;
///                 number
///             })
///         })
///         .collect();
///     let sum: u32 = tasks.into_iter().map(|task| task.join().unwrap()).sum();
///     assert_eq!(sum, 45);
///     // All permits at once: the others have ended.
///     assert!(at_once.try_acquire_many(3).is_ok());
/// });
/// ```
pub struct Semaphore {
    raw: RawSemaphore,
}

impl Semaphore {
    /// The most permits that a semaphore can have, free and acquired.
    pub const MAX_PERMITS: usize = MAX_PERMITS;

    /// A semaphore with so many free permits.
    ///
    /// # Panics
    ///
    /// If these are more than [`MAX_PERMITS`](Self::MAX_PERMITS).
    #[cfg(not(loom))]
    #[must_use]
    pub const fn new(permits: usize) -> Self {
        assert!(permits <= MAX_PERMITS, "more permits than can be counted");
        Self {
            raw: RawSemaphore::new(permits),
        }
    }

    /// A semaphore with so many free permits.
    #[cfg(loom)]
    #[must_use]
    pub fn new(permits: usize) -> Self {
        Self {
            raw: RawSemaphore::new(permits),
        }
    }

    /// Acquires one permit, parking until it is free.
    ///
    /// # Errors
    ///
    /// If the semaphore is closed, before or meanwhile.
    pub fn acquire(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.acquire_many(1)
    }

    /// Acquires so many permits at once, parking until as many are free. No permits are
    /// acquired at once, past all who wait.
    ///
    /// # Errors
    ///
    /// If the semaphore is closed, before or meanwhile.
    pub fn acquire_many(&self, permits: usize) -> Result<SemaphorePermit<'_>, AcquireError> {
        acquired(self.raw.acquire(permits, Until::FOREVER))?;
        Ok(SemaphorePermit::new(self, permits))
    }

    /// Acquires one permit if one is free and nobody waits.
    ///
    /// # Errors
    ///
    /// `Closed` if the semaphore is closed, else `NoPermits`.
    pub fn try_acquire(&self) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.try_acquire_many(1)
    }

    /// Acquires so many permits if as many are free and nobody waits.
    ///
    /// # Errors
    ///
    /// `Closed` if the semaphore is closed, else `NoPermits`.
    pub fn try_acquire_many(&self, permits: usize) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.raw.try_acquire(permits)?;
        Ok(SemaphorePermit::new(self, permits))
    }

    /// Like [`acquire`](Self::acquire), unless that takes longer than `until`.
    ///
    /// # Errors
    ///
    /// `Closed` if the semaphore is closed, before or meanwhile; `Interrupted` if the wait is over.
    pub fn acquire_until<'u>(
        &self,
        until: impl Into<Until<'u>>,
    ) -> Result<SemaphorePermit<'_>, AcquireUntilError> {
        self.acquire_many_until(1, until)
    }

    /// Like [`acquire_many`](Self::acquire_many), unless that takes longer than `until`. Those
    /// behind are then served as if this request had never come.
    ///
    /// # Errors
    ///
    /// `Closed` if the semaphore is closed, before or meanwhile; `Interrupted` if the wait is over.
    ///
    /// ```
    /// use runtime::sync::{AcquireUntilError, Semaphore};
    /// use std::time::Duration;
    ///
    /// let semaphore = Semaphore::new(2);
    /// let error = semaphore.acquire_many_until(3, Duration::from_millis(1)).unwrap_err();
    /// assert!(matches!(error, AcquireUntilError::Interrupted(why) if why.is_timeout()));
    /// assert_eq!(semaphore.available(), 2);
    /// ```
    pub fn acquire_many_until<'u>(
        &self,
        permits: usize,
        until: impl Into<Until<'u>>,
    ) -> Result<SemaphorePermit<'_>, AcquireUntilError> {
        self.raw.acquire(permits, until.into())?;
        Ok(SemaphorePermit::new(self, permits))
    }

    /// [`acquire`](Self::acquire) for a permit that keeps the semaphore alive.
    ///
    /// # Errors
    ///
    /// If the semaphore is closed, before or meanwhile.
    pub fn acquire_owned(self: &Arc<Self>) -> Result<OwnedSemaphorePermit, AcquireError> {
        self.acquire_many_owned(1)
    }

    /// [`acquire_many`](Self::acquire_many) for permits that keep the semaphore alive.
    ///
    /// # Errors
    ///
    /// If the semaphore is closed, before or meanwhile.
    pub fn acquire_many_owned(
        self: &Arc<Self>,
        permits: usize,
    ) -> Result<OwnedSemaphorePermit, AcquireError> {
        acquired(self.raw.acquire(permits, Until::FOREVER))?;
        Ok(OwnedSemaphorePermit::new(Arc::clone(self), permits))
    }

    /// [`try_acquire_many`](Self::try_acquire_many) for permits that keep the semaphore alive.
    ///
    /// # Errors
    ///
    /// `Closed` if the semaphore is closed, else `NoPermits`.
    pub fn try_acquire_many_owned(
        self: &Arc<Self>,
        permits: usize,
    ) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.raw.try_acquire(permits)?;
        Ok(OwnedSemaphorePermit::new(Arc::clone(self), permits))
    }

    /// [`acquire_many_until`](Self::acquire_many_until) for permits that keep the semaphore alive.
    ///
    /// # Errors
    ///
    /// `Closed` if the semaphore is closed, before or meanwhile; `Interrupted` if the wait is over.
    pub fn acquire_many_owned_until<'u>(
        self: &Arc<Self>,
        permits: usize,
        until: impl Into<Until<'u>>,
    ) -> Result<OwnedSemaphorePermit, AcquireUntilError> {
        self.raw.acquire(permits, until.into())?;
        Ok(OwnedSemaphorePermit::new(Arc::clone(self), permits))
    }

    /// Makes so many new permits.
    ///
    /// # Panics
    ///
    /// If there would be more than [`MAX_PERMITS`](Self::MAX_PERMITS).
    pub fn add(&self, permits: usize) {
        assert!(self.raw.add(permits), "more permits than can be counted");
    }

    /// Destroys free permits, at most so many; gives how many. Those that are acquired are
    /// destroyed by [`SemaphorePermit::forget`].
    pub fn forget(&self, permits: usize) -> usize {
        self.raw.remove(permits)
    }

    /// Free permits, for reports: others may take them at any time.
    #[must_use]
    pub fn available(&self) -> usize {
        self.raw.free()
    }

    /// Closes the semaphore for ever: whoever waits fails, and whoever comes. Permits that are
    /// acquired, also by those who have been given them and do not know it yet, stay so.
    pub fn close(&self) {
        self.raw.close();
    }

    /// Whether the semaphore is closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.raw.is_closed()
    }
}

/// What a wait without an end came to.
fn acquired(acquired: Result<(), AcquireUntilError>) -> Result<(), AcquireError> {
    match acquired {
        Ok(()) => Ok(()),
        Err(AcquireUntilError::Closed) => Err(AcquireError),
        Err(AcquireUntilError::Interrupted(_)) => unreachable!("the wait has no end"),
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Semaphore")
            .field("available", &self.available())
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}
