//! The word of a [`RawMutex`](super::raw_mutex::RawMutex): whether it is locked, by which
//! task, and whether somebody waits. One atomic, so that whoever sees it locked sees by whom.
//!
//! ```text
//!  63            32 31       30       29            0
//! ┌────────────────┬────────┬────────┬───────────────┐
//! │ generation     │ LOCKED │ WAITERS│ slot          │   the holder's task id around two bits
//! └────────────────┴────────┴────────┴───────────────┘
//! ```
//!
//! A foreign thread that holds the lock leaves the id 0. LOCKED and the id change together.
//! WAITERS changes only under the lock of the queue that it speaks of.
//!
//! Budget where nobody else wants the lock: a read-modify-write to take it, one to give it back; no
//! fence, no clock (`budgets.rs`).

use crate::primitive::atomic::{AtomicU64, Ordering};
use crate::task::TaskId;

const LOCKED: u64 = 1 << 31;
const WAITERS: u64 = 1 << 30;

/// Holder and flags of a mutex in one word.
pub(super) struct MutexWord(AtomicU64);

/// What became of an attempt to take the word.
#[must_use]
pub(super) enum Take {
    Taken,
    HeldBy(TaskId),
}

/// What became of an attempt to free the word.
#[must_use]
pub(super) enum Free {
    Freed,
    /// Somebody waits, and the word is still locked.
    Contended,
}

impl MutexWord {
    #[cfg(not(loom))]
    pub(super) const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    #[cfg(loom)]
    pub(super) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Who holds it; `NONE` also for a foreign thread.
    pub(super) fn holder(&self) -> TaskId {
        holder(self.0.load(Ordering::Relaxed))
    }

    /// Whether anybody holds it.
    pub(super) fn is_locked(&self) -> bool {
        self.0.load(Ordering::Relaxed) & LOCKED != 0
    }

    /// Free → locked by `task`, whether or not somebody waits.
    pub(super) fn take(&self, task: TaskId) -> Take {
        let mut word = self.0.load(Ordering::Relaxed);
        while word & LOCKED == 0 {
            let taken = locked_by(task) | word & WAITERS;
            // Acquire: pairs with the release in `try_free` and `free`.
            let swap = (Ordering::Acquire, Ordering::Relaxed);
            match self.0.compare_exchange_weak(word, taken, swap.0, swap.1) {
                Ok(_) => return Take::Taken,
                Err(now) => word = now,
            }
        }
        Take::HeldBy(holder(word))
    }

    /// As [`take`](Self::take), but a locked word is left with WAITERS set. With the queue
    /// locked.
    pub(super) fn take_or_mark(&self, task: TaskId) -> Take {
        loop {
            let Take::HeldBy(_) = self.take(task) else {
                return Take::Taken;
            };
            // Relaxed: `try_free` must not miss the mark, and both are read-modify-writes of
            // one word.
            let word = self.0.fetch_or(WAITERS, Ordering::Relaxed);
            if word & LOCKED != 0 {
                return Take::HeldBy(holder(word));
            }
        }
    }

    /// Locked → free, if nobody waits. Only for the holder.
    pub(super) fn try_free(&self) -> Free {
        let word = self.0.load(Ordering::Relaxed);
        if word & WAITERS != 0 {
            return Free::Contended;
        }
        // Release: pairs with the acquire in `take`.
        match self
            .0
            .compare_exchange(word, 0, Ordering::Release, Ordering::Relaxed)
        {
            Ok(_) => Free::Freed,
            Err(_) => Free::Contended,
        }
    }

    /// Locked → free; WAITERS stays as it is. Only for the holder.
    pub(super) fn free(&self) {
        // Release: pairs with the acquire in `take`.
        self.0.fetch_and(WAITERS, Ordering::Release);
    }

    /// Locked → locked by `task`. Only for the holder, with the queue locked, whose lock
    /// also orders the data.
    pub(super) fn hand_over(&self, task: TaskId) {
        let waiters = self.0.load(Ordering::Relaxed) & WAITERS;
        self.0.store(locked_by(task) | waiters, Ordering::Relaxed);
    }

    /// Says that nobody waits. With the queue locked.
    pub(super) fn clear_waiters(&self) {
        self.0.fetch_and(!WAITERS, Ordering::Relaxed);
    }
}

const fn locked_by(task: TaskId) -> u64 {
    let id = task.as_u64();
    assert!(id & (LOCKED | WAITERS) == 0, "task slots stay below 2^30");
    id | LOCKED
}

const fn holder(word: u64) -> TaskId {
    TaskId::from_u64(word & !(LOCKED | WAITERS))
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const TASK: TaskId = TaskId::from_u64(0x7_0000_0009);

    #[test]
    fn a_taken_word_names_its_holder_until_it_is_freed() {
        let word = MutexWord::new();
        assert!(matches!(word.take(TASK), Take::Taken));
        assert!(matches!(word.take(TaskId::NONE), Take::HeldBy(TASK)));
        assert!(matches!(word.try_free(), Free::Freed));
        assert!(!word.is_locked() && word.holder() == TaskId::NONE);
    }

    #[test]
    fn a_foreign_holder_is_locked_without_a_name() {
        let word = MutexWord::new();
        assert!(matches!(word.take(TaskId::NONE), Take::Taken));
        assert!(word.is_locked() && word.holder() == TaskId::NONE);
    }

    #[test]
    fn a_marked_word_is_not_freed_without_looking_at_the_queue() {
        let word = MutexWord::new();
        assert!(matches!(word.take(TASK), Take::Taken));
        assert!(matches!(
            word.take_or_mark(TaskId::NONE),
            Take::HeldBy(TASK)
        ));
        assert!(matches!(word.try_free(), Free::Contended));
        word.free();
        assert!(!word.is_locked());
        assert!(
            matches!(word.take(TASK), Take::Taken),
            "anyone may take a marked free word"
        );
        assert!(
            matches!(word.try_free(), Free::Contended),
            "the mark outlives the holder"
        );
        word.clear_waiters();
        assert!(matches!(word.try_free(), Free::Freed));
    }

    #[test]
    fn handing_over_changes_the_holder_and_keeps_the_mark() {
        let word = MutexWord::new();
        assert!(matches!(word.take(TaskId::NONE), Take::Taken));
        assert!(matches!(
            word.take_or_mark(TASK),
            Take::HeldBy(TaskId::NONE)
        ));
        word.hand_over(TASK);
        assert_eq!(word.holder(), TASK);
        assert!(matches!(word.try_free(), Free::Contended));
    }
}
