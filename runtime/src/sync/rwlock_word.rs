//! The word of a [`RawRwLock`](super::raw_rwlock::RawRwLock): who writes, or how many read, and
//! whether somebody waits. One atomic, so that whoever sees a writer sees which.
//!
//! ```text
//!  63            32 31       30       29            0
//! ┌────────────────┬────────┬────────┬───────────────┐
//! │ generation     │ WRITER │ WAITERS│ slot          │   with WRITER: its task id around two bits
//! ├────────────────┼────────┼────────┼───────────────┤
//! │ readers        │ 0      │ WAITERS│ 0             │   else
//! └────────────────┴────────┴────────┴───────────────┘
//! ```
//!
//! A foreign thread that writes leaves the id 0. WAITERS changes only under the lock of the queue
//! that it speaks of; while it is set, readers only leave by themselves, and come and write only by
//! being let in under that lock.

use crate::primitive::atomic::{AtomicU64, Ordering};
use crate::task::TaskId;

const WRITER: u64 = 1 << 31;
const WAITERS: u64 = 1 << 30;
const READER: u64 = 1 << 32;
const MAX_READERS: u64 = u32::MAX as u64;

/// Writer, readers and flags of a reader-writer lock in one word.
pub(super) struct RwLockWord(AtomicU64);

/// What a word says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holders {
    /// Nobody has the lock; if somebody waits, whoever left last is about to let them in.
    Nobody,
    Writer(TaskId),
    Readers,
}

/// What became of an attempt to take the word.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Take {
    Taken,
    Held(Holders),
}

/// What became of an attempt to give the word back.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leave {
    Done,
    /// Somebody waits: the caller lets in whoever may come, with the queue locked.
    Contended,
}

impl RwLockWord {
    #[cfg(not(loom))]
    pub(super) const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    #[cfg(loom)]
    pub(super) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Who has the lock.
    pub(super) fn holders(&self) -> Holders {
        // Acquire: pairs with the releases of those who left; for `let_in`.
        holders(self.0.load(Ordering::Acquire))
    }

    /// One more reader, past nobody: a writer that waits stops new readers.
    pub(super) fn read(&self) -> Take {
        self.take(one_more_reader, |_| None)
    }

    /// As [`read`](Self::read), but a word that is not taken is left with WAITERS set. With the
    /// queue locked.
    pub(super) fn read_or_mark(&self) -> Take {
        self.take(one_more_reader, |word| Some(word | WAITERS))
    }

    /// Free → written by `task`.
    pub(super) fn write(&self, task: TaskId) -> Take {
        self.take(|word| (word == 0).then(|| written_by(task)), |_| None)
    }

    /// As [`write`](Self::write), but a word that is not taken is left with WAITERS set. With the
    /// queue locked.
    pub(super) fn write_or_mark(&self, task: TaskId) -> Take {
        self.take(
            |word| (word == 0).then(|| written_by(task)),
            |word| Some(word | WAITERS),
        )
    }

