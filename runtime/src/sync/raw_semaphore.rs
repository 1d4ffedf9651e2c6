//! A [`Semaphore`](super::Semaphore) without its permits' types: a word that counts the free
//! permits, and a queue of waiters who want some. Only this folder uses it.
//!
//! # The protocol
//!
//! First come, first served, whatever each wants: while somebody waits, nobody takes permits by
//! itself, and those that come back are given to whoever waits longest, as soon as they are as
//! many as it wants. So a large request is not starved by small ones.
//!
//! Waiting side (`acquire_or_wait`), with the queue locked:
//! 1. in one step of the word, either take the permits or set WAITERS;
//! 2. if they were too few, line up; unlock the queue; park; look: a ticket that is in the queue
//!    no more was given its permits.
//!
//! Giving side (`release`):
//! a. add the permits to the word, in one step that also tells whether WAITERS is set;
//! b. if it is, lock the queue; while the first one's wants are free, take them for it and pop it;
//!    clear WAITERS if it was the last; unlock the queue; unpark.
//!
//! WAITERS says whether the queue is empty and changes only with the queue locked. If step 1
//! comes before a, then a sees WAITERS and b finds the waiter, since step 2 is in the same critical
//! section; if a comes first, step 1 sees the permits. A waiter that leaves, because its
//! wait is over or it was abandoned, runs b too: who was behind it may want less.
//!
//! Closing pops nobody, so that a popped ticket always means permits: it sets CLOSED and unparks
//! all; each looks and leaves.
//!
//! Rejected: waking the first to let it try by itself (others are quicker, and a large request
//! starves); giving the first one what there is, bit by bit (what it was given so far must come
//! back when it leaves, and is invisible meanwhile).

use std::sync::PoisonError;

use runtime_abi::Reason;

use super::semaphore::error::{AcquireUntilError, TryAcquireError};
pub(super) use super::semaphore_word::MAX_PERMITS;
use super::semaphore_word::{SemaphoreWord, Take};
use super::wait_queue::{Ticket, WaitQueue};
use crate::cancel::{Until, Wait};
use crate::primitive::{
    self,
    atomic::{AtomicU64, Ordering},
};
use crate::task::{self, TaskId, Waiter, place::in_place};

/// Counted permits, handed out in the order of requests.
pub(super) struct RawSemaphore {
    word: SemaphoreWord,
    /// For reports only: written after the word.
    last_acquired_by: AtomicU64,
    queue: primitive::Mutex<Queue>,
}

struct Queue {
    waiting: WaitQueue<usize>,
    /// Permits that are free or acquired.
    total: usize,
}

/// What a look at the semaphore came to.
#[must_use]
enum Look {
    Acquired,
    Closed,
    Wait,
}

impl RawSemaphore {
    #[cfg(not(loom))]
    pub(super) const fn new(permits: usize) -> Self {
        Self {
            word: SemaphoreWord::new(permits),
            last_acquired_by: AtomicU64::new(TaskId::NONE.as_u64()),
            queue: primitive::Mutex::new(Queue::new(permits)),
        }
    }

    #[cfg(loom)]
    pub(super) fn new(permits: usize) -> Self {
        Self {
            word: SemaphoreWord::new(permits),
            last_acquired_by: AtomicU64::new(TaskId::NONE.as_u64()),
            queue: primitive::Mutex::new(Queue::new(permits)),
        }
    }

    /// Takes permits if as many are free and nobody waits for some. One read-modify-write.
    pub(super) fn try_acquire(&self, permits: usize) -> Result<(), TryAcquireError> {
        match self.word.take(permits) {
            Take::Taken => {
                self.acquired_by(task::current_or_none());
                Ok(())
            }
            Take::Short => Err(TryAcquireError::NoPermits),
            Take::Closed => Err(TryAcquireError::Closed),
        }
    }

    /// Takes permits, parking until they are given.
    pub(super) fn acquire(
        &self,
        permits: usize,
        until: Until<'_>,
    ) -> Result<(), AcquireUntilError> {
        match self.try_acquire(permits) {
            Ok(()) => Ok(()),
            Err(TryAcquireError::Closed) => Err(AcquireUntilError::Closed),
            Err(TryAcquireError::NoPermits) => self.acquire_contended(permits, until),
        }
    }

    /// Gives permits back, to those who wait or to whoever comes. One read-modify-write if nobody
    /// waits.
    pub(super) fn release(&self, permits: usize) {
        if self.word.give(permits) {
            self.grant();
        }
    }

    /// Makes permits; false if that would be more than [`MAX_PERMITS`].
    #[must_use]
    pub(super) fn add(&self, permits: usize) -> bool {
        let fits = self.with_queue(|queue| {
            let fits = permits <= MAX_PERMITS - queue.total;
            if fits {
                queue.total += permits;
            }
            fits
        });
        if fits {
            self.release(permits);
        }
        fits
    }

