//! What reading and writing hold. Dropping a guard leaves the lock.

use std::fmt;
use std::marker::PhantomData;
use std::mem::forget;
use std::ops::{Deref, DerefMut};
use std::sync::LockResult;

use super::super::poison::WasPanicking;
use super::super::raw_rwlock::Mode;
use super::RwLock;

/// Shared access to the data of an [`RwLock`].
///
/// It is not `Send`: the lock names a task that reads as its holder.
#[must_use = "the lock is left when the guard is dropped"]
pub struct RwLockReadGuard<'a, T: ?Sized> {
    lock: &'a RwLock<T>,
    not_send: PhantomData<*const ()>,
}

/// Exclusive access to the data of an [`RwLock`].
///
/// It is not `Send`: the lock names the task that writes as its holder.
#[must_use = "the lock is left when the guard is dropped"]
pub struct RwLockWriteGuard<'a, T: ?Sized> {
    lock: &'a RwLock<T>,
    was_panicking: WasPanicking,
    not_send: PhantomData<*const ()>,
}

// SAFETY: a shared guard gives `&T` only, so `T: Sync` is enough.
unsafe impl<T: ?Sized + Sync> Sync for RwLockReadGuard<'_, T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Sync> Sync for RwLockWriteGuard<'_, T> {}

impl<'a, T: ?Sized> RwLockReadGuard<'a, T> {
    /// The guard of a lock that was taken for reading.
    pub(super) fn new(lock: &'a RwLock<T>) -> LockResult<Self> {
        lock.poison.result(Self::of(lock))
    }

    fn of(lock: &'a RwLock<T>) -> Self {
        Self {
            lock,
            not_send: PhantomData,
        }
    }
}

impl<'a, T: ?Sized> RwLockWriteGuard<'a, T> {
    /// The guard of a lock that was taken for writing.
    pub(super) fn new(lock: &'a RwLock<T>) -> LockResult<Self> {
        let guard = Self {
            lock,
            was_panicking: WasPanicking::now(),
            not_send: PhantomData,
        };
        lock.poison.result(guard)
    }

    /// Goes on reading, without letting a writer in between. Those who wait to read come in too.
    ///
    /// ```
    /// use runtime::sync::{RwLock, RwLockWriteGuard};
    ///
    /// let lock = RwLock::new(1);
    /// let mut writing = lock.write().unwrap();
    /// *writing = 2;
    /// let reading = RwLockWriteGuard::downgrade(writing);
    /// assert_eq!(*lock.read().unwrap(), *reading);
    /// ```
    pub fn downgrade(guard: Self) -> RwLockReadGuard<'a, T> {
        guard.poison_if_panicking();
        let lock = guard.lock;
        forget(guard);
        lock.raw.downgrade();
        RwLockReadGuard::of(lock)
    }

    fn poison_if_panicking(&self) {
        self.lock.poison.note(self.was_panicking);
    }
}

impl<T: ?Sized> Drop for RwLockReadGuard<'_, T> {
    fn drop(&mut self) {
        self.lock.raw.unlock(Mode::Read);
    }
}

impl<T: ?Sized> Drop for RwLockWriteGuard<'_, T> {
    fn drop(&mut self) {
        self.poison_if_panicking();
        self.lock.raw.unlock(Mode::Write);
    }
}

impl<T: ?Sized> Deref for RwLockReadGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: while this guard exists there is no writer, and it borrows itself for as long.
        unsafe { &*self.lock.data.get() }
    }
}

impl<T: ?Sized> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: this guard exists once per lock that is written, and borrows itself for as long.
        unsafe { &*self.lock.data.get() }
    }
}

impl<T: ?Sized> DerefMut for RwLockWriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`, and the borrow of the guard is exclusive.
        unsafe { &mut *self.lock.data.get() }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockReadGuard<'_, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(formatter)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockWriteGuard<'_, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(formatter)
    }
}
