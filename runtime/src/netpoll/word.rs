//! The park word of one direction of a descriptor: whether anything happened since a task looked,
//! and which task waits for it. Changed by the named transitions below only.
//!
//! ```text
//!      63 … 34       33        32       31 … 0
//!   ┌───────────┬─────────┬─────────┬───────────┐
//!   │   tick    │  ended  │  crowd  │  waiter   │   waiter: a task's slot + 1, 0: none
//!   └───────────┴─────────┴─────────┴───────────┘
//!
//!              (1) wait, by the task
//!    nobody ───────────────────────────▶ one waits ──┐ (3) crowd: others, too
//!     │  ▲                                │  │   ▲   │
//!     │  └────────────────────────────────┘  │   └───┘
//!     │         (2) leave, by the task       │
//!     └───────────────┬──────────────────────┘
//!                     ▼ (4) note, by who polls
//!          nobody, under the next tick
//! ```
//!
//! | a task that waits | who has an event of the descriptor |
//! |---|---|
//! | a. looks: reads the tick, acquire | A. has learned from the kernel that the descriptor is ready |
//! | b. makes its system call, which would block | B. notes: the next tick, and takes who waits |
//! | c. waits: names itself, if the tick is still the one of a | C. unparks who was taken |
//! | d. parks; afterwards begins again at a | |
//!
//! **No wake-up is lost.** Readiness that comes after b is an event, whose B is before c or after
//! it in the order of the word. Before: c fails, and the task makes its call again. After: B takes
//! the task, and the token of C makes d return, whether it has begun or not. That the event wakes
//! in vain, because b saw already what it is about, costs one call.
//!
//! *Ended* stays: the peer will send no more, or the descriptor has failed. See
//! [`Direction::is_drained`](super::direction::Direction::is_drained).
//!
//! A word is used again for the next descriptor under the ticks that follow, so nothing that
//! somebody read for the last one fits. A tick repeats after 2³⁰ events between a and c.

use crate::primitive::atomic::{AtomicU64, Ordering};

const WAITER: u64 = 0xffff_ffff;
const CROWD: u64 = 1 << 32;
const ENDED: u64 = 1 << 33;
const TICK_SHIFT: u32 = 34;
const TICK_ONE: u64 = 1 << TICK_SHIFT;

/// The word.
#[derive(Debug)]
pub(super) struct ParkWord(AtomicU64);

/// What a task saw before its system call: step a.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    tick: u64,
    is_ended: bool,
}

/// What became of an attempt to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Waiting {
    /// The next event wakes the task.
    Waits,
    /// Something happened since the look: the system call is to be made again.
    Happened,
    /// Another task waits: the caller is to join the crowd.
    Occupied,
}

/// Whom an event is to wake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) struct Noted {
    /// The slot of the task that waited.
    pub(super) waiter: Option<u32>,
    /// Whether more wait, in the list beside the word.
    pub(super) is_crowd: bool,
}

impl Look {
    /// A number that is another one after every event.
    pub(super) fn tick(self) -> u64 {
        self.tick
    }

    /// Whether the peer will send no more, or the descriptor has failed.
    pub(super) fn is_ended(self) -> bool {
        self.is_ended
    }
}

impl ParkWord {
    pub(super) fn new() -> Self {
        Self(AtomicU64::new(TICK_ONE))
    }

    /// Step a. Acquire: pairs with the release in `note`, so that the system call comes after
    /// what the poller knew.
    #[inline]
    pub(super) fn look(&self) -> Look {
        let word = self.0.load(Ordering::Acquire);
        Look {
            tick: word >> TICK_SHIFT,
            is_ended: word & ENDED != 0,
        }
    }

    /// Edge 1, step c, by the task in this slot.
    pub(super) fn wait(&self, seen: Look, slot: u32) -> Waiting {
        self.change_under(seen, |word| {
            (word & WAITER == 0).then_some(word | waiter(slot))
        })
    }

    /// Edge 3, step c of a task that found another one waiting. The caller holds the lock of the
    /// list, and puts the task there before it lets go.
    pub(super) fn crowd(&self, seen: Look) -> Waiting {
        self.change_under(seen, |word| Some(word | CROWD))
    }

