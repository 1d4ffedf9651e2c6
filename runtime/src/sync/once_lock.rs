//! A value that is made once: the tasks that want it meanwhile wait for whoever makes it.
//!
//! Making takes the turn, a [`RawMutex`], so that one does it at a time, and an observer sees for
//! whom the others wait. The value itself is in the standard library's cell, which never waits
//! here: only who has the turn sets it.

use std::convert::Infallible;
use std::fmt;
use std::sync::PoisonError;

use runtime_abi::Reason;

use super::raw_mutex::RawMutex;
use super::uninterrupted;
use super::wait_queue::{Ticket, WaitQueue};
use crate::cancel::{Interrupted, Until, Wait};
use crate::primitive::{self, static_sync};
use crate::task::{self, TaskId, place::in_place};

pub(super) mod error;

use error::{InitUntilError, SetUntilError};

/// A value that is set once, and then read without waiting.
///
/// While one task makes the value, others that want to make it are parked with reason `mutex` and
/// the task that makes it as the owner. If that one fails, panics, or is abandoned because
/// its runtime ended, the next of them makes it. Tasks that only [`wait`](Self::wait) for the value
/// are parked with reason `condvar` and this cell's address.
///
/// Reading a value that is there costs one load.
///
/// # Examples
///
/// ```
/// use runtime::{Runtime, spawn, sync::OnceLock};
///
/// static ANSWER: OnceLock<u64> = OnceLock::new();
///
/// Runtime::run(|| {
///     let tasks: Vec<_> = (0..4)
///         .map(|_| spawn(|| *ANSWER.get_or_init(|| (1..=8).product::<u64>())))
///         .collect();
///     for task in tasks {
///         assert_eq!(task.join().unwrap(), 40_320);
///     }
/// });
/// ```
pub struct OnceLock<T> {
    value: static_sync::OnceLock<T>,
    turn: RawMutex,
    /// Who waits for somebody to set the value; popped all at once.
    waiting: primitive::Mutex<WaitQueue>,
}

impl<T> OnceLock<T> {
    /// A cell without a value.
    #[cfg(not(loom))]
    #[must_use]
    pub const fn new() -> Self {
        Self {
            value: static_sync::OnceLock::new(),
            turn: RawMutex::new(),
            waiting: primitive::Mutex::new(WaitQueue::new()),
        }
    }

    /// A cell without a value.
    #[cfg(loom)]
    #[must_use]
    pub fn new() -> Self {
        Self {
            value: static_sync::OnceLock::new(),
            turn: RawMutex::new(),
            waiting: primitive::Mutex::new(WaitQueue::new()),
        }
    }

    /// The value, if it is set. One load.
    pub fn get(&self) -> Option<&T> {
        self.value.get()
    }

    /// The value, if it is set: for changing it.
    pub fn get_mut(&mut self) -> Option<&mut T> {
        self.value.get_mut()
    }

    /// Sets the value, unless it is set. Waits for whoever makes it now.
    ///
    /// # Errors
    ///
    /// If it was set before; the error is the value that was not used.
    ///
    /// # Panics
    ///
    /// If called by the closure that makes the value.
    pub fn set(&self, value: T) -> Result<(), T> {
        match self.set_until(value, Until::FOREVER) {
            Ok(()) => Ok(()),
            Err(SetUntilError::Full(value)) => Err(value),
            Err(SetUntilError::Interrupted(..)) => unreachable!("the wait has no end"),
        }
    }

