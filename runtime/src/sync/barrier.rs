//! A barrier: lets a number of tasks through when all of them have come.

use std::fmt;
use std::sync::PoisonError;

use runtime_abi::Reason;

use super::uninterrupted;
use super::wait_queue::{Ticket, WaitQueue};
use crate::cancel::{Interrupted, Until, Wait};
use crate::primitive;
use crate::task::{self, TaskId, place::in_place};

/// Makes a number of tasks or foreign threads wait for each other, again and again.
///
/// A waiting task is parked with reason `wait_group` and this barrier's address; no one task has to
/// act, so there is no owner. A task that gives up with [`wait_until`](Self::wait_until), or is
/// abandoned because its runtime ended, has not come: the others wait for one more.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use runtime::{Runtime, spawn, sync::Barrier};
///
/// Runtime::run(|| {
///     let barrier = Arc::new(Barrier::new(3));
///     let tasks: Vec<_> = (0..3)
///         .map(|_| {
///             let barrier = Arc::clone(&barrier);
///             spawn(move || barrier.wait().is_leader())
///         })
///         .collect();
///     let leaders = tasks.into_iter().map(|task| task.join().unwrap());
///     assert_eq!(leaders.filter(|leads| *leads).count(), 1);
/// });
/// ```
pub struct Barrier {
    size: usize,
    /// Who has come and waits for the others; popped all at once.
    come: primitive::Mutex<WaitQueue>,
}

/// What [`Barrier::wait`] gives: whether the caller came last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BarrierWaitResult {
    is_leader: bool,
}

impl BarrierWaitResult {
    /// Whether the caller is the one of its round that came last.
    #[must_use]
    pub fn is_leader(&self) -> bool {
        self.is_leader
    }
}

impl Barrier {
    /// A barrier for so many; for none or one it is always open.
    #[cfg(not(loom))]
    #[must_use]
    pub const fn new(size: usize) -> Self {
        Self {
            size,
            come: primitive::Mutex::new(WaitQueue::new()),
        }
    }

    /// A barrier for so many; for none or one it is always open.
    #[cfg(loom)]
    #[must_use]
    pub fn new(size: usize) -> Self {
        Self {
            size,
            come: primitive::Mutex::new(WaitQueue::new()),
        }
    }

    /// Waits until as many have come as the barrier is for.
    pub fn wait(&self) -> BarrierWaitResult {
        uninterrupted(self.wait_for(Until::FOREVER))
    }

    /// Like [`wait`](Self::wait), but for no longer than `until`: then it is as if the caller had
    /// never come.
    ///
    /// # Errors
    ///
    /// If the wait ended before enough others had come.
    ///
    /// ```
    /// use runtime::sync::Barrier;
    /// use std::time::Duration;
    ///
    /// let alone = Barrier::new(2);
    /// assert!(alone.wait_until(Duration::from_millis(1)).unwrap_err().is_timeout());
    /// assert!(Barrier::new(1).wait_until(Duration::ZERO).unwrap().is_leader());
    /// ```
    pub fn wait_until<'u>(
        &self,
        until: impl Into<Until<'u>>,
    ) -> Result<BarrierWaitResult, Interrupted> {
        self.wait_for(until.into())
    }

    fn wait_for(&self, until: Until<'_>) -> Result<BarrierWaitResult, Interrupted> {
        let Some(ticket) = self.come() else {
            return Ok(BarrierWaitResult { is_leader: true });
        };
        let place = Place {
            barrier: self,
            ticket,
        };
        let mut wait = Wait::new(until);
        let address = std::ptr::from_ref(self).addr();
        while self.with_come(|come| come.holds(ticket)) {
            let parked = in_place(&place, || {
                wait.park(Reason::WaitGroup, address, TaskId::NONE)
            });
            if parked.is_err() && self.with_come(|come| come.leave(ticket)) {
                parked?;
            }
        }
        Ok(BarrierWaitResult { is_leader: false })
    }

    /// Lines up, or lets the others through if the caller is the last.
    fn come(&self) -> Option<Ticket> {
        let (ticket, others) = self.with_come(|come| {
            if come.len() + 1 < self.size {
                (Some(come.join(task::waiter())), None)
            } else {
                (None, Some(come.pop_all()))
            }
        });
        if let Some(others) = others {
            others.unpark();
        }
        ticket
    }

    fn with_come<R>(&self, look: impl FnOnce(&mut WaitQueue) -> R) -> R {
        let mut come = self.come.lock().unwrap_or_else(PoisonError::into_inner);
        look(&mut come)
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Barrier")
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

/// The place of one who has come.
struct Place<'a> {
    barrier: &'a Barrier,
    ticket: Ticket,
}

impl task::place::Place for Place<'_> {
    fn give_up(&self) {
        // If it was let through, nobody needs to know that it did not go.
        let _ = self.barrier.with_come(|come| come.leave(self.ticket));
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        task::place::Place::give_up(self);
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
