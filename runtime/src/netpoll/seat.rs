//! The seat: which worker may wait in a runtime's epoll, and how it is woken there.
//!
//! | a worker that falls asleep | who wakes it |
//! |---|---|
//! | 1. takes the seat | a. gives the worker's permit |
//! | 2. **fence, SeqCst** | b. **fence, SeqCst** |
//! | 3. looks for its permit: if it is there, does not wait | c. reads the seat: if it is that worker's, interrupts |
//! | 4. waits in the epoll | |
//! | 5. leaves the seat, looks for its permit | |
//!
//! Either 3 sees the permit, or c sees the seat. An interrupt that comes after 4 ends the next wait
//! in vain: the eventfd keeps it.

use crate::primitive::atomic::{AtomicUsize, Ordering, fence};

/// Nobody's.
const FREE: usize = 0;

/// The processor whose worker has the seat, and 1.
#[derive(Debug)]
pub(super) struct SeatWord(AtomicUsize);

impl SeatWord {
    pub(super) fn new() -> Self {
        Self(AtomicUsize::new(FREE))
    }

    /// Whether nobody has it; a guess.
    #[inline]
    pub(super) fn is_free(&self) -> bool {
        self.0.load(Ordering::Relaxed) == FREE
    }

    /// Steps 1 and 2, for this processor's worker; whether it was free.
    #[must_use]
    pub(super) fn take(&self, processor: usize) -> bool {
        let is_taken = self
            .0
            .compare_exchange(FREE, processor + 1, Ordering::Acquire, Ordering::Relaxed)
            .is_ok();
        // Step 2, pairs with the fence in `is_of`.
        fence(Ordering::SeqCst);
        is_taken
    }

    /// Step 5, first half; the permit is looked for under its lock.
    pub(super) fn leave(&self) {
        self.0.store(FREE, Ordering::Release);
    }

    /// Steps b and c: whether this processor's worker is to be interrupted.
    #[must_use]
    pub(super) fn is_of(&self, processor: usize) -> bool {
        fence(Ordering::SeqCst);
        self.0.load(Ordering::Relaxed) == processor + 1
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use crate::primitive::{Arc, thread};
    use crate::sched::park::ThreadParker;

    /// A worker's permit, and the eventfd, which keeps an interrupt.
    struct Model {
        seat: SeatWord,
        parker: ThreadParker,
        eventfd: ThreadParker,
    }

    impl Model {
        /// As `Shared::park_for`; what is not seen is a deadlock.
        fn sleep(&self) {
            assert!(self.seat.take(0));
            if self.parker.take_permit() {
                return self.seat.leave();
            }
            self.eventfd.park();
            self.seat.leave();
            assert!(self.parker.take_permit(), "nothing else interrupts");
        }

        /// As `Shared::unpark`.
        fn wake(&self) {
            self.parker.unpark();
            if self.seat.is_of(0) {
                self.eventfd.unpark();
            }
        }
    }

    #[test]
    fn loom_a_worker_that_sits_down_while_it_is_woken_wakes() {
        loom::model(|| {
            let model = Arc::new(Model {
                seat: SeatWord::new(),
                parker: ThreadParker::new(),
                eventfd: ThreadParker::new(),
            });
            let waker = {
                let model = Arc::clone(&model);
                thread::spawn(move || model.wake())
            };
            model.sleep();
            waker.join().unwrap();
            assert!(model.seat.is_free());
        });
    }
}
