//! The lock of a [`Mutex`](super::Mutex) without its data: a word that names its holder, and
//! a queue of waiters. Only this folder uses it.
//!
//! # The protocol
//!
//! ```text
//!            lock: 1 CAS                         somebody waits
//!   FREE ───────────────────▶ LOCKED ─────────────────────────────▶ LOCKED|WAITERS
//!    ▲    unlock: 1 CAS          │                                        │
//!    └──────────────────────────┘         unlock: clear LOCKED, wake one │
//!   WAITERS (free, somebody waits; anyone may take it) ◀──────────────────┤
//!                                          or, asked to, hand over LOCKED ┘
//! ```
//!
//! Whoever comes first takes a free mutex, also past those who wait (*barging*): a running
//! task need not wait for a switch to one that sleeps. A waiter that was woken, found the
//! mutex taken again, and has waited for [`PATIENCE`] asks for *hand-off*: from then on
//! `unlock` keeps the word locked and gives it to whoever waits longest, until nobody waits
//! or one that got it has waited for less than that. This is how Go's `sync.Mutex` bounds
//! the wait (`starvationThresholdNs`, one millisecond too).
//!
//! Waiting side (`acquire_or_wait`), with the queue locked:
//! 1. in one step of the word, either take it or set WAITERS on a locked one;
//! 2. if it was locked, line up; unlock the queue; park.
//!
//! Waking side (`unlock`):
//! a. one CAS from exactly LOCKED to FREE; it fails if WAITERS is set;
//! b. then lock the queue, pop a waiter, clear LOCKED (or hand it over), unlock the queue,
//!    unpark.
//!
//! WAITERS says whether the queue is empty and changes only with the queue locked. If step 1
//! comes before a, the CAS fails and b finds the waiter, since step 2 is in the same
//! critical section; if a comes first, step 1 takes the free word. While a woken waiter is
//! on its way (`waking`) no second one is woken; it clears that flag when it arrives, and
//! its own unlock, or that of whoever was quicker, wakes the next.
//!
//! The data's ordering: acquire by the taking CAS, with the release of the freeing one; for
//! a hand-off, by the queue's lock.

use std::time::Duration;

use runtime_abi::Reason;

use super::mutex_word::{Free, MutexWord, Take};
use super::uninterrupted;
use super::wait_queue::{Ticket, WaitQueue};
use crate::cancel::{Interrupted, Until, Wait};
use crate::primitive;
use crate::task::{self, TaskId, Waiter, place::in_place};
#[cfg(not(loom))]
use crate::time::Instant;

/// How long a waiter lets others past before it asks for hand-off.
const PATIENCE: Duration = Duration::from_millis(1);

/// A lock that knows its holder.
pub(super) struct RawMutex {
    word: MutexWord,
    queue: primitive::Mutex<Queue>,
}

struct Queue {
    waiting: WaitQueue,
    /// Whom `unlock` gave the lock, until that one notices.
    granted: Option<Ticket>,
    /// A waiter was popped without getting the lock and has not arrived yet.
    waking: bool,
    /// A waiter has run out of patience.
    hand_off: bool,
}

impl RawMutex {
    #[cfg(not(loom))]
    pub(super) const fn new() -> Self {
        Self {
            word: MutexWord::new(),
            queue: primitive::Mutex::new(Queue::new()),
        }
    }

    #[cfg(loom)]
    pub(super) fn new() -> Self {
        Self {
            word: MutexWord::new(),
            queue: primitive::Mutex::new(Queue::new()),
        }
    }

    /// Takes the lock, parking while another has it.
    pub(super) fn lock(&self) {
        if !self.try_lock() {
            uninterrupted(self.lock_contended(Until::FOREVER));
        }
    }

    /// Takes the lock, parking while another has it and the wait is not over.
    pub(super) fn lock_until(&self, until: Until<'_>) -> Result<(), Interrupted> {
        if self.try_lock() {
            return Ok(());
        }
        self.lock_contended(until)
    }

    /// Takes the lock if nobody has it.
    #[must_use]
    pub(super) fn try_lock(&self) -> bool {
        matches!(self.word.take(current_task()), Take::Taken)
    }

    /// Gives the lock back. Only for whoever took it.
    pub(super) fn unlock(&self) {
        if let Free::Contended = self.word.try_free() {
            self.unlock_contended();
        }
    }

    /// The task that holds the lock; `NONE` if none does, or a foreign thread.
    pub(super) fn holder(&self) -> TaskId {
        self.word.holder()
    }

    /// What parks name as their resource.
    pub(super) fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    #[cold]
    fn lock_contended(&self, until: Until<'_>) -> Result<(), Interrupted> {
        let mut wait = Wait::new(until);
        let mut place = Place {
            mutex: self,
            ticket: None,
            patience: Patience::new(),
        };
        loop {
            match self.acquire_or_wait(&mut place) {
                Take::Taken => return Ok(()),
                Take::HeldBy(holder) => {
                    in_place(&place, || wait.park(Reason::Mutex, self.address(), holder))?;
                }
            }
        }
    }

