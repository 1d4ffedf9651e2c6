//! A condition variable for the mutex of this folder. It only lines waiters up; the
//! condition is the caller's, under the caller's mutex.

use std::fmt;
use std::sync::{LockResult, PoisonError};

use runtime_abi::Reason;

use super::mutex::MutexGuard;
use super::wait_queue::{Ticket, WaitQueue};
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
        let mutex = MutexGuard::mutex(&guard);
        let mut place = Place {
            condvar: self,
            ticket: Some(self.with_queue(|queue| queue.join(task::waiter()))),
        };
        drop(guard);
        let locked = in_place(&place, || {
            while place.still_waits() {
                task::park(Reason::Condvar, self.address(), TaskId::NONE);
            }
            // Still in place: if its runtime ends before it has the mutex, the notification
            // goes to the next.
            mutex.lock()
        });
        place.ticket = None;
        locked
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
    ticket: Option<Ticket>,
}

impl Place<'_> {
    fn still_waits(&self) -> bool {
        self.ticket
            .is_some_and(|ticket| self.condvar.with_queue(|queue| queue.holds(ticket)))
    }
}

impl task::place::Place for Place<'_> {
    fn give_up(&self) {
        let Some(ticket) = self.ticket else { return };
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