    /// Like [`set`](Self::set), but waits for whoever makes the value no longer than `until`.
    ///
    /// # Errors
    ///
    /// `Full` if it was set before, `Interrupted` if the wait is over; with the value that was not
    /// used.
    ///
    /// # Panics
    ///
    /// If called by the closure that makes the value.
    pub fn set_until<'u>(
        &self,
        value: T,
        until: impl Into<Until<'u>>,
    ) -> Result<(), SetUntilError<T>> {
        if self.get().is_some() {
            return Err(SetUntilError::Full(value));
        }
        match self.take_turn(until.into()) {
            Ok(Some(turn)) => {
                self.fill(turn, value);
                Ok(())
            }
            Ok(None) => Err(SetUntilError::Full(value)),
            Err(interrupted) => Err(SetUntilError::Interrupted(value, interrupted)),
        }
    }

    /// The value, which `init` makes if it is not set. Of several tasks that call this at once one
    /// makes the value, and the others are parked.
    ///
    /// # Panics
    ///
    /// If `init` panics; then the next who wants the value makes it. If called by the closure that
    /// makes the value.
    pub fn get_or_init(&self, init: impl FnOnce() -> T) -> &T {
        let Ok(value) = self.get_or_try_init(|| Ok::<T, Infallible>(init()));
        value
    }

    /// Like [`get_or_init`](Self::get_or_init), but waits for another who makes the value no longer
    /// than `until`. `init` itself is not interrupted.
    ///
    /// # Errors
    ///
    /// If the wait is over.
    ///
    /// # Panics
    ///
    /// As [`get_or_init`](Self::get_or_init).
    pub fn get_or_init_until<'u>(
        &self,
        until: impl Into<Until<'u>>,
        init: impl FnOnce() -> T,
    ) -> Result<&T, Interrupted> {
        match self.get_or_try_init_until(until, || Ok::<T, Infallible>(init())) {
            Ok(value) => Ok(value),
            Err(InitUntilError::Interrupted(interrupted)) => Err(interrupted),
        }
    }

    /// The value, which `init` makes if it is not set and if it can.
    ///
    /// # Errors
    ///
    /// What `init` fails with; then the next who wants the value makes it.
    ///
    /// # Panics
    ///
    /// As [`get_or_init`](Self::get_or_init).
    pub fn get_or_try_init<E>(&self, init: impl FnOnce() -> Result<T, E>) -> Result<&T, E> {
        match self.get_or_try_init_until(Until::FOREVER, init) {
            Ok(value) => Ok(value),
            Err(InitUntilError::Failed(error)) => Err(error),
            Err(InitUntilError::Interrupted(_)) => unreachable!("the wait has no end"),
        }
    }

    /// Like [`get_or_try_init`](Self::get_or_try_init), but waits for another who makes the value
    /// no longer than `until`.
    ///
    /// # Errors
    ///
    /// `Failed` with what `init` fails with, `Interrupted` if the wait is over.
    ///
    /// # Panics
    ///
    /// As [`get_or_init`](Self::get_or_init).
    pub fn get_or_try_init_until<'u, E>(
        &self,
        until: impl Into<Until<'u>>,
        init: impl FnOnce() -> Result<T, E>,
    ) -> Result<&T, InitUntilError<E>> {
        if let Some(value) = self.get() {
            return Ok(value);
        }
        if let Some(turn) = self.take_turn(until.into())? {
            // If its runtime ends before it has made the value, the next one makes it.
            let value = in_place(&turn, init).map_err(InitUntilError::Failed)?;
            self.fill(turn, value);
        }
        Ok(self.get().expect("it is set, here or before"))
    }

    /// The value, parking until somebody sets it.
    pub fn wait(&self) -> &T {
        uninterrupted(self.wait_until(Until::FOREVER))
    }

    /// Like [`wait`](Self::wait), but for no longer than `until`.
    ///
    /// # Errors
    ///
    /// If the wait ended before somebody set the value.
    ///
    /// ```
    /// use runtime::sync::OnceLock;
    /// use std::time::Duration;
    ///
    /// let cell = OnceLock::new();
    /// assert!(cell.wait_until(Duration::from_millis(1)).is_err());
    /// cell.set(1).unwrap();
    /// assert_eq!(cell.wait_until(Duration::ZERO).unwrap(), &1);
    /// ```
    pub fn wait_until<'u>(&self, until: impl Into<Until<'u>>) -> Result<&T, Interrupted> {
        let mut wait = Wait::new(until.into());
        let mut ticket = None;
        loop {
            if let Some(value) = self.get_or_line_up(&mut ticket) {
                return Ok(value);
            }
            let parked = wait.park(Reason::Condvar, self.address(), TaskId::NONE);
            if parked.is_err() && self.leave(ticket) {
                parked?;
            }
        }
    }

    /// The value, if it was set.
    pub fn into_inner(self) -> Option<T> {
        self.value.into_inner()
    }

    /// Takes the value out, if it is set: the cell is without one again.
    pub fn take(&mut self) -> Option<T> {
        self.value.take()
    }

    /// The turn to make the value, unless it is set.
    #[cold]
    fn take_turn(&self, until: Until<'_>) -> Result<Option<Turn<'_>>, Interrupted> {
        let me = task::current();
        assert!(
            me.is_none() || me != Some(self.turn.holder()),
            "the closure that makes a value asks for this value: it would wait for itself"
        );
        self.turn.lock_until(until)?;
        let turn = Turn(&self.turn);
        Ok(self.get().is_none().then_some(turn))
    }

    /// Sets the value, gives the turn back, and tells whoever waits.
    fn fill(&self, turn: Turn<'_>, value: T) {
        if self.value.set(value).is_err() {
            unreachable!("only who has the turn sets it, once");
        }
        drop(turn);
        self.with_waiting(WaitQueue::pop_all).unpark();
    }

    /// The value is set before the queue is emptied, so one of the two looks finds the other.
    fn get_or_line_up(&self, ticket: &mut Option<Ticket>) -> Option<&T> {
        self.with_waiting(|waiting| {
            let value = self.get();
            if value.is_none() && ticket.is_none() {
                *ticket = Some(waiting.join(task::waiter()));
            }
            value
        })
    }

    /// Takes one out who waits; false if it was told before.
    fn leave(&self, ticket: Option<Ticket>) -> bool {
        ticket.is_some_and(|ticket| self.with_waiting(|waiting| waiting.leave(ticket)))
    }

    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    fn with_waiting<R>(&self, look: impl FnOnce(&mut WaitQueue) -> R) -> R {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        look(&mut waiting)
    }
}

/// The turn to make the value; goes to the next when it is dropped.
struct Turn<'a>(&'a RawMutex);

impl task::place::Place for Turn<'_> {
    fn give_up(&self) {
        self.0.unlock();
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.unlock();
    }
}

impl<T> Default for OnceLock<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> From<T> for OnceLock<T> {
    fn from(value: T) -> Self {
        Self {
            value: value.into(),
            ..Self::new()
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for OnceLock<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = formatter.debug_tuple("OnceLock");
        match self.get() {
            Some(value) => text.field(value),
            None => text.field(&format_args!("<not set>")),
        };
        text.finish()
    }
}

#[cfg(all(test, not(loom)))]
mod tests;

#[cfg(all(test, loom))]
mod model;
