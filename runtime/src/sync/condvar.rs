//! A condition variable for the mutex of this folder. It only lines waiters up; the
//! condition is the caller's, under the caller's mutex.

use std::cell::Cell;
use std::fmt;
use std::sync::{LockResult, PoisonError};

use runtime_abi::Reason;

use super::mutex::MutexGuard;
use super::uninterrupted;
use super::wait_queue::{Ticket, WaitQueue};
use crate::cancel::{Interrupted, Until, Wait};
use crate::primitive;
use crate::task::{self, TaskId, place::in_place};

/// Lets tasks wait for a condition on data behind a [`Mutex`](super::Mutex).
///
/// A waiting task is parked with reason `condvar` and this condition variable's address. If its
/// runtime ends before it has the mutex again, a notification that it got goes to the next; see
/// [the module](super).
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use runtime::sync::{Condvar, Mutex};
///
/// runtime::Builder::new().workers(2).run(|| {
///     let shared = Arc::new((Mutex::new(false), Condvar::new()));
///     let waiting = Arc::clone(&shared);
///     let task = runtime::spawn(move || {
///         let (ready, changed) = &*waiting;
///         let guard = ready.lock().unwrap();
///         assert!(*changed.wait_while(guard, |ready| !*ready).unwrap());
///     });
///     *shared.0.lock().unwrap() = true;
///     shared.1.notify_one();
///     task.join().unwrap();
/// });
/// ```
pub struct Condvar {
    queue: primitive::Mutex<WaitQueue>,
}

impl Condvar {
    /// A condition variable for which nobody waits.
    #[cfg(not(loom))]
    pub const fn new() -> Self {
        Self {
            queue: primitive::Mutex::new(WaitQueue::new()),
        }
    }

    /// A condition variable for which nobody waits.
    #[cfg(loom)]
    pub fn new() -> Self {
        Self {
            queue: primitive::Mutex::new(WaitQueue::new()),
        }
    }

