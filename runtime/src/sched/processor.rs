//! A processor: the run queue and the timers that one worker at a time owns, as others see it.
//!
//! What only the owner touches (caches of stacks, sites and slots) is in `worker.rs`. A
//! processor's ownership (`ownership.rs`) never moves while its worker runs a task, however
//! long that takes, unless the task is in a declared blocking call: the others steal from it
//! by the ordinary paths.
//!
//! # Replacement
//!
//! ```text
//!                   (1) replace           (2) end_replacement
//!    NOT_REPLACED ───────────────▶ REPLACED ───────────────▶ LEAVING
//!         ▲                                                     │
//!         └─────────────────────────────────────────────────────┘
//!                (3) claim, after the owner has left
//! ```
//!
//! An owner that has decided to leave still owns the processor for a while, with an old tick
//! and perhaps something queued: LEAVING keeps the monitor from replacing it a second time.

use crate::primitive::{
    Mutex,
    atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, Ordering},
};
use crate::sched::{
    global_queue::GlobalQueue, ownership::Ownership, park::ThreadParker, run_queue::RunQueue,
};
use crate::sys::{clock::ThreadClock, thread::ThreadId};
use crate::task::record::Record;
use crate::time::Timers;

const NOT_REPLACED: u8 = 0;
const REPLACED: u8 = 1;
const LEAVING: u8 = 2;

/// The shared face of a processor. The models queue something simpler than records.
#[derive(Debug)]
pub(crate) struct Processor<T: 'static = Record> {
    pub(crate) queue: RunQueue<T>,
    pub(crate) timers: Timers,
    pub(crate) parker: ThreadParker,
    /// Tasks run so far: a value that stays shows a worker that does not come back.
    pub(crate) tick: AtomicU64,
    pub(crate) ownership: Ownership,
    /// Whether a spare worker was started in the owner's place: one of the two is to end.
    replacement: AtomicU8,
    /// The monitor asks the owner to look at the timers.
    pub(crate) look_at_timers: AtomicBool,
    /// Tasks spawned less tasks ended on this processor; written by the owner.
    pub(crate) live: AtomicI64,
    /// Steals by the owner; written by the owner.
    pub(crate) steals: AtomicU64,
    /// The owner's thread, as the monitor asks the kernel about it.
    pub(crate) thread: Mutex<Option<OwnerThread>>,
}

/// Handles to the thread of a worker; both are missing under Miri.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OwnerThread {
    pub(crate) clock: Option<ThreadClock>,
    pub(crate) id: Option<ThreadId>,
}

impl OwnerThread {
    /// Those of the calling thread.
    pub(crate) fn current() -> Self {
        Self {
            clock: ThreadClock::current(),
            id: ThreadId::current(),
        }
    }
}

impl<T: Sync + 'static> Processor<T> {
    pub(crate) fn new() -> Self {
        Self {
            queue: RunQueue::new(),
            timers: Timers::new(),
            parker: ThreadParker::new(),
            tick: AtomicU64::new(0),
            ownership: Ownership::new(),
            replacement: AtomicU8::new(NOT_REPLACED),
            look_at_timers: AtomicBool::new(false),
            live: AtomicI64::new(0),
            steals: AtomicU64::new(0),
            thread: Mutex::new(None),
        }
    }

    /// Tasks queued here; a guess for all but the owner.
    pub(crate) fn queued(&self) -> usize {
        self.queue.len() + usize::from(self.queue.has_next())
    }

    /// Takes a processor that nobody owns; whether there was none who did.
    #[must_use]
    pub(crate) fn claim(&self) -> bool {
        let is_claimed = self.ownership.claim();
        if is_claimed {
            // Edge 3. The claimer alone knows of the new owner: nobody replaces it yet.
            self.replacement.store(NOT_REPLACED, Ordering::Relaxed);
        }
        is_claimed
    }

    /// Edge 1, by the monitor: gives the owner up, in whose place a spare worker runs already.
    /// False if it was given up before, or is on its way out: then the spare is surplus.
    #[must_use]
    pub(crate) fn replace(&self) -> bool {
        self.change_replacement(NOT_REPLACED, REPLACED)
    }

    /// Whether the owner has been given up; a guess.
    #[inline]
    pub(crate) fn is_replaced(&self) -> bool {
        self.replacement.load(Ordering::Relaxed) == REPLACED
    }

    /// Edge 2, by the owner, who is to end if it was replaced: whether it was. From here on
    /// nobody replaces it.
    #[must_use]
    pub(crate) fn end_replacement(&self) -> bool {
        self.change_replacement(REPLACED, LEAVING)
    }

    fn change_replacement(&self, from: u8, to: u8) -> bool {
        self.replacement
            .compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }

    /// The owner moves what is queued here to the global queue; whether there was anything.
    pub(crate) fn give_tasks_to(&self, global: &GlobalQueue<T>) -> bool {
        let next = self.queue.take_next().into_iter();
        let tasks: Vec<_> = next
            .chain(std::iter::from_fn(|| self.queue.pop()))
            .collect();
        let is_any = !tasks.is_empty();
        if is_any {
            global.push_batch(tasks);
        }
        is_any
    }

    /// The owner says which thread it is, or that it leaves.
    pub(crate) fn set_thread(&self, thread: Option<OwnerThread>) {
        *self
            .thread
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner()) = thread;
    }

    /// The owner's thread.
    pub(crate) fn thread(&self) -> Option<OwnerThread> {
        *self
            .thread
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Adds to the live count; the owner's.
    #[inline]
    pub(crate) fn add_live(&self, delta: i64) {
        let live = self.live.load(Ordering::Relaxed);
        self.live.store(live + delta, Ordering::Relaxed);
    }

    /// Sets everything but the queues to what a new processor has; for the next run.
    pub(crate) fn reset(&self) {
        self.ownership.reset();
        self.tick.store(0, Ordering::Relaxed);
        self.replacement.store(NOT_REPLACED, Ordering::Relaxed);
        self.look_at_timers.store(false, Ordering::Relaxed);
        self.live.store(0, Ordering::Relaxed);
        self.steals.store(0, Ordering::Relaxed);
    }
}
