//! The lock of an [`RwLock`](super::RwLock) without its data: a word, and two queues of waiters.
//! Only this folder uses it.
//!
//! # The protocol
//!
//! Phases take turns, as in the phase-fair locks of Brandenburg and Anderson ("Spin-based
//! reader-writer synchronization for multiprocessor real-time systems", 2010):
//!
//! ```text
//!            the last reader leaves: one writer
//!   READERS ────────────────────────────────────▶ WRITER
//!      ▲                                            │  ▲
//!      └────────────────────────────────────────────┘  └─ nobody waits to read: the next writer
//!        the writer leaves: all who wait to read
//! ```
//!
//! While somebody waits, nobody comes in by itself: a writer that waits stops new readers, and the
//! readers that it stopped come before the next writer. So a writer waits for the readers that are
//! in and for one phase at most for each writer before it, and a reader for one writer and the
//! readers before that. Whoever leaves lets others in: it takes the lock for them and then wakes
//! them, so a ticket that is in its queue no more has the lock.
//!
//! Waiting side (`take_or_wait`), with the queues locked:
//! 1. in one step of the word, either take it or set WAITERS;
//! 2. if it was not to be had, line up; unlock the queues; park; look for the ticket.
//!
//! Leaving side (`leave`):
//! a. one step of the word that gives it back and tells whether WAITERS is set: a writer's
//!    compare-exchange fails then, and of readers the last one has left a word that is marked and
//!    that nobody has;
//! b. then lock the queues, change the word for those who come in, clear WAITERS if nobody waits
//!    any more, unlock the queues, unpark.
//!
//! WAITERS says whether the queues are empty and changes only with them locked. If step 1 comes
//! before a, then a sees WAITERS and b finds the waiter, since step 2 is in the same critical
//! section; if a comes first, step 1 takes the free word. Between a and b of the last reader others
//! may line up, leave, or run `let_in` for it; it looks again and may find nothing to do.
//!
//! A waiter that leaves, because its wait is over or it was abandoned, runs b too: behind a
//! writer that gives up, readers may come in at once.
//!
//! Rejected: letting whoever comes first take a free lock, as the mutex does (with a steady stream
//! of readers the lock is never free for a writer, so that one needs this protocol anyway);
//! a mutex for writers beside a counter of readers, as in Go (a writer that gives up would have
//! to take back what it told the readers while they act on it).

use std::sync::PoisonError;

use runtime_abi::Reason;

use super::rwlock_word::{Holders, Leave, RwLockWord, Take};
use super::uninterrupted;
use super::wait_queue::{Popped, Ticket, WaitQueue};
use crate::cancel::{Interrupted, Until, Wait};
use crate::primitive::{
    self,
    atomic::{AtomicU64, Ordering},
};
use crate::task::{self, TaskId, Waiter, place::in_place};

/// How a lock is held or wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Read,
    Write,
}

/// A reader-writer lock that knows a holder.
pub(super) struct RawRwLock {
    word: RwLockWord,
    /// For reports only: written after the word.
    last_reader: AtomicU64,
    queues: primitive::Mutex<Queues>,
}

struct Queues {
    readers: WaitQueue,
    writers: WaitQueue,
}

/// Who was let in, to be woken with the queues unlocked.
#[must_use]
enum LetIn {
    Nobody,
    Writer(Waiter),
    Readers(Popped),
}

impl RawRwLock {
    #[cfg(not(loom))]
    pub(super) const fn new() -> Self {
        Self {
            word: RwLockWord::new(),
            last_reader: AtomicU64::new(TaskId::NONE.as_u64()),
            queues: primitive::Mutex::new(Queues::new()),
        }
    }

    #[cfg(loom)]
    pub(super) fn new() -> Self {
        Self {
            word: RwLockWord::new(),
            last_reader: AtomicU64::new(TaskId::NONE.as_u64()),
            queues: primitive::Mutex::new(Queues::new()),
        }
    }

