//! Declared blocking calls: how a worker lets go of its processor and gets it back, or not.
//!
//! The worker, on the stack of the task that calls `runtime::blocking`:
//!
//! 1. moves its next slot's task into the ring, where thieves see it;
//! 2. counts the release, and releases the processor: from here on it touches nothing that
//!    belongs to the processor, and its thread counts as one that runs no task;
//! 3. **fence, SeqCst**; looks at the queues and the timers: if something waits, wakes a
//!    sleeper, or, if all are busy, kicks the monitor;
//! 4. calls the function;
//! 5. takes the processor by one compare-exchange on the word that it released, and goes on;
//! 6. or finds it taken: the task leaves its stack, the worker queues it for all and ends, and
//!    its thread waits to be someone's successor.
//!
//! The submitter of a task that finds nobody asleep or searching reads the count of releases
//! after its own fence, and kicks the monitor if there is one. So a task that is queued around
//! step 3 is seen by one of the two, as in `README.md`.
//!
//! The monitor, when it looks and finds a released processor, nobody asleep or searching, and
//! something queued anywhere, or a timer: gives a successor's job to a thread. That thread
//! takes the processor, for exactly this release, or finds that its owner was faster.
//!
//! So a call that is over before the monitor's thread and the successor's have woken (some
//! 20 µs) costs its worker nothing but the steps above, and one with nothing behind it never
//! loses its processor. The number of workers that run tasks does not change.
//!
//! Rejected: handing the processor to another thread at once, as tokio's `block_in_place` does
//! (two thread switches for each short call); polling for released processors, as Go does (its
//! monitor sleeps 20 µs while there are system calls, which costs half a core here).

use crate::monitor;
use crate::primitive::atomic::{Ordering, fence};
use crate::sched::{
    ownership::Release,
    shared::Shared,
    worker::{Request, Worker},
};
use crate::time;

impl Worker {
    /// Steps 1 to 3. The caller does not use the worker until it calls `regain_processor`.
    pub(crate) fn release_processor(&self) -> Release {
        self.turn.end();
        if let Some(task) = self.processor.queue.take_next() {
            self.push_back(task);
        }
        let has_new_timer = self.has_new_timer.replace(false);
        self.shared.released.fetch_add(1, Ordering::Relaxed);
        let release = self.processor.ownership.release();
        // Step 3, pairs with the submitter's step 2 (`Idle::claim`): either it sees our count,
        // or we see its task.
        fence(Ordering::SeqCst);
        self.shared.look_after_release(has_new_timer);
        release
    }

    /// Step 5. If it fails, the task is to leave its stack at once: step 6.
    #[must_use]
    pub(crate) fn regain_processor(&self, release: Release) -> bool {
        let is_ours = self.shared.take_released(self.index, release);
        if !is_ours {
            self.has_processor.set(false);
            self.ask(Request::Move);
        }
        is_ours
    }
}

impl Shared {
    /// Edges 4 and 5 of a processor's ownership; whether it is the caller's now.
    #[must_use]
    pub(super) fn take_released(&self, index: usize, release: Release) -> bool {
        let is_taken = self.processor(index).ownership.take(release);
        if is_taken {
            self.released.fetch_sub(1, Ordering::Relaxed);
        }
        is_taken
    }

    /// Edge 5 by a successor: a hand-off, if its owner was not faster.
    #[must_use]
    pub(super) fn succeed(&self, index: usize, release: Release) -> bool {
        let is_taken = self.take_released(index, release);
        if is_taken {
            self.handoffs.fetch_add(1, Ordering::Relaxed);
        }
        is_taken
    }

    /// Whether something waits that a released processor's successor would do.
    pub(super) fn is_work_or_timer_waiting(&self) -> bool {
        self.is_work_visible() || self.is_outside_waiting()
    }

    /// Whether a timer or a descriptor may have something to do later.
    fn is_outside_waiting(&self) -> bool {
        self.next_deadline_ns() != time::NEVER || self.poller.is_unattended()
    }

    /// What is left of step 3.
    fn look_after_release(&self, has_new_timer: bool) {
        if has_new_timer || self.is_work_visible() {
            self.wake_one();
        } else if self.is_outside_waiting() && self.idle.is_nobody_idle() {
            monitor::kick();
        }
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use crate::primitive::{
        Arc,
        atomic::{AtomicUsize, Ordering, fence},
        thread,
    };
    use crate::sched::{idle::Idle, ownership::Ownership, park::ThreadParker};

    /// A runtime with one worker, reduced to the release: a counter for all queues, a parker
    /// for the monitor, which is its own successor.
    struct Model {
        idle: Idle,
        ownership: Ownership,
        released: AtomicUsize,
        queued: AtomicUsize,
        monitor: ThreadParker,
        /// What the blocking call waits for: that the task has run.
        has_run: ThreadParker,
    }

    impl Model {
        fn owned() -> Arc<Self> {
            let model = Self {
                idle: Idle::new(),
                ownership: Ownership::new(),
                released: AtomicUsize::new(0),
                queued: AtomicUsize::new(0),
                monitor: ThreadParker::new(),
                has_run: ThreadParker::new(),
            };
            assert!(model.ownership.claim());
            Arc::new(model)
        }

        /// As `Shared::wake_one`.
        fn submit(&self) {
            self.queued.fetch_add(1, Ordering::Release);
            assert_eq!(self.idle.claim(), None);
            if self.released.load(Ordering::Relaxed) > 0 && self.idle.is_nobody_idle() {
                self.monitor.unpark();
            }
        }

        /// A call that returns only when the task has run; whether the processor was regained.
        fn block(&self) -> bool {
            self.released.fetch_add(1, Ordering::Relaxed);
            let release = self.ownership.release();
            fence(Ordering::SeqCst);
            if self.queued.load(Ordering::Relaxed) > 0 {
                self.monitor.unpark();
            }
            self.has_run.park();
            self.ownership.take(release)
        }

        /// The monitor, until it has run the task; a lost kick is a deadlock.
        fn look(&self) {
            loop {
                self.monitor.park();
                let released = self.ownership.released();
                let is_waiting = self.queued.load(Ordering::Relaxed) > 0;
                let Some(release) = released.filter(|_| is_waiting) else {
                    continue;
                };
                assert!(self.ownership.take(release), "its owner blocks");
                assert_eq!(self.queued.swap(0, Ordering::Acquire), 1);
                self.has_run.unpark();
                return;
            }
        }
    }

    #[test]
    fn loom_a_task_queued_around_a_release_gets_a_successor() {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(3);
        builder.check(|| {
            let model = Model::owned();
            let monitor = {
                let model = Arc::clone(&model);
                thread::spawn(move || model.look())
            };
            let submitter = {
                let model = Arc::clone(&model);
                thread::spawn(move || model.submit())
            };
            assert!(!model.block(), "the successor has it");
            submitter.join().unwrap();
            monitor.join().unwrap();
        });
    }
}
