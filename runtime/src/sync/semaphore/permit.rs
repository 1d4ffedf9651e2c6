//! Permits that are acquired: they go back when they are dropped.

use std::mem::{forget, replace};
use std::ptr;
use std::sync::Arc;

use super::Semaphore;

/// Permits of a [`Semaphore`], which go back when this is dropped. May be dropped by another task
/// than the one that acquired them.
#[derive(Debug)]
#[must_use = "permits go back when they are dropped"]
pub struct SemaphorePermit<'a> {
    semaphore: &'a Semaphore,
    permits: usize,
}

/// Like [`SemaphorePermit`], and keeps the semaphore alive.
#[derive(Debug)]
#[must_use = "permits go back when they are dropped"]
pub struct OwnedSemaphorePermit {
    semaphore: Arc<Semaphore>,
    permits: usize,
}

impl<'a> SemaphorePermit<'a> {
    pub(super) fn new(semaphore: &'a Semaphore, permits: usize) -> Self {
        Self { semaphore, permits }
    }

    /// How many permits these are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.permits
    }

    /// Destroys the permits: they do not go back, and the semaphore has fewer.
    pub fn forget(self) {
        self.semaphore.raw.forget_acquired(self.permits);
        forget(self);
    }

    /// Adds the permits of `other` to these.
    ///
    /// # Panics
    ///
    /// If they are another semaphore's.
    pub fn merge(&mut self, mut other: Self) {
        assert!(ptr::eq(self.semaphore, other.semaphore), "{STRANGERS}");
        self.permits += replace(&mut other.permits, 0);
    }

    /// Splits some permits off; `None` if these are fewer.
    pub fn split(&mut self, permits: usize) -> Option<Self> {
        self.permits = self.permits.checked_sub(permits)?;
        Some(Self::new(self.semaphore, permits))
    }
}

impl OwnedSemaphorePermit {
    pub(super) fn new(semaphore: Arc<Semaphore>, permits: usize) -> Self {
        Self { semaphore, permits }
    }

    /// How many permits these are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.permits
    }

    /// The semaphore to which the permits go back.
    #[must_use]
    pub fn semaphore(&self) -> &Arc<Semaphore> {
        &self.semaphore
    }

    /// Destroys the permits: they do not go back, and the semaphore has fewer.
    pub fn forget(mut self) {
        self.semaphore.raw.forget_acquired(self.permits);
        self.permits = 0;
    }

    /// Adds the permits of `other` to these.
    ///
    /// # Panics
    ///
    /// If they are another semaphore's.
    pub fn merge(&mut self, mut other: Self) {
        assert!(
            Arc::ptr_eq(&self.semaphore, &other.semaphore),
            "{STRANGERS}"
        );
        self.permits += replace(&mut other.permits, 0);
    }

    /// Splits some permits off; `None` if these are fewer.
    pub fn split(&mut self, permits: usize) -> Option<Self> {
        self.permits = self.permits.checked_sub(permits)?;
        Some(Self::new(Arc::clone(&self.semaphore), permits))
    }
}

const STRANGERS: &str = "merge permits of one semaphore only";

impl Drop for SemaphorePermit<'_> {
    fn drop(&mut self) {
        if self.permits > 0 {
            self.semaphore.raw.release(self.permits);
        }
    }
}

impl Drop for OwnedSemaphorePermit {
    fn drop(&mut self) {
        if self.permits > 0 {
            self.semaphore.raw.release(self.permits);
        }
    }
}
