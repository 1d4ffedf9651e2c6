//! Which timer a task waits for: one word, changed by the named transitions below only.
//!
//! ```text
//!              (1) arm, by the task
//!    none ───────────────────────────▶ armed, with a sequence of its own
//!     ▲                                        │
//!     └────────────────────────────────────────┘
//!        (2) clear, by who fires it or by the task that disarms it
//! ```
//!
//! Whoever clears it has decided, once for each sequence: the one who fires wakes the task; the
//! task that disarms goes on and leaves a stale entry in the heap. A stale entry has a sequence
//! that is not armed and fires nothing, also where the task has armed another timer since.

use crate::primitive::atomic::{AtomicU32, Ordering};

/// The sequence of no timer.
const NONE: u32 = 0;

/// A task's timer.
#[derive(Debug)]
pub(crate) struct TimerWord {
    armed: AtomicU32,
    /// The sequence of the last timer; the task's own. It goes on from one task of a slot to
    /// the next, so that no stale entry fires the timer of another.
    last: AtomicU32,
}

impl TimerWord {
    /// No timer.
    pub(crate) fn new() -> Self {
        Self {
            armed: AtomicU32::new(NONE),
            last: AtomicU32::new(NONE),
        }
    }

    /// Edge 1, by the task, before the timer is in a heap: the lock of the heap carries it to
    /// who fires.
    pub(super) fn arm(&self) -> u32 {
        let last = self.last.load(Ordering::Relaxed);
        let sequence = last.wrapping_add(1).max(NONE + 1);
        self.last.store(sequence, Ordering::Relaxed);
        self.armed.store(sequence, Ordering::Relaxed);
        sequence
    }

    /// Edge 2: whether the caller decided.
    #[must_use]
    pub(super) fn clear(&self, sequence: u32) -> bool {
        self.armed
            .compare_exchange(sequence, NONE, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }

    /// Whether this timer has neither fired nor been disarmed.
    #[must_use]
    pub(super) fn is_armed(&self, sequence: u32) -> bool {
        self.armed.load(Ordering::Acquire) == sequence
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use crate::primitive::{Arc, thread};
    use crate::sched::park::ThreadParker;
    use crate::task::TaskId;
    use crate::task::state::{Parking, StateWord, Unparking};
    use crate::time::{Timer, Timers};

    const NOW_NS: u64 = 5;

    /// A task with its word, its timer and the heap; a parker in place of its stack.
    struct Model {
        timers: Timers,
        timer: TimerWord,
        state: StateWord,
        generation: u32,
        resumed: ThreadParker,
        fired: [AtomicU32; 2],
    }

    impl Model {
        fn new() -> Arc<Self> {
            let state = StateWord::new();
            let generation = state.start();
            Arc::new(Self {
                timers: Timers::new(),
                timer: TimerWord::new(),
                state,
                generation,
                resumed: ThreadParker::new(),
                fired: [(); 2].map(|()| AtomicU32::new(0)),
            })
        }

        /// As `time::arm`.
        fn arm(&self, deadline_ns: u64) -> u32 {
            let sequence = self.timer.arm();
            let _ = self.timers.insert(Timer {
                deadline_ns,
                task: TaskId::NONE,
                sequence,
            });
            sequence
        }

        /// As `Armed::disarm`; whether the timer had not fired.
        fn disarm(&self, sequence: u32) -> bool {
            let is_cleared = self.timer.clear(sequence);
            if is_cleared {
                let is_wanted = |timer: &Timer| self.timer.is_armed(timer.sequence);
                self.timers.note_stale(is_wanted);
            }
            is_cleared
        }

        /// As `time::fire_due`, until nothing is due.
        fn fire_due(&self) {
            for timer in self.timers.take_due(NOW_NS) {
                if self.timer.clear(timer.sequence) {
                    self.fired[timer.sequence as usize - 1].fetch_add(1, Ordering::Relaxed);
                    if self.state.unpark(self.generation) == Unparking::Queue {
                        self.resumed.unpark();
                    }
                }
            }
        }

        /// As `park_task` and the worker behind it.
        fn park(&self) {
            if !self.state.take_token() && self.state.park() == Parking::Parked {
                self.resumed.park();
            }
        }

        fn start_firing(this: &Arc<Self>) -> thread::JoinHandle<()> {
            let model = Arc::clone(this);
            thread::spawn(move || model.fire_due())
        }

        fn fired(&self) -> [u32; 2] {
            [0, 1].map(|timer| self.fired[timer].load(Ordering::Relaxed))
        }
    }

    fn bounded(model: impl Fn() + Sync + Send + 'static) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(3);
        builder.check(model);
    }

    #[test]
    fn loom_a_timer_that_two_may_fire_wakes_its_task_once() {
        bounded(|| {
            let model = Model::new();
            let sequence = model.arm(1);
            let workers = [(); 2].map(|()| Model::start_firing(&model));
            while model.timer.is_armed(sequence) {
                model.park();
            }
            for worker in workers {
                worker.join().unwrap();
            }
            assert_eq!(model.fired(), [1, 0]);
        });
    }

    #[test]
    fn loom_a_timer_is_fired_or_disarmed_and_never_fires_in_place_of_the_next() {
        bounded(|| {
            let model = Model::new();
            let first = model.arm(1);
            let worker = Model::start_firing(&model);
            let is_disarmed = model.disarm(first);
            let second = model.arm(2);
            worker.join().unwrap();
            // Whatever the worker saw, the second timer fires now at the latest.
            model.fire_due();
            assert!(!model.timer.is_armed(second));
            assert_eq!(model.fired(), [u32::from(!is_disarmed), 1]);
            assert!(model.state.take_token(), "the task was woken");
        });
    }

    #[test]
    fn loom_a_sweep_keeps_the_timer_that_is_armed_meanwhile() {
        bounded(|| {
            let model = Model::new();
            let first = model.arm(1);
            let other = {
                let model = Arc::clone(&model);
                // As the sweep that another task's disarming starts.
                thread::spawn(move || {
                    model
                        .timers
                        .sweep(|timer| model.timer.is_armed(timer.sequence));
                })
            };
            let _ = model.disarm(first);
            let second = model.arm(2);
            other.join().unwrap();
            model.fire_due();
            assert!(!model.timer.is_armed(second), "it was still in the heap");
        });
    }
}