    /// Edge 2, by the task that has waited: it names itself no more, if it still does. The rest
    /// of a crowd stays.
    pub(super) fn leave(&self, seen: Look, slot: u32) {
        let left = self.change_under(seen, |word| {
            (word & WAITER == waiter(slot)).then_some(word & !WAITER)
        });
        // Otherwise an event has taken it already, and there is nothing to undo.
        let _ = left;
    }

    /// Edge 4, step B. Acquire: pairs with the release of edges 1 and 3.
    pub(super) fn note(&self, ends: bool) -> Noted {
        let word = self.go_on(|word| if ends { ENDED } else { word & ENDED });
        Noted {
            waiter: ((word & WAITER) as u32).checked_sub(1),
            is_crowd: word & CROWD != 0,
        }
    }

    /// The word's next descriptor begins: nobody waits, nothing has ended, another tick. An
    /// exchange, although nobody waits: it puts the writes of stale events before what follows.
    pub(super) fn begin_again(&self) {
        self.go_on(|_| 0);
    }

    /// Moves the tick on, keeps of the rest what `kept` says, and gives the word as it was.
    fn go_on(&self, kept: impl Fn(u64) -> u64) -> u64 {
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            let next = ((word >> TICK_SHIFT).wrapping_add(1) << TICK_SHIFT) | kept(word);
            match self
                .0
                .compare_exchange_weak(word, next, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) => return word,
                Err(seen) => word = seen,
            }
        }
    }

    /// Changes the word if no event was noted since the look.
    fn change_under(&self, seen: Look, change: impl Fn(u64) -> Option<u64>) -> Waiting {
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            if word >> TICK_SHIFT != seen.tick {
                return Waiting::Happened;
            }
            let Some(next) = change(word) else {
                return Waiting::Occupied;
            };
            match self
                .0
                .compare_exchange_weak(word, next, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) => return Waiting::Waits,
                Err(seen) => word = seen,
            }
        }
    }
}

fn waiter(slot: u32) -> u64 {
    // Slots end far below 2³² (`task/table.rs`).
    u64::from(slot) + 1
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn an_event_takes_who_waits_and_only_once() {
        let word = ParkWord::new();
        let seen = word.look();
        assert_eq!(word.wait(seen, 7), Waiting::Waits);
        let first = word.note(false);
        assert_eq!((first.waiter, first.is_crowd), (Some(7), false));
        assert_eq!(word.note(false).waiter, None);
    }

    #[test]
    fn nobody_waits_for_what_has_happened() {
        let word = ParkWord::new();
        let seen = word.look();
        let _ = word.note(false);
        assert_eq!(word.wait(seen, 7), Waiting::Happened);
        assert_eq!(word.crowd(seen), Waiting::Happened);
        assert_ne!(word.look(), seen);
    }

    #[test]
    fn the_second_who_waits_joins_a_crowd_that_outlasts_the_first() {
        let word = ParkWord::new();
        let seen = word.look();
        assert_eq!(word.wait(seen, 0), Waiting::Waits);
        assert_eq!(word.wait(seen, 1), Waiting::Occupied);
        assert_eq!(word.crowd(seen), Waiting::Waits);
        word.leave(seen, 1);
        word.leave(seen, 0);
        let noted = word.note(false);
        assert_eq!((noted.waiter, noted.is_crowd), (None, true));
    }

    #[test]
    fn an_end_stays_until_the_next_descriptor() {
        let word = ParkWord::new();
        let _ = word.note(true);
        let _ = word.note(false);
        let last = word.look();
        assert!(last.is_ended());
        word.begin_again();
        assert!(!word.look().is_ended());
        assert_ne!(word.look().tick(), last.tick());
    }

    #[test]
    fn the_last_tick_is_followed_by_the_first() {
        let word = ParkWord(AtomicU64::new(!(WAITER | CROWD | ENDED)));
        let seen = word.look();
        assert_eq!(word.wait(seen, u32::MAX - 1), Waiting::Waits);
        assert_eq!(word.note(false).waiter, Some(u32::MAX - 1));
        assert_eq!(word.look().tick(), 0);
    }
}

#[cfg(all(test, loom))]
mod loom_tests;
