//! The word of a [`RawSemaphore`](super::raw_semaphore::RawSemaphore): how many permits are free,
//! whether somebody waits, and whether it is closed.
//!
//! ```text
//!  63                              2       1        0
//! ┌─────────────────────────────────┬────────┬────────┐
//! │ free permits                    │ CLOSED │ WAITERS│
//! └─────────────────────────────────┴────────┴────────┘
//! ```
//!
//! WAITERS changes only under the lock of the queue that it speaks of. While it is set, permits
//! are taken under that lock only, so there the free ones can but become more. CLOSED stays.

use crate::primitive::atomic::{AtomicU64, Ordering};

const WAITERS: u64 = 1;
const CLOSED: u64 = 1 << 1;
const ONE: u64 = 1 << 2;

/// The most permits that a semaphore can have: what is free and what is acquired.
pub(super) const MAX_PERMITS: usize = (1 << 60) - 1;

/// Free permits and flags of a semaphore in one word.
pub(super) struct SemaphoreWord(AtomicU64);

/// What became of an attempt to take permits.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Take {
    Taken,
    /// Too few are free, or others wait for them.
    Short,
    Closed,
}

impl SemaphoreWord {
    #[cfg(not(loom))]
    pub(super) const fn new(permits: usize) -> Self {
        Self(AtomicU64::new(weight(permits)))
    }

    #[cfg(loom)]
    pub(super) fn new(permits: usize) -> Self {
        Self(AtomicU64::new(weight(permits)))
    }

    pub(super) fn free(&self) -> usize {
        free(self.0.load(Ordering::Relaxed))
    }

    pub(super) fn is_closed(&self) -> bool {
        self.0.load(Ordering::Relaxed) & CLOSED != 0
    }

    /// Takes permits past nobody: nothing is taken while somebody waits.
    pub(super) fn take(&self, permits: usize) -> Take {
        self.take_or(permits, |_| None)
    }

    /// As [`take`](Self::take), but a word that is short is left with WAITERS set. With the queue
    /// locked.
    pub(super) fn take_or_mark(&self, permits: usize) -> Take {
        // The mark is a compare-exchange: permits that come back in between are seen.
        self.take_or(permits, |word| Some(word | WAITERS))
    }

    fn take_or(&self, permits: usize, when_short: impl Fn(u64) -> Option<u64>) -> Take {
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            let (next, take) = match look(word, permits) {
                Take::Taken => (Some(word - weight(permits)), Take::Taken),
                Take::Short => (when_short(word), Take::Short),
                Take::Closed => (None, Take::Closed),
            };
            let Some(next) = next else { return take };
            // Acquire: pairs with the release in `give`.
            let swap = (Ordering::Acquire, Ordering::Relaxed);
            match self.0.compare_exchange_weak(word, next, swap.0, swap.1) {
                Ok(_) => return take,
                Err(now) => word = now,
            }
        }
    }

    /// Takes permits for one who waits, if as many are free. With the queue locked and WAITERS set.
    #[must_use]
    pub(super) fn take_for_waiter(&self, permits: usize) -> bool {
        let enough = self.free() >= permits;
        if enough {
            // Acquire: pairs with the release in `give`; the queue's lock passes it on.
            self.0.fetch_sub(weight(permits), Ordering::Acquire);
        }
        enough
    }

    /// Gives permits back; whether somebody waits.
    #[must_use]
    pub(super) fn give(&self, permits: usize) -> bool {
        // Release: pairs with the acquire in `take`.
        self.0.fetch_add(weight(permits), Ordering::Release) & WAITERS != 0
    }

    /// Takes free permits away, at most so many; how many. Also past those who wait.
    pub(super) fn remove(&self, permits: usize) -> usize {
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            let removed = free(word).min(permits);
            let next = word - weight(removed);
            let swap = (Ordering::Acquire, Ordering::Relaxed);
            match self.0.compare_exchange_weak(word, next, swap.0, swap.1) {
                Ok(_) => return removed,
                Err(now) => word = now,
            }
        }
    }

    pub(super) fn close(&self) {
        // Relaxed: it carries nothing but itself; who waits looks with the queue locked.
        self.0.fetch_or(CLOSED, Ordering::Relaxed);
    }

    /// Says that nobody waits. With the queue locked.
    pub(super) fn clear_waiters(&self) {
        self.0.fetch_and(!WAITERS, Ordering::Relaxed);
    }
}

fn look(word: u64, permits: usize) -> Take {
    let past_others = word & WAITERS != 0 && permits > 0;
    if word & CLOSED != 0 {
        Take::Closed
    } else if past_others || free(word) < permits {
        Take::Short
    } else {
        Take::Taken
    }
}

const fn free(word: u64) -> usize {
    (word / ONE) as usize
}

const fn weight(permits: usize) -> u64 {
    permits as u64 * ONE
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn gives_what_is_free_and_no_more() {
        let word = SemaphoreWord::new(3);
        assert_eq!(word.take(2), Take::Taken);
        assert_eq!(word.take(2), Take::Short);
        assert_eq!(word.take(0), Take::Taken);
        assert!(!word.give(1));
        assert_eq!(word.take(2), Take::Taken);
        assert_eq!(word.free(), 0);
    }

    #[test]
    fn nobody_overtakes_a_marked_word_but_who_wants_nothing() {
        let word = SemaphoreWord::new(3);
        assert_eq!(word.take_or_mark(4), Take::Short);
        assert_eq!(word.take(1), Take::Short);
        assert_eq!(word.take(0), Take::Taken);
        assert!(!word.take_for_waiter(4));
        assert!(word.give(1), "somebody waits");
        assert!(word.take_for_waiter(4));
        word.clear_waiters();
        assert!(!word.give(4));
        assert_eq!(word.free(), 4);
    }

    #[test]
    fn a_closed_word_gives_nothing_but_takes_back() {
        let word = SemaphoreWord::new(3);
        assert_eq!(word.take(1), Take::Taken);
        word.close();
        assert_eq!(word.take(0), Take::Closed);
        assert_eq!(word.take_or_mark(9), Take::Closed);
        assert!(!word.give(1));
        assert_eq!(word.remove(9), 3);
    }
}
