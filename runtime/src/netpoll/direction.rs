//! One direction of a descriptor, reading or writing: its park word, and what lies beside it.
//!
//! Used by sockets (`registration.rs`), and by whoever polls (`poller.rs`). It makes no system
//! call and parks nobody.

use std::sync::PoisonError;

use crate::netpoll::word::{Look, Noted, ParkWord, Waiting};
use crate::primitive::{
    Mutex, MutexGuard,
    atomic::{AtomicU64, Ordering},
};

/// The word, and the list of those who came when somebody waited already.
///
/// Whoever is in the list is woken with the one in the word, by the same event: an event may
/// stand for any number of connections or datagrams, and nobody knows who will take them.
#[derive(Debug)]
pub(crate) struct Direction {
    word: ParkWord,
    crowd: Mutex<Vec<u32>>,
    /// The tick under which a call found less than it asked for.
    drained: AtomicU64,
}

/// A task's look at a direction, before its system call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen(Look);

/// A task's place among those who wait.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub(crate) struct Stay {
    seen: Seen,
    slot: u32,
    is_in_crowd: bool,
}

const NEVER: u64 = u64::MAX;

impl Direction {
    pub(super) fn new() -> Self {
        Self {
            word: ParkWord::new(),
            crowd: Mutex::new(Vec::new()),
            drained: AtomicU64::new(NEVER),
        }
    }

    /// What a task remembers before its system call.
    #[inline]
    pub(crate) fn look(&self) -> Seen {
        Seen(self.word.look())
    }

    /// Whether a system call would block, as a call under the same tick took all that there was
    /// and no event came since. Not where something has ended or is urgent: that is no event a
    /// second time.
    #[inline]
    pub(crate) fn is_drained(&self, seen: Seen) -> bool {
        // Relaxed: a task sees what it has written itself; what others write is their own look.
        !seen.0.is_ended() && self.drained.load(Ordering::Relaxed) == seen.0.tick()
    }

    /// A call that a task made after this look took all that there was.
    #[inline]
    pub(crate) fn note_drained(&self, seen: Seen) {
        self.drained.store(seen.0.tick(), Ordering::Relaxed);
    }

    /// The task in this slot waits for the next event; `None` if one came since the look. It is
    /// to `leave` when it waits no more.
    pub(crate) fn enter(&self, seen: Seen, slot: u32) -> Option<Stay> {
        let (waiting, is_in_crowd) = match self.word.wait(seen.0, slot) {
            Waiting::Occupied => (self.join_crowd(seen, slot), true),
            waiting => (waiting, false),
        };
        let stay = Stay {
            seen,
            slot,
            is_in_crowd,
        };
        (waiting == Waiting::Waits).then_some(stay)
    }

    /// The task waits no more. Those with whom it waited still do.
    pub(crate) fn leave(&self, stay: Stay) {
        if stay.is_in_crowd {
            self.lock().retain(|slot| *slot != stay.slot);
        } else {
            self.word.leave(stay.seen.0, stay.slot);
        }
    }

    /// An event: hands those who wait to `wake`.
    pub(crate) fn note(&self, ends: bool, mut wake: impl FnMut(u32)) {
        let Noted { waiter, is_crowd } = self.word.note(ends);
        waiter.into_iter().for_each(&mut wake);
        if is_crowd {
            let crowd = std::mem::take(&mut *self.lock());
            crowd.into_iter().for_each(wake);
        }
    }

    /// The place's next descriptor begins.
    pub(super) fn begin_again(&self) {
        self.word.begin_again();
        self.drained.store(NEVER, Ordering::Relaxed);
    }

    fn join_crowd(&self, seen: Seen, slot: u32) -> Waiting {
        // Held from before the mark until the task is in the list: who sees the mark waits for it.
        let mut crowd = self.lock();
        let waiting = self.word.crowd(seen.0);
        if waiting == Waiting::Waits {
            crowd.push(slot);
        }
        waiting
    }

    fn lock(&self) -> MutexGuard<'_, Vec<u32>> {
        self.crowd.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
