//! A mutex that knows who holds it: the data, the guard and poisoning around a
//! [`RawMutex`]. The protocol lives there; the only unsafe code of this folder lives here.

use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::{LockResult, TryLockError, TryLockResult};

use super::error::LockUntilError;
use super::poison::{Poison, WasPanicking, result};
use super::raw_mutex::RawMutex;
use crate::cancel::Until;
use crate::task::TaskId;

/// Mutual exclusion for tasks and foreign threads.
///
/// A task that finds the mutex held is parked with reason `mutex`, this mutex's address and
/// the task that holds it, so that an observer names both ends of a wait. Unlike
/// [`std::sync::Mutex`] it may be held across a park: other tasks go on running on the
/// worker. A guard must be dropped by the task that took it.
///
/// Whoever comes first takes a free mutex, but a waiter that has been passed over for a
/// millisecond gets it handed. It is not re-entrant: a task that locks it twice parks for
/// ever, on itself.
///
/// An uncontended pair of `lock` and drop costs two compare-and-swaps.
///
/// A task that is abandoned because its runtime ended keeps the mutex locked for ever if it
/// holds it, and is forgotten if it waits for it; see [the module](super).
///
/// # Poisoning
///
/// As in the standard library: a guard dropped by a panic poisons the mutex, and from then on
/// `lock` returns an error that still gives access.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use runtime::sync::Mutex;
///
/// runtime::Builder::new().workers(2).run(|| {
///     let total = Arc::new(Mutex::new(0));
///     let adders: Vec<_> = (1..=10)
///         .map(|number| {
///             let total = Arc::clone(&total);
///             runtime::spawn(move || *total.lock().unwrap() += number)
///         })
///         .collect();
///     for adder in adders {
///         adder.join().unwrap();
///     }
///     assert_eq!(*total.lock().unwrap(), 55);
/// });
/// ```
pub struct Mutex<T: ?Sized> {
    raw: RawMutex,
    poison: Poison,
    data: UnsafeCell<T>,
}

// SAFETY: the data moves with the mutex, and nothing else in it belongs to a thread.
unsafe impl<T: ?Sized + Send> Send for Mutex<T> {}
// SAFETY: `raw` lets one thread at a time at the data, so only `T: Send` is needed.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}

/// Access to the data of a locked [`Mutex`]; dropping it unlocks.
///
/// It is not `Send`: the mutex names the task that locked it as its holder.
#[must_use = "the mutex is unlocked when the guard is dropped"]
pub struct MutexGuard<'a, T: ?Sized> {
    mutex: &'a Mutex<T>,
    was_panicking: WasPanicking,
    not_send: PhantomData<*const ()>,
}

// SAFETY: a shared guard gives `&T` only, so `T: Sync` is enough.
unsafe impl<T: ?Sized + Sync> Sync for MutexGuard<'_, T> {}

impl<T> Mutex<T> {
    /// An unlocked mutex around `value`.
    #[cfg(not(loom))]
    pub const fn new(value: T) -> Self {
        Self {
            raw: RawMutex::new(),
            poison: Poison::new(),
            data: UnsafeCell::new(value),
        }
    }

    /// An unlocked mutex around `value`.
    #[cfg(loom)]
    pub fn new(value: T) -> Self {
        Self {
            raw: RawMutex::new(),
            poison: Poison::new(),
            data: UnsafeCell::new(value),
        }
    }

    /// The data, without locking: nobody else can have the mutex any more.
    ///
    /// # Errors
    ///
    /// If the mutex is poisoned; the error holds the data.
    pub fn into_inner(self) -> LockResult<T> {
        let poisoned = self.is_poisoned();
        result(self.data.into_inner(), poisoned)
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Locks the mutex, parking the task (or blocking the foreign thread) while another
    /// holds it.
    ///
    /// # Errors
    ///
    /// If a holder panicked; the error holds the guard.
    pub fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        self.raw.lock();
        self.guard()
    }

    /// Locks the mutex, unless that takes longer than `until`. A mutex that is free is locked,
    /// also when `until` is over.
    ///
    /// # Errors
    ///
    /// `Interrupted` if the wait ended without the mutex; `Poisoned`, with the guard, if a holder
    /// panicked.
    ///
    /// ```
    /// use runtime::sync::{LockUntilError, Mutex};
    /// use std::time::Duration;
    ///
    /// let mutex = Mutex::new(1);
    /// let held = mutex.lock().unwrap();
    /// let error = mutex.lock_until(Duration::from_millis(1)).unwrap_err();
    /// assert!(matches!(error, LockUntilError::Interrupted(why) if why.is_timeout()));
    /// drop(held);
    /// assert_eq!(*mutex.lock_until(Duration::ZERO).unwrap(), 1);
    /// ```
    pub fn lock_until<'a>(
        &self,
        until: impl Into<Until<'a>>,
    ) -> Result<MutexGuard<'_, T>, LockUntilError<MutexGuard<'_, T>>> {
        self.raw.lock_until(until.into())?;
        Ok(self.guard()?)
    }

    /// Locks the mutex if nobody holds it.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if it is held; `Poisoned`, with the guard, if a holder panicked.
    pub fn try_lock(&self) -> TryLockResult<MutexGuard<'_, T>> {
        if !self.raw.try_lock() {
            return Err(TryLockError::WouldBlock);
        }
        Ok(self.guard()?)
    }

    /// The data, without locking: the exclusive borrow proves that nobody holds the mutex.
    ///
    /// # Errors
    ///
    /// If the mutex is poisoned; the error holds the borrow.
    pub fn get_mut(&mut self) -> LockResult<&mut T> {
        let poisoned = self.is_poisoned();
        result(self.data.get_mut(), poisoned)
    }

    /// Whether a holder has panicked.
    pub fn is_poisoned(&self) -> bool {
        self.poison.is_set()
    }

    /// Declares the data sound again after a holder's panic.
    pub fn clear_poison(&self) {
        self.poison.clear();
    }

    /// The task that holds the mutex: for reports, since it may have changed on return.
    /// `None` if it is free or a foreign thread holds it.
    pub fn holder(&self) -> Option<TaskId> {
        Some(self.raw.holder()).filter(|holder| *holder != TaskId::NONE)
    }

    fn guard(&self) -> LockResult<MutexGuard<'_, T>> {
        self.poison.result(MutexGuard {
            mutex: self,
            was_panicking: WasPanicking::now(),
            not_send: PhantomData,
        })
    }
}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    /// The mutex that this guard unlocks; for [`Condvar`](super::Condvar).
    pub(super) fn mutex(guard: &Self) -> &'a Mutex<T> {
        guard.mutex
    }
}

impl<T: ?Sized> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        self.mutex.poison.note(self.was_panicking);
        self.mutex.raw.unlock();
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: this guard exists once per locked `raw`, and borrows itself for as long.
        unsafe { &*self.mutex.data.get() }
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`, and the borrow of the guard is exclusive.
        unsafe { &mut *self.mutex.data.get() }
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> From<T> for Mutex<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = formatter.debug_struct("Mutex");
        match self.try_lock() {
            Ok(guard) => text.field("data", &&*guard),
            Err(TryLockError::Poisoned(error)) => text.field("data", &&**error.get_ref()),
            Err(TryLockError::WouldBlock) => text.field("data", &format_args!("<locked>")),
        };
        text.field("poisoned", &self.is_poisoned())
            .finish_non_exhaustive()
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(formatter)
    }
}
