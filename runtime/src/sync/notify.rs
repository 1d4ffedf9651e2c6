//! Notifications without data: one task tells another that something may have changed.
//!
//! The queue's protocol is in [`wait_queue`](super::wait_queue); the condition is "a permit is
//! stored, or this round is over". A ticket that [`notify_one`](Notify::notify_one) popped is
//! remembered until its waiter has looked, so that one that leaves instead passes the notification
//! on, while one that was told with all others has nothing to pass on.

use std::collections::BTreeSet;
use std::fmt;
use std::mem::take;
use std::sync::PoisonError;

use runtime_abi::Reason;

use super::uninterrupted;
use super::wait_queue::{Ticket, WaitQueue};
use crate::cancel::{Interrupted, Until, Wait};
use crate::primitive;
use crate::task::{self, TaskId, Waiter, place::in_place};

/// Tells tasks or foreign threads that something happened; what it was, they look up elsewhere.
///
/// [`notify_one`](Self::notify_one) wakes the one that has waited longest, or else stores *one*
/// permit, with which the next one that waits goes on at once: it cannot come too early.
/// [`notify_waiters`](Self::notify_waiters) wakes all who wait now and stores nothing; who has
/// called [`notified`](Self::notified) counts as waiting from then on.
///
/// A waiting task is parked with reason `condvar` and this address. If it gives up, or its runtime
/// ends before it has gone on, a notification by `notify_one` goes to the next.
///
/// Each call takes an uncontended lock for a moment.
///
/// # Examples
///
/// ```
/// use std::sync::{Arc, Mutex};
/// use runtime::{Runtime, spawn, sync::Notify};
///
/// Runtime::run(|| {
///     let shared = Arc::new((Mutex::new(Vec::new()), Notify::new()));
///     let queue = Arc::clone(&shared);
///     let consumer = spawn(move || loop {
///         if let Some(item) = queue.0.lock().unwrap().pop() {
///             return item;
///         }
///         queue.1.wait();
///     });
///     shared.0.lock().unwrap().push(7);
///     shared.1.notify_one();
///     assert_eq!(consumer.join().unwrap(), 7);
/// });
/// ```
pub struct Notify {
    state: primitive::Mutex<State>,
}

struct State {
    /// A notification for whom nobody waited.
    permit: bool,
    /// Calls of `notify_waiters`.
    rounds: u64,
    waiting: WaitQueue,
    /// Whom `notify_one` popped, until they have looked.
    notified: BTreeSet<Ticket>,
}

/// A wait that has not begun, but for which [`Notify::notify_waiters`] counts already.
///
/// For looking at a condition in between, without missing what happens after the look:
///
/// ```
/// use runtime::sync::Notify;
/// use std::sync::atomic::{AtomicBool, Ordering};
///
/// let (closed, changed) = (AtomicBool::new(false), Notify::new());
/// let notified = changed.notified();
/// if !closed.load(Ordering::Acquire) {
///     // Here another one closes and tells all.
///     closed.store(true, Ordering::Release);
///     changed.notify_waiters();
///     notified.wait();
/// }
/// ```
#[derive(Debug)]
#[must_use = "nothing waits before `wait` is called"]
pub struct Notified<'a> {
    notify: &'a Notify,
    round: u64,
}

impl Notify {
    /// Without a permit.
    #[cfg(not(loom))]
    #[must_use]
    pub const fn new() -> Self {
        Self {
            state: primitive::Mutex::new(State::new()),
        }
    }

    /// Without a permit.
    #[cfg(loom)]
    #[must_use]
    pub fn new() -> Self {
        Self {
            state: primitive::Mutex::new(State::new()),
        }
    }

    /// Wakes the one that has waited longest; if nobody waits, stores a permit. Permits do not add
    /// up: after several calls one waits in vain no more, the next one does.
    pub fn notify_one(&self) {
        unpark(self.with_state(State::notify_one));
    }

    /// Wakes all who wait now; stores nothing.
    pub fn notify_waiters(&self) {
        let waiters = self.with_state(|state| {
            state.rounds += 1;
            state.waiting.pop_all()
        });
        waiters.unpark();
    }

