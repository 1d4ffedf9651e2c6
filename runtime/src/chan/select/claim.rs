//! Who decides a select that waits in several lines at once: one atomic word, changed once.
//!
//! ```text
//!             choose(arm): a peer, under the lock of the arm's channel
//!   open ────────────────────────────────────────────────────────────▶ chosen(arm)
//!    │
//!    └───────▶ withdrawn
//!      withdraw: the selecting task itself, or whoever ends its runtime
//! ```
//!
//! Only `reopen`, by the task that waits in no line any more, leads back.

use crate::primitive::atomic::{AtomicU32, Ordering};
use crate::task::{self, Waiter};

const OPEN: u32 = 0;
const WITHDRAWN: u32 = 1;
/// The first arm; the others follow.
const FIRST_ARM: u32 = 2;

/// The state word of a waiting select, and whom to wake if it is chosen.
#[derive(Debug)]
pub struct Claim {
    word: AtomicU32,
    waiter: Waiter,
}

impl Claim {
    /// Of the calling task or thread.
    pub(super) fn new() -> Self {
        Self {
            word: AtomicU32::new(OPEN),
            waiter: task::waiter(),
        }
    }

    pub(in crate::chan) fn waiter(&self) -> &Waiter {
        &self.waiter
    }

    /// Decides for an arm; false if it is decided already.
    #[must_use]
    pub(in crate::chan) fn choose(&self, arm: u32) -> bool {
        // The message itself goes through the channel, whose lock orders it.
        self.decide(FIRST_ARM + arm).is_ok()
    }

    /// Decides for no arm.
    ///
    /// # Errors
    ///
    /// The arm for which it is decided already.
    pub(super) fn withdraw(&self) -> Result<(), u32> {
        match self.decide(WITHDRAWN) {
            Ok(()) | Err(WITHDRAWN) => Ok(()),
            Err(chosen) => Err(chosen - FIRST_ARM),
        }
    }

    /// The arm for which it is decided.
    pub(super) fn chosen(&self) -> Option<u32> {
        self.word.load(Ordering::Acquire).checked_sub(FIRST_ARM)
    }

    /// Whether it is not decided yet.
    pub(in crate::chan) fn is_open(&self) -> bool {
        self.word.load(Ordering::Acquire) == OPEN
    }

    /// Makes it undecided again. No line has it: whoever took it out of one decided under the
    /// lock with which the task left that line.
    pub(super) fn reopen(&self) {
        self.word.store(OPEN, Ordering::Release);
    }

    /// The decision before, if there was one.
    fn decide(&self, decision: u32) -> Result<(), u32> {
        self.word
            .compare_exchange(OPEN, decision, Ordering::AcqRel, Ordering::Acquire)
            .map(drop)
    }
}