    /// Takes the lock if it is to be had at once: one compare-and-swap, and for a reader a store.
    #[must_use]
    pub(super) fn try_lock(&self, mode: Mode) -> bool {
        let take = match mode {
            Mode::Read => self.word.read(),
            Mode::Write => self.word.write(task::current_or_none()),
        };
        self.note_taken(mode, take)
    }

    /// Takes the lock, parking until it is to be had.
    pub(super) fn lock(&self, mode: Mode) {
        if !self.try_lock(mode) {
            uninterrupted(self.lock_contended(mode, Until::FOREVER));
        }
    }

    /// Takes the lock, parking until it is to be had or the wait is over.
    pub(super) fn lock_until(&self, mode: Mode, until: Until<'_>) -> Result<(), Interrupted> {
        if self.try_lock(mode) {
            return Ok(());
        }
        self.lock_contended(mode, until)
    }

    /// Gives the lock back. Only for whoever took it, in the same mode. One read-modify-write if
    /// nobody waits.
    pub(super) fn unlock(&self, mode: Mode) {
        let leave = match mode {
            Mode::Read => self.word.leave_read(),
            Mode::Write => self.word.leave_write(),
        };
        if leave == Leave::Contended {
            self.leave_contended(mode);
        }
    }

    /// Makes the writer a reader, and lets in those who wait to read. Only for the writer.
    pub(super) fn downgrade(&self) {
        // Before the word, so that whoever sees readers finds this one.
        self.read_by(task::current_or_none());
        if self.word.downgrade() == Leave::Contended {
            self.with_queues(|queues| self.end_write(queues, 1))
                .unpark();
        }
    }

    /// A task that has the lock; `NONE` if none does, or a foreign thread.
    pub(super) fn holder(&self) -> TaskId {
        self.named(self.word.holders())
    }

    fn named(&self, holders: Holders) -> TaskId {
        match holders {
            Holders::Nobody => TaskId::NONE,
            Holders::Writer(task) => task,
            Holders::Readers => TaskId::from_u64(self.last_reader.load(Ordering::Relaxed)),
        }
    }

    /// What parks name as their resource.
    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    fn read_by(&self, task: TaskId) {
        self.last_reader.store(task.as_u64(), Ordering::Relaxed);
    }

    fn note_taken(&self, mode: Mode, take: Take) -> bool {
        let taken = take == Take::Taken;
        if taken && mode == Mode::Read {
            self.read_by(task::current_or_none());
        }
        taken
    }

    #[cold]
    fn lock_contended(&self, mode: Mode, until: Until<'_>) -> Result<(), Interrupted> {
        let mut wait = Wait::new(until);
        let mut place = Place::new(self, mode);
        while let Take::Held(holders) = self.take_or_wait(&mut place) {
            let owner = self.named(holders);
            in_place(&place, || wait.park(Reason::Rwlock, self.address(), owner))?;
        }
        Ok(())
    }

    /// Steps 1 and 2 of the waiting side.
    fn take_or_wait(&self, place: &mut Place<'_>) -> Take {
        self.with_queues(|queues| match place.ticket {
            Some(ticket) if queues.line(place.mode).holds(ticket) => {
                Take::Held(self.word.holders())
            }
            Some(_) => {
                place.ticket = None;
                Take::Taken
            }
            None => {
                let take = match place.mode {
                    Mode::Read => self.word.read_or_mark(),
                    Mode::Write => self.word.write_or_mark(task::current_or_none()),
                };
                if !self.note_taken(place.mode, take) {
                    place.ticket = Some(queues.line(place.mode).join(task::waiter()));
                }
                take
            }
        })
    }

    /// Step b of the leaving side.
    #[cold]
    fn leave_contended(&self, mode: Mode) {
        let let_in = self.with_queues(|queues| match mode {
            Mode::Read => self.let_in(queues),
            Mode::Write => self.end_write(queues, 0),
        });
        let_in.unpark();
    }