    /// Begins to count as waiting for [`notify_waiters`](Self::notify_waiters).
    pub fn notified(&self) -> Notified<'_> {
        Notified {
            notify: self,
            round: self.with_state(|state| state.rounds),
        }
    }

    /// Waits for a notification, or takes the stored permit.
    pub fn wait(&self) {
        self.notified().wait();
    }

    /// Like [`wait`](Self::wait), but for no longer than `until`.
    ///
    /// # Errors
    ///
    /// If the wait ended before a notification.
    pub fn wait_until<'u>(&self, until: impl Into<Until<'u>>) -> Result<(), Interrupted> {
        self.notified().wait_until(until)
    }

    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    fn with_state<R>(&self, look: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        look(&mut state)
    }
}

impl Notified<'_> {
    /// Waits for a notification, or takes the stored permit.
    pub fn wait(self) {
        uninterrupted(self.wait_until(Until::FOREVER));
    }

    /// Like [`wait`](Self::wait), but for no longer than `until`.
    ///
    /// # Errors
    ///
    /// If the wait ended before a notification.
    ///
    /// ```
    /// use runtime::sync::Notify;
    /// use std::time::Duration;
    ///
    /// let notify = Notify::new();
    /// assert!(notify.wait_until(Duration::from_millis(1)).unwrap_err().is_timeout());
    /// notify.notify_one();
    /// assert!(notify.wait_until(Duration::ZERO).is_ok());
    /// ```
    pub fn wait_until<'u>(self, until: impl Into<Until<'u>>) -> Result<(), Interrupted> {
        let notify = self.notify;
        let Some(ticket) = notify.with_state(|state| state.line_up(self.round)) else {
            return Ok(());
        };
        let place = Place { notify, ticket };
        let mut wait = Wait::new(until.into());
        while notify.with_state(|state| state.still_waits(ticket)) {
            let parked = in_place(&place, || {
                wait.park(Reason::Condvar, notify.address(), TaskId::NONE)
            });
            if parked.is_err() && notify.with_state(|state| state.waiting.leave(ticket)) {
                return parked;
            }
        }
        Ok(())
    }
}

impl State {
    const fn new() -> Self {
        Self {
            permit: false,
            rounds: 0,
            waiting: WaitQueue::new(),
            notified: BTreeSet::new(),
        }
    }

    fn notify_one(&mut self) -> Option<Waiter> {
        let Some((ticket, waiter)) = self.waiting.pop() else {
            self.permit = true;
            return None;
        };
        self.notified.insert(ticket);
        Some(waiter)
    }

    /// Lines up, unless there is a notification already.
    fn line_up(&mut self, round: u64) -> Option<Ticket> {
        if self.rounds != round || take(&mut self.permit) {
            return None;
        }
        Some(self.waiting.join(task::waiter()))
    }

    fn still_waits(&mut self, ticket: Ticket) -> bool {
        let waits = self.waiting.holds(ticket);
        if !waits {
            self.notified.remove(&ticket);
        }
        waits
    }

    /// A waiter leaves without having looked; who gets its notification, if it has one.
    fn pass_on(&mut self, ticket: Ticket) -> Option<Waiter> {
        if !self.waiting.leave(ticket) && self.notified.remove(&ticket) {
            return self.notify_one();
        }
        None
    }
}

impl Default for Notify {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Notify {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let permit = self.with_state(|state| state.permit);
        formatter
            .debug_struct("Notify")
            .field("permit", &permit)
            .finish_non_exhaustive()
    }
}

/// A waiter's place in the queue. One that has looked has nothing to pass on.
struct Place<'a> {
    notify: &'a Notify,
    ticket: Ticket,
}

impl task::place::Place for Place<'_> {
    fn give_up(&self) {
        unpark(self.notify.with_state(|state| state.pass_on(self.ticket)));
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        task::place::Place::give_up(self);
    }
}

fn unpark(woken: Option<Waiter>) {
    if let Some(waiter) = woken {
        waiter.unpark();
    }
}

#[cfg(all(test, not(loom)))]
mod tests;

#[cfg(all(test, loom))]
mod model;