    /// Unlocks the guard's mutex, waits for a notification and locks it again, without
    /// missing a notification sent after the unlock.
    ///
    /// Look at the condition again on return, or use [`wait_while`](Self::wait_while):
    /// another task may have been quicker.
    ///
    /// # Errors
    ///
    /// If a holder of the mutex panicked; the error holds the guard.
    pub fn wait<'a, T: ?Sized>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
        let (locked, waited) = self.wait_for(guard, Until::FOREVER);
        uninterrupted(waited);
        locked
    }

    /// Like [`wait`](Self::wait), but for no longer than `until`. The mutex is locked again in
    /// any case, however long that takes. The second part tells whether there was a notification,
    /// or what ended the wait; look at the condition in both cases.
    ///
    /// # Errors
    ///
    /// If a holder of the mutex panicked; the error holds the same.
    pub fn wait_until<'a, 'u, T: ?Sized>(
        &self,
        guard: MutexGuard<'a, T>,
        until: impl Into<Until<'u>>,
    ) -> LockResult<(MutexGuard<'a, T>, Result<(), Interrupted>)> {
        match self.wait_for(guard, until.into()) {
            (Ok(guard), waited) => Ok((guard, waited)),
            (Err(error), waited) => Err(PoisonError::new((error.into_inner(), waited))),
        }
    }

    /// Waits until the condition is false, looking at it first.
    ///
    /// # Errors
    ///
    /// If a holder of the mutex panicked; the error holds the guard.
    pub fn wait_while<'a, T: ?Sized>(
        &self,
        mut guard: MutexGuard<'a, T>,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> LockResult<MutexGuard<'a, T>> {
        while condition(&mut *guard) {
            guard = self
                .wait(guard)
                .map_err(|error| PoisonError::new(error.into_inner()))?;
        }
        Ok(guard)
    }

    /// Like [`wait_while`](Self::wait_while), but for no longer than `until`. The second part is
    /// `Ok` exactly if the condition is false.
    ///
    /// # Errors
    ///
    /// If a holder of the mutex panicked; the error holds the same.
    ///
    /// ```
    /// use runtime::sync::{Condvar, Mutex};
    /// use std::time::Duration;
    ///
    /// let (ready, changed) = (Mutex::new(false), Condvar::new());
    /// let guard = ready.lock().unwrap();
    /// let soon = Duration::from_millis(1);
    /// let (guard, waited) = changed.wait_while_until(guard, soon, |ready| !*ready).unwrap();
    /// assert!(waited.is_err() && !*guard);
    /// ```
    pub fn wait_while_until<'a, 'u, T: ?Sized>(
        &self,
        mut guard: MutexGuard<'a, T>,
        until: impl Into<Until<'u>>,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> LockResult<(MutexGuard<'a, T>, Result<(), Interrupted>)> {
        let until = until.into();
        let mut waited = Ok(());
        while condition(&mut *guard) {
            if waited.is_err() {
                return Ok((guard, waited));
            }
            (guard, waited) = self.wait_until(guard, until)?;
        }
        Ok((guard, Ok(())))
    }

    /// Wakes the task that has waited longest, if any.
    pub fn notify_one(&self) {
        if let Some((_, waiter)) = self.with_queue(WaitQueue::pop) {
            waiter.unpark();
        }
    }

    /// Wakes every task that waits now.
    pub fn notify_all(&self) {
        self.with_queue(WaitQueue::pop_all).unpark();
    }

    /// Locked again, and whether there was a notification.
    fn wait_for<'a, T: ?Sized>(
        &self,
        guard: MutexGuard<'a, T>,
        until: Until<'_>,
    ) -> (LockResult<MutexGuard<'a, T>>, Result<(), Interrupted>) {
        let mutex = MutexGuard::mutex(&guard);
        let place = Place {
            condvar: self,
            ticket: Cell::new(Some(self.with_queue(|queue| queue.join(task::waiter())))),
        };
        drop(guard);
        in_place(&place, || {
            let waited = place.wait(until);
            // Still in place: if its runtime ends before it has the mutex, the notification
            // goes to the next.
            let locked = mutex.lock();
            place.ticket.set(None);
            (locked, waited)
        })
    }

    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    fn with_queue<R>(&self, look: impl FnOnce(&mut WaitQueue) -> R) -> R {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        look(&mut queue)
    }
}

impl Default for Condvar {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Condvar").finish_non_exhaustive()
    }
}

/// A waiter's place in the queue; dropped with a ticket only by unwinding.
struct Place<'a> {
    condvar: &'a Condvar,
    /// Until the waiter has the mutex again, or its wait has ended without a notification.
    ticket: Cell<Option<Ticket>>,
}

impl Place<'_> {
    fn wait(&self, until: Until<'_>) -> Result<(), Interrupted> {
        let mut wait = Wait::new(until);
        while self.still_waits() {
            let parked = wait.park(Reason::Condvar, self.condvar.address(), TaskId::NONE);
            if parked.is_err() && self.leave() {
                return parked;
            }
        }
        Ok(())
    }

    fn still_waits(&self) -> bool {
        self.ticket
            .get()
            .is_some_and(|ticket| self.condvar.with_queue(|queue| queue.holds(ticket)))
    }

    /// Leaves the queue; false if it was notified before.
    fn leave(&self) -> bool {
        let waited = self
            .ticket
            .get()
            .is_some_and(|ticket| self.condvar.with_queue(|queue| queue.leave(ticket)));
        if waited {
            self.ticket.set(None);
        }
        waited
    }
}

impl task::place::Place for Place<'_> {
    fn give_up(&self) {
        let Some(ticket) = self.ticket.get() else {
            return;
        };
        if !self.condvar.with_queue(|queue| queue.leave(ticket)) {
            self.condvar.notify_one();
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        task::place::Place::give_up(self);
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
