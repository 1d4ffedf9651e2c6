//! A reader-writer lock that knows a holder: the data and poisoning around a [`RawRwLock`], where
//! the protocol lives. The guards are in `guard`.

use std::cell::UnsafeCell;
use std::fmt;
use std::sync::{LockResult, TryLockError, TryLockResult};

use super::error::LockUntilError;
use super::poison::{Poison, result};
use super::raw_rwlock::{Mode, RawRwLock};
use crate::cancel::Until;
use crate::task::TaskId;

mod guard;

pub use guard::{RwLockReadGuard, RwLockWriteGuard};

/// Many readers or one writer, for tasks and foreign threads.
///
/// A task that finds the lock taken is parked with reason `rwlock`, this lock's address and a task
/// that has it: the writer, or the reader that came last. It may be held across a park. A guard
/// must be dropped by the task that took it.
///
/// Neither side starves: a writer that waits stops new readers, and those that it stopped read
/// before the next writer writes. So a task that reads must not read again before it is done: a
/// writer that came in between waits for it, and it for the writer, for ever.
///
/// Uncontended, each of taking and leaving costs one atomic read-modify-write.
///
/// A task that is abandoned because its runtime ended keeps the lock for ever if it has it, and is
/// forgotten if it waits for it; see [the module](super).
///
/// # Poisoning
///
/// As in the standard library: a write guard dropped by a panic poisons the lock, a read guard
/// does not.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use runtime::{Runtime, spawn, sync::RwLock};
///
/// Runtime::run(|| {
///     let settings = Arc::new(RwLock::new(vec![1]));
///     let readers: Vec<_> = (0..4)
///         .map(|_| {
///             let settings = Arc::clone(&settings);
///             spawn(move || settings.read().unwrap().len())
///         })
///         .collect();
///     settings.write().unwrap().push(2);
///     for reader in readers {
///         assert!([1, 2].contains(&reader.join().unwrap()));
///     }
/// });
/// ```
pub struct RwLock<T: ?Sized> {
    raw: RawRwLock,
    poison: Poison,
    data: UnsafeCell<T>,
}

// SAFETY: the data moves with the lock, and nothing else in it belongs to a thread.
unsafe impl<T: ?Sized + Send> Send for RwLock<T> {}
// SAFETY: `raw` lets one writer at the data, for which `T: Send` is needed, or several readers at
// once, for which `T: Sync` is.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLock<T> {}

impl<T> RwLock<T> {
    /// A lock around `value` that nobody has.
    #[cfg(not(loom))]
    pub const fn new(value: T) -> Self {
        Self {
            raw: RawRwLock::new(),
            poison: Poison::new(),
            data: UnsafeCell::new(value),
        }
    }

    /// A lock around `value` that nobody has.
    #[cfg(loom)]
    pub fn new(value: T) -> Self {
        Self {
            raw: RawRwLock::new(),
            poison: Poison::new(),
            data: UnsafeCell::new(value),
        }
    }

    /// The data, without locking: nobody else can have the lock any more.
    ///
    /// # Errors
    ///
    /// If the lock is poisoned; the error holds the data.
    pub fn into_inner(self) -> LockResult<T> {
        let poisoned = self.is_poisoned();
        result(self.data.into_inner(), poisoned)
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Locks for reading, parking the task (or blocking the foreign thread) while another writes
    /// or waits to.
    ///
    /// # Errors
    ///
    /// If a writer panicked; the error holds the guard.
    pub fn read(&self) -> LockResult<RwLockReadGuard<'_, T>> {
        self.raw.lock(Mode::Read);
        RwLockReadGuard::new(self)
    }

