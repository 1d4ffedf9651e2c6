//! Who owns a processor: one word, changed by the named transitions below only.
//!
//! ```text
//!            (1) claim                (3) release
//!    Free ─────────────▶ Owned ─────────────────────▶ Released
//!     ▲                   │  ▲                           │
//!     └───────────────────┘  └───────────────────────────┘
//!           (2) leave          (4) regain, by the one who released it, or
//!                              (5) take, by a successor
//! ```
//!
//! | state | who may touch what belongs to the owner |
//! |---|---|
//! | Free | nobody |
//! | Owned | the thread that did 1, 4 or 5 |
//! | Released | nobody; its last owner is in a declared blocking call (`blocking.rs`) |
//!
//! Every release has a number of its own, so 4 and 5 are for one certain call: one that comes
//! back late cannot regain what a successor has released in its turn.

use crate::primitive::atomic::{AtomicU64, Ordering};

const STATE: u64 = 0b11;
const FREE: u64 = 0;
const OWNED: u64 = 1;
const RELEASED: u64 = 2;
const NUMBER_ONE: u64 = 4;

/// Number of the last release (62 bits), state (2).
#[derive(Debug)]
pub(crate) struct Ownership(AtomicU64);

/// One release of a processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) struct Release(u64);

impl Ownership {
    /// Free.
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(FREE))
    }

    /// Edge 1; whether the caller owns the processor now.
    #[must_use]
    pub(crate) fn claim(&self) -> bool {
        let word = self.0.load(Ordering::Relaxed);
        word & STATE == FREE && self.change(word, word | OWNED)
    }

    /// Edge 2, by the owner.
    pub(crate) fn leave(&self) {
        let word = self.0.load(Ordering::Relaxed);
        debug_assert_eq!(word & STATE, OWNED);
        // Release: what the owner did comes before what the next one does.
        self.0.store(word & !STATE, Ordering::Release);
    }

    /// Edge 3, by the owner, who afterwards touches nothing of the processor.
    pub(crate) fn release(&self) -> Release {
        let word = self.0.load(Ordering::Relaxed);
        debug_assert_eq!(word & STATE, OWNED);
        let released = (word & !STATE).wrapping_add(NUMBER_ONE) | RELEASED;
        // Release: as in `leave`. A store will do: nobody else changes an owned word.
        self.0.store(released, Ordering::Release);
        Release(released)
    }

    /// Edges 4 and 5: whether the caller owns the processor now. At most one call succeeds for
    /// each release.
    #[must_use]
    pub(crate) fn take(&self, release: Release) -> bool {
        self.change(release.0, release.0 & !STATE | OWNED)
    }

    /// The release that stands, if the processor is released; a guess.
    pub(crate) fn released(&self) -> Option<Release> {
        let word = self.0.load(Ordering::Relaxed);
        (word & STATE == RELEASED).then_some(Release(word))
    }

    /// Whether a worker has the processor, or left it for a blocking call; a guess.
    pub(crate) fn is_in_use(&self) -> bool {
        self.0.load(Ordering::Relaxed) & STATE != FREE
    }

    /// Frees the processor of a runtime that has ended.
    pub(crate) fn reset(&self) {
        let word = self.0.load(Ordering::Relaxed);
        self.0.store(word & !STATE, Ordering::Relaxed);
    }

    /// Acquire: pairs with the release in `leave` and `release`.
    fn change(&self, from: u64, to: u64) -> bool {
        self.0
            .compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_free_processor_is_claimed_once() {
        let ownership = Ownership::new();
        assert!(ownership.claim());
        assert!(!ownership.claim());
        ownership.leave();
        assert!(ownership.claim());
    }

    #[test]
    fn a_release_is_regained_or_taken_once() {
        let ownership = Ownership::new();
        assert!(ownership.claim());
        let release = ownership.release();
        assert_eq!(ownership.released(), Some(release));
        assert!(!ownership.claim(), "it is not free");
        assert!(ownership.take(release));
        assert!(!ownership.take(release));
        assert_eq!(ownership.released(), None);
    }

    #[test]
    fn a_late_owner_does_not_regain_what_its_successor_released() {
        let ownership = Ownership::new();
        assert!(ownership.claim());
        let first = ownership.release();
        assert!(ownership.take(first), "the successor");
        let second = ownership.release();
        assert!(!ownership.take(first), "the late one");
        assert!(ownership.take(second));
    }
}

#[cfg(all(test, loom, not(shuttle)))]
mod loom_tests {
    use super::*;
    use crate::primitive::{Arc, UnsafeCell, thread};

    /// A processor whose owner's things are one plain counter: loom finds two who touch it.
    struct Model {
        ownership: Ownership,
        counter: UnsafeCell<usize>,
    }

    impl Model {
        fn owned() -> Arc<Self> {
            let ownership = Ownership::new();
            assert!(ownership.claim());
            let counter = UnsafeCell::new(0);
            Arc::new(Self { ownership, counter })
        }

        fn count(&self) {
            // SAFETY: the callers own the processor; loom checks that.
            self.counter.with_mut(|counter| unsafe { *counter += 1 });
        }

        /// A successor: takes what is released, uses it, and blocks in its turn or leaves.
        fn succeed(&self, blocks: bool) -> bool {
            let taken = self
                .ownership
                .released()
                .is_some_and(|release| self.ownership.take(release));
            if taken {
                self.count();
                if blocks {
                    let release = self.ownership.release();
                    assert!(self.ownership.take(release), "nobody else knows of it");
                    self.count();
                }
                self.ownership.leave();
            }
            taken
        }
    }

    #[test]
    fn loom_a_blocking_call_and_its_successor_never_own_the_processor_together() {
        loom::model(|| {
            let model = Model::owned();
            let successor = {
                let model = Arc::clone(&model);
                thread::spawn(move || model.succeed(true))
            };
            model.count();
            let release = model.ownership.release();
            let regained = model.ownership.take(release);
            if regained {
                model.count();
            }
            let succeeded = successor.join().unwrap();
            assert!(!(regained && succeeded), "one release, one owner");
            assert!(regained || succeeded, "it was regained or taken");
        });
    }

    #[test]
    fn loom_of_two_successors_one_takes_the_processor() {
        loom::model(|| {
            let model = Model::owned();
            let release = model.ownership.release();
            let successors = [(); 2].map(|()| {
                let model = Arc::clone(&model);
                thread::spawn(move || {
                    let taken = model.ownership.take(release);
                    if taken {
                        model.count();
                        model.ownership.leave();
                    }
                    taken
                })
            });
            let regained = model.ownership.take(release);
            if regained {
                model.count();
            }
            let taken = successors.map(|successor| successor.join().unwrap());
            let owners = [regained, taken[0], taken[1]];
            assert_eq!(owners.into_iter().filter(|owner| *owner).count(), 1);
        });
    }
}