    /// Steps 1 and 2 of the waiting side.
    fn acquire_or_wait(&self, place: &mut Place<'_>) -> Take {
        self.with_queue(|queue| {
            let woken = place
                .ticket
                .is_some_and(|ticket| !queue.waiting.holds(ticket));
            if woken && queue.granted == place.ticket {
                queue.granted = None;
                queue.hand_off = !queue.waiting.is_empty() && place.patience.is_over();
                place.ticket = None;
                return Take::Taken;
            }
            if woken {
                queue.waking = false;
            }
            match self.word.take_or_mark(current_task()) {
                Take::Taken => self.leave(queue, place),
                Take::HeldBy(holder) => {
                    line_up(queue, place, woken);
                    return Take::HeldBy(holder);
                }
            }
            Take::Taken
        })
    }

    fn leave(&self, queue: &mut Queue, place: &mut Place<'_>) {
        if let Some(ticket) = place.ticket.take() {
            // False if it was popped, which is as good.
            let _ = queue.waiting.leave(ticket);
        }
        self.clear_waiters_if_empty(queue);
    }

    fn clear_waiters_if_empty(&self, queue: &Queue) {
        if queue.waiting.is_empty() {
            self.word.clear_waiters();
        }
    }

    /// Step b of the waking side.
    #[cold]
    fn unlock_contended(&self) {
        let woken = self.with_queue(|queue| match self.grant(queue) {
            Some(granted) => Some(granted),
            None => {
                let woken = self.wake_next(queue);
                self.word.free();
                woken
            }
        });
        if let Some(waiter) = woken {
            waiter.unpark();
        }
    }

    /// If somebody asked for hand-off: leaves the word locked, for whoever waits longest.
    fn grant(&self, queue: &mut Queue) -> Option<Waiter> {
        if !queue.hand_off {
            return None;
        }
        let (ticket, waiter) = queue.waiting.pop()?;
        queue.granted = Some(ticket);
        self.clear_waiters_if_empty(queue);
        self.word.hand_over(waiter.task());
        Some(waiter)
    }

    /// Pops whoever waits longest, unless one is on its way.
    fn wake_next(&self, queue: &mut Queue) -> Option<Waiter> {
        if queue.waking {
            return None;
        }
        let (_, waiter) = queue.waiting.pop()?;
        queue.waking = true;
        self.clear_waiters_if_empty(queue);
        Some(waiter)
    }

    /// A waiter's wait is over, or it unwinds, or was abandoned with its runtime: what it was
    /// woken for goes to the next.
    #[cold]
    fn abandon(&self, ticket: Ticket) {
        let (granted, woken) = self.with_queue(|queue| {
            if queue.granted == Some(ticket) {
                queue.granted = None;
                return (true, None);
            }
            if queue.waiting.leave(ticket) {
                self.clear_waiters_if_empty(queue);
                return (false, None);
            }
            queue.waking = false;
            (
                false,
                if self.word.is_locked() {
                    None
                } else {
                    self.wake_next(queue)
                },
            )
        });
        if granted {
            self.unlock();
        }
        if let Some(waiter) = woken {
            waiter.unpark();
        }
    }

    fn with_queue<R>(&self, look: impl FnOnce(&mut Queue) -> R) -> R {
        let mut queue = self
            .queue
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        look(&mut queue)
    }
}

fn line_up(queue: &mut Queue, place: &mut Place<'_>, woken: bool) {
    match place.ticket {
        None => place.ticket = Some(queue.waiting.join(task::waiter())),
        Some(ticket) if woken => {
            queue.waiting.rejoin(ticket, task::waiter());
            queue.hand_off |= place.patience.is_over();
        }
        Some(_) => {}
    }
}

impl Queue {
    const fn new() -> Self {
        Self {
            waiting: WaitQueue::new(),
            granted: None,
            waking: false,
            hand_off: false,
        }
    }
}

/// A waiter's place in the queue; dropped with a ticket only where the lock was not taken.
struct Place<'a> {
    mutex: &'a RawMutex,
    ticket: Option<Ticket>,
    patience: Patience,
}

impl task::place::Place for Place<'_> {
    fn holder(&self) -> Option<task::place::Holder> {
        Some(task::place::Holder {
            task: self.mutex.holder(),
            is_only: true,
        })
    }

    fn give_up(&self) {
        if let Some(ticket) = self.ticket {
            self.mutex.abandon(ticket);
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        task::place::Place::give_up(self);
    }
}

/// Since when a waiter waits. A model has no clock: there, patience ends at the first look.
struct Patience {
    #[cfg(not(loom))]
    since: Instant,
}

impl Patience {
    fn new() -> Self {
        Self {
            #[cfg(not(loom))]
            since: Instant::now(),
        }
    }

    fn is_over(&self) -> bool {
        #[cfg(not(loom))]
        return self.since.elapsed() > PATIENCE;
        #[cfg(loom)]
        return !PATIENCE.is_zero();
    }
}

fn current_task() -> TaskId {
    task::current().unwrap_or(TaskId::NONE)
}

#[cfg(all(test, not(loom)))]
mod tests;

#[cfg(all(test, loom))]
mod model;