    /// Locks for reading if nobody writes or waits to.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if somebody does; `Poisoned`, with the guard, if a writer panicked.
    pub fn try_read(&self) -> TryLockResult<RwLockReadGuard<'_, T>> {
        if !self.raw.try_lock(Mode::Read) {
            return Err(TryLockError::WouldBlock);
        }
        Ok(RwLockReadGuard::new(self)?)
    }

    /// Like [`read`](Self::read), unless that takes longer than `until`.
    ///
    /// # Errors
    ///
    /// `Interrupted` if the wait ended without the lock; `Poisoned`, with the guard, if a writer
    /// panicked.
    pub fn read_until<'u>(
        &self,
        until: impl Into<Until<'u>>,
    ) -> Result<RwLockReadGuard<'_, T>, LockUntilError<RwLockReadGuard<'_, T>>> {
        self.raw.lock_until(Mode::Read, until.into())?;
        Ok(RwLockReadGuard::new(self)?)
    }

    /// Locks for writing, parking the task (or blocking the foreign thread) while another has the
    /// lock.
    ///
    /// # Errors
    ///
    /// If a writer panicked; the error holds the guard.
    pub fn write(&self) -> LockResult<RwLockWriteGuard<'_, T>> {
        self.raw.lock(Mode::Write);
        RwLockWriteGuard::new(self)
    }

    /// Locks for writing if nobody has the lock.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if somebody has; `Poisoned`, with the guard, if a writer panicked.
    pub fn try_write(&self) -> TryLockResult<RwLockWriteGuard<'_, T>> {
        if !self.raw.try_lock(Mode::Write) {
            return Err(TryLockError::WouldBlock);
        }
        Ok(RwLockWriteGuard::new(self)?)
    }

    /// Like [`write`](Self::write), unless that takes longer than `until`. Readers that waited
    /// behind this writer alone read at once when it gives up.
    ///
    /// # Errors
    ///
    /// `Interrupted` if the wait ended without the lock; `Poisoned`, with the guard, if a writer
    /// panicked.
    ///
    /// ```
    /// use runtime::sync::{LockUntilError, RwLock};
    /// use std::time::Duration;
    ///
    /// let lock = RwLock::new(1);
    /// let reading = lock.read().unwrap();
    /// let error = lock.write_until(Duration::from_millis(1)).unwrap_err();
    /// assert!(matches!(error, LockUntilError::Interrupted(why) if why.is_timeout()));
    /// assert_eq!(*lock.read_until(Duration::ZERO).unwrap(), *reading);
    /// ```
    pub fn write_until<'u>(
        &self,
        until: impl Into<Until<'u>>,
    ) -> Result<RwLockWriteGuard<'_, T>, LockUntilError<RwLockWriteGuard<'_, T>>> {
        self.raw.lock_until(Mode::Write, until.into())?;
        Ok(RwLockWriteGuard::new(self)?)
    }

    /// The data, without locking: the exclusive borrow proves that nobody has the lock.
    ///
    /// # Errors
    ///
    /// If the lock is poisoned; the error holds the borrow.
    pub fn get_mut(&mut self) -> LockResult<&mut T> {
        let poisoned = self.is_poisoned();
        result(self.data.get_mut(), poisoned)
    }

    /// Whether a writer has panicked.
    pub fn is_poisoned(&self) -> bool {
        self.poison.is_set()
    }

    /// Declares the data sound again after a writer's panic.
    pub fn clear_poison(&self) {
        self.poison.clear();
    }

    /// A task that has the lock, the writer or the reader that came last: for reports, since it
    /// may have left meanwhile. `None` if nobody has it, or a foreign thread.
    pub fn holder(&self) -> Option<TaskId> {
        Some(self.raw.holder()).filter(|holder| *holder != TaskId::NONE)
    }
}

impl<T: Default> Default for RwLock<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> From<T> for RwLock<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = formatter.debug_struct("RwLock");
        match self.try_read() {
            Ok(guard) => text.field("data", &&*guard),
            Err(TryLockError::Poisoned(error)) => text.field("data", &&**error.get_ref()),
            Err(TryLockError::WouldBlock) => text.field("data", &format_args!("<locked>")),
        };
        text.field("poisoned", &self.is_poisoned())
            .finish_non_exhaustive()
    }
}