    fn take(
        &self,
        taken: impl Fn(u64) -> Option<u64>,
        otherwise: impl Fn(u64) -> Option<u64>,
    ) -> Take {
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            let (next, take) = match taken(word) {
                Some(next) => (next, Take::Taken),
                None => match otherwise(word) {
                    Some(next) => (next, Take::Held(holders(word))),
                    None => return Take::Held(holders(word)),
                },
            };
            // Acquire: pairs with the releases of those who left.
            let swap = (Ordering::Acquire, Ordering::Relaxed);
            match self.0.compare_exchange_weak(word, next, swap.0, swap.1) {
                Ok(_) => return take,
                Err(now) => word = now,
            }
        }
    }

    /// One reader less.
    pub(super) fn leave_read(&self) -> Leave {
        // Release: pairs with the acquire of whoever writes next.
        let before = self.0.fetch_sub(READER, Ordering::Release);
        if before & WAITERS != 0 && before / READER == 1 {
            Leave::Contended
        } else {
            Leave::Done
        }
    }

    /// Written → free, if nobody waits. Only for the writer.
    pub(super) fn leave_write(&self) -> Leave {
        self.end_write(0)
    }

    /// Written → read by the writer alone, if nobody waits. Only for the writer.
    pub(super) fn downgrade(&self) -> Leave {
        self.end_write(READER)
    }

    fn end_write(&self, next: u64) -> Leave {
        let word = self.0.load(Ordering::Relaxed);
        if word & WAITERS != 0 {
            return Leave::Contended;
        }
        // Release: pairs with the acquire in `take`.
        let swap = (Ordering::Release, Ordering::Relaxed);
        match self.0.compare_exchange(word, next, swap.0, swap.1) {
            Ok(_) => Leave::Done,
            Err(_) => Leave::Contended,
        }
    }

    /// Ends a write while somebody waits: `readers` have the lock now. Only for the writer, with
    /// the queue locked.
    pub(super) fn hand_to_readers(&self, readers: usize) {
        // Nobody else changes a written word that is marked. Release: as in `end_write`.
        let readers = readers as u64 * READER;
        self.0.store(readers | WAITERS, Ordering::Release);
    }

    /// Ends a write while somebody waits, or gives a marked free word: `task` writes now. With
    /// the queue locked.
    pub(super) fn hand_to_writer(&self, task: TaskId) {
        // As above; of a marked word without readers too.
        self.0.store(written_by(task) | WAITERS, Ordering::Release);
    }

    /// So many more readers, of a word that is not written. With the queue locked.
    pub(super) fn add_readers(&self, readers: usize) {
        self.0.fetch_add(readers as u64 * READER, Ordering::Relaxed);
    }

    /// Says that nobody waits. With the queue locked.
    pub(super) fn clear_waiters(&self) {
        self.0.fetch_and(!WAITERS, Ordering::Relaxed);
    }
}

fn one_more_reader(word: u64) -> Option<u64> {
    if word & (WRITER | WAITERS) != 0 {
        return None;
    }
    assert!(
        word / READER < MAX_READERS,
        "more readers than can be counted"
    );
    Some(word + READER)
}

fn holders(word: u64) -> Holders {
    if word & WRITER != 0 {
        Holders::Writer(TaskId::from_u64(word & !(WRITER | WAITERS)))
    } else if word / READER > 0 {
        Holders::Readers
    } else {
        Holders::Nobody
    }
}

const fn written_by(task: TaskId) -> u64 {
    let id = task.as_u64();
    assert!(id & (WRITER | WAITERS) == 0, "task slots stay below 2^30");
    id | WRITER
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const TASK: TaskId = TaskId::from_u64(0x7_0000_0009);

    #[test]
    fn a_written_word_names_its_writer() {
        let word = RwLockWord::new();
        assert_eq!(word.write(TASK), Take::Taken);
        assert_eq!(word.read(), Take::Held(Holders::Writer(TASK)));
        assert_eq!(word.leave_write(), Leave::Done);
        assert_eq!(word.holders(), Holders::Nobody);
    }

    #[test]
    fn a_word_that_is_read_lets_readers_in_and_no_writer() {
        let word = RwLockWord::new();
        assert_eq!(word.read(), Take::Taken);
        assert_eq!(word.read(), Take::Taken);
        assert_eq!(word.write(TASK), Take::Held(Holders::Readers));
        assert_eq!(word.leave_read(), Leave::Done);
        assert_eq!(word.leave_read(), Leave::Done);
        assert_eq!(word.write(TaskId::NONE), Take::Taken);
        assert_eq!(word.holders(), Holders::Writer(TaskId::NONE));
    }

    #[test]
    fn a_marked_word_lets_nobody_in_and_sends_the_last_reader_to_the_queue() {
        let word = RwLockWord::new();
        assert_eq!(word.read(), Take::Taken);
        assert_eq!(word.read(), Take::Taken);
        assert_eq!(word.write_or_mark(TASK), Take::Held(Holders::Readers));
        assert_eq!(word.read(), Take::Held(Holders::Readers));
        assert_eq!(word.leave_read(), Leave::Done);
        assert_eq!(word.leave_read(), Leave::Contended);
        assert_eq!(word.read(), Take::Held(Holders::Nobody));
        assert_eq!(word.write(TASK), Take::Held(Holders::Nobody));
        word.hand_to_writer(TASK);
        word.clear_waiters();
        assert_eq!(word.downgrade(), Leave::Done);
        assert_eq!(word.holders(), Holders::Readers);
        assert_eq!(word.leave_read(), Leave::Done);
        assert_eq!(word.holders(), Holders::Nobody);
    }
}