    /// The writer leaves, or stays as one of `staying` readers: those who wait to read come in,
    /// else a writer.
    fn end_write(&self, queues: &mut Queues, staying: usize) -> LetIn {
        let readers = staying + queues.readers.len();
        let let_in = match queues.writers_turn(readers) {
            Some(writer) => {
                self.word.hand_to_writer(writer.task());
                LetIn::Writer(writer)
            }
            None => {
                self.word.hand_to_readers(readers);
                self.all_readers(queues)
            }
        };
        self.clear_waiters_if_empty(queues);
        let_in
    }

    /// Lets in whoever may come in beside those who have the lock, if anybody has.
    fn let_in(&self, queues: &mut Queues) -> LetIn {
        let let_in = match self.word.holders() {
            Holders::Writer(_) => LetIn::Nobody,
            _ if queues.writers.is_empty() => {
                self.word.add_readers(queues.readers.len());
                self.all_readers(queues)
            }
            Holders::Readers => LetIn::Nobody,
            // Marked, or there would be no writer: nobody else changes the word now.
            Holders::Nobody => match queues.writers_turn(0) {
                Some(writer) => {
                    self.word.hand_to_writer(writer.task());
                    LetIn::Writer(writer)
                }
                None => LetIn::Nobody,
            },
        };
        self.clear_waiters_if_empty(queues);
        let_in
    }

    fn all_readers(&self, queues: &mut Queues) -> LetIn {
        let readers = queues.readers.pop_all();
        if let Some(last) = readers.last() {
            self.read_by(last.task());
        }
        LetIn::Readers(readers)
    }

    fn clear_waiters_if_empty(&self, queues: &Queues) {
        if queues.readers.is_empty() && queues.writers.is_empty() {
            self.word.clear_waiters();
        }
    }

    /// A waiter's wait is over, or it unwinds, or was abandoned with its runtime.
    #[cold]
    fn abandon(&self, mode: Mode, ticket: Ticket) {
        let let_in = self.with_queues(|queues| {
            let waited = queues.line(mode).leave(ticket);
            waited.then(|| self.let_in(queues))
        });
        match let_in {
            Some(let_in) => let_in.unpark(),
            None => self.unlock(mode),
        }
    }

    fn with_queues<R>(&self, look: impl FnOnce(&mut Queues) -> R) -> R {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        look(&mut queues)
    }
}

impl Queues {
    const fn new() -> Self {
        Self {
            readers: WaitQueue::new(),
            writers: WaitQueue::new(),
        }
    }

    fn line(&mut self, mode: Mode) -> &mut WaitQueue {
        match mode {
            Mode::Read => &mut self.readers,
            Mode::Write => &mut self.writers,
        }
    }

    /// The writer that waits longest, unless readers come first.
    fn writers_turn(&mut self, readers: usize) -> Option<Waiter> {
        if readers > 0 {
            return None;
        }
        self.writers.pop().map(|(_, waiter)| waiter)
    }
}

impl LetIn {
    fn unpark(self) {
        match self {
            Self::Nobody => {}
            Self::Writer(waiter) => {
                waiter.unpark();
            }
            Self::Readers(readers) => readers.unpark(),
        }
    }
}

/// A waiter's place in its queue; dropped with a ticket only where the lock was not taken.
struct Place<'a> {
    lock: &'a RawRwLock,
    mode: Mode,
    ticket: Option<Ticket>,
}

impl<'a> Place<'a> {
    fn new(lock: &'a RawRwLock, mode: Mode) -> Self {
        Self {
            lock,
            mode,
            ticket: None,
        }
    }
}

impl task::place::Place for Place<'_> {
    fn holder(&self) -> Option<task::place::Holder> {
        let holders = self.lock.word.holders();
        Some(task::place::Holder {
            task: self.lock.named(holders),
            is_only: matches!(holders, Holders::Writer(_)),
        })
    }

    fn give_up(&self) {
        if let Some(ticket) = self.ticket {
            self.lock.abandon(self.mode, ticket);
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