    /// Destroys free permits, at most so many; gives how many.
    pub(super) fn remove(&self, permits: usize) -> usize {
        self.with_queue(|queue| {
            let removed = self.word.remove(permits);
            queue.total -= removed;
            removed
        })
    }

    /// Destroys permits that are acquired.
    pub(super) fn forget_acquired(&self, permits: usize) {
        self.with_queue(|queue| queue.total -= permits);
    }

    /// Ends all waits, and all that come.
    pub(super) fn close(&self) {
        let waiters = self.with_queue(|queue| {
            self.word.close();
            queue.waiting.waiters().cloned().collect::<Vec<_>>()
        });
        for waiter in waiters {
            waiter.unpark();
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.word.is_closed()
    }

    /// Permits that nobody has.
    pub(super) fn free(&self) -> usize {
        self.word.free()
    }

    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    fn acquired_by(&self, task: TaskId) {
        self.last_acquired_by
            .store(task.as_u64(), Ordering::Relaxed);
    }

    fn owner(&self) -> TaskId {
        TaskId::from_u64(self.last_acquired_by.load(Ordering::Relaxed))
    }

    #[cold]
    fn acquire_contended(&self, permits: usize, until: Until<'_>) -> Result<(), AcquireUntilError> {
        let mut wait = Wait::new(until);
        let mut place = Place::new(self, permits);
        loop {
            match self.acquire_or_wait(&mut place) {
                Look::Acquired => return Ok(()),
                Look::Closed => return Err(AcquireUntilError::Closed),
                Look::Wait => in_place(&place, || {
                    wait.park(Reason::Semaphore, self.address(), self.owner())
                })?,
            }
        }
    }

    /// Steps 1 and 2 of the waiting side.
    fn acquire_or_wait(&self, place: &mut Place<'_>) -> Look {
        self.with_queue(|queue| match place.ticket {
            None => self.take_or_line_up(queue, place),
            Some(ticket) if !queue.waiting.holds(ticket) => {
                place.ticket = None;
                Look::Acquired
            }
            Some(ticket) if self.word.is_closed() => {
                place.ticket = None;
                let _ = self.leave(queue, ticket);
                Look::Closed
            }
            Some(_) => Look::Wait,
        })
    }

    fn take_or_line_up(&self, queue: &mut Queue, place: &mut Place<'_>) -> Look {
        match self.word.take_or_mark(place.permits) {
            Take::Taken => {
                self.acquired_by(task::current_or_none());
                Look::Acquired
            }
            Take::Closed => Look::Closed,
            Take::Short => {
                let ticket = queue.waiting.join_wanting(task::waiter(), place.permits);
                place.ticket = Some(ticket);
                Look::Wait
            }
        }
    }

    /// Step b of the giving side. Locks anew for each waiter, so that none is woken under the
    /// lock; who comes in between lines up behind.
    #[cold]
    fn grant(&self) {
        while let Some(waiter) = self.with_queue(|queue| self.grant_next(queue)) {
            waiter.unpark();
        }
    }

    fn grant_next(&self, queue: &mut Queue) -> Option<Waiter> {
        let wanted = *queue.waiting.first_wants()?;
        if self.word.is_closed() || !self.word.take_for_waiter(wanted) {
            return None;
        }
        let (_, waiter) = queue.waiting.pop()?;
        self.clear_waiters_if_empty(queue);
        self.acquired_by(waiter.task());
        Some(waiter)
    }

    /// Takes a waiter out; false if it was given its permits.
    #[must_use]
    fn leave(&self, queue: &mut Queue, ticket: Ticket) -> bool {
        let waited = queue.waiting.leave(ticket);
        self.clear_waiters_if_empty(queue);
        waited
    }

    fn clear_waiters_if_empty(&self, queue: &Queue) {
        if queue.waiting.is_empty() {
            self.word.clear_waiters();
        }
    }

    /// A waiter's wait is over, or it unwinds, or was abandoned with its runtime.
    #[cold]
    fn abandon(&self, ticket: Ticket, permits: usize) {
        if self.with_queue(|queue| self.leave(queue, ticket)) {
            self.grant();
        } else {
            self.release(permits);
        }
    }

    fn with_queue<R>(&self, look: impl FnOnce(&mut Queue) -> R) -> R {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        look(&mut queue)
    }
}

impl Queue {
    const fn new(permits: usize) -> Self {
        Self {
            waiting: WaitQueue::new(),
            total: permits,
        }
    }
}

/// A waiter's place in the queue; dropped with a ticket only where no permits were acquired.
struct Place<'a> {
    semaphore: &'a RawSemaphore,
    permits: usize,
    ticket: Option<Ticket>,
}

impl<'a> Place<'a> {
    fn new(semaphore: &'a RawSemaphore, permits: usize) -> Self {
        Self {
            semaphore,
            permits,
            ticket: None,
        }
    }
}

impl task::place::Place for Place<'_> {
    fn give_up(&self) {
        if let Some(ticket) = self.ticket {
            self.semaphore.abandon(ticket, self.permits);
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

#[cfg(all(test, loom))]
mod model;
