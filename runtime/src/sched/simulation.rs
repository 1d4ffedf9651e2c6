//! A runtime in a simulation, for tests: one worker, a schedule that is drawn from a seed, and a
//! clock that does not wait for anybody.
//!
//! The clock moves by a microsecond with every task that is scheduled, so that tasks that yield
//! until a time comes see it come; and where nothing is left to run, it jumps to the next
//! deadline instead of sleeping. What the schedule does is a function of the seed and of the
//! program, as long as the program asks nobody outside: other threads, blocking calls, hash maps
//! with random states.

use crate::primitive::static_atomic::{AtomicBool, AtomicU64, Ordering};
use crate::task::current::with_worker;

/// When a simulation begins, in nanoseconds of its clock.
const BEGIN_NS: u64 = 1_000_000_000;

/// What it takes to schedule a task.
const STEP_NS: u64 = 1_000;

/// Whether any runtime of this process was ever a simulation: the others ask no further.
static ANY: AtomicBool = AtomicBool::new(false);

/// The clock and the dice of one runtime.
#[derive(Debug)]
pub(crate) struct Simulation {
    /// 0 while the runtime is none.
    now_ns: AtomicU64,
    random: AtomicU64,
}

impl Simulation {
    /// No simulation.
    pub(crate) const fn off() -> Self {
        Self {
            now_ns: AtomicU64::new(0),
            random: AtomicU64::new(0),
        }
    }

    /// Before a run: a simulation with this seed, or none.
    pub(crate) fn begin(&self, seed: Option<u64>) {
        let now_ns = seed.map_or(0, |_| BEGIN_NS);
        // An odd number, spread over all bits: xorshift wants no zero.
        let random = seed.unwrap_or(0).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        self.random.store(random, Ordering::Relaxed);
        self.now_ns.store(now_ns, Ordering::Relaxed);
        if seed.is_some() {
            ANY.store(true, Ordering::Relaxed);
        }
    }

    /// The time of the simulation; `None` if this is none.
    pub(crate) fn now_ns(&self) -> Option<u64> {
        let now_ns = self.now_ns.load(Ordering::Relaxed);
        (now_ns != 0).then_some(now_ns)
    }

    /// Whether this is one.
    pub(crate) fn is_on(&self) -> bool {
        self.now_ns().is_some()
    }

    /// A task is scheduled.
    pub(super) fn step(&self) {
        self.now_ns.fetch_add(STEP_NS, Ordering::Relaxed);
    }

    /// Nothing is left to do until then.
    pub(super) fn jump_to(&self, deadline_ns: u64) {
        self.now_ns.fetch_max(deadline_ns, Ordering::Relaxed);
    }

    /// A number below `bound`, which is not 0.
    pub(super) fn draw(&self, bound: usize) -> usize {
        ((self.random() >> 33) % bound as u64) as usize
    }

    /// A step of xorshift64, by the only worker.
    pub(super) fn random(&self) -> u64 {
        let mut random = self.random.load(Ordering::Relaxed);
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        self.random.store(random, Ordering::Relaxed);
        random
    }
}

/// By the main task: how often the worker looked for it in vain is no matter of the seed.
pub(crate) fn begin_anew(seed: u64) {
    with_worker(|worker| worker.shared().simulation.begin(Some(seed)));
}

/// The time of the calling task's simulation; `None` outside of one. A load where there never
/// was any.
#[inline]
pub(crate) fn now_ns() -> Option<u64> {
    if ANY.load(Ordering::Relaxed) {
        with_worker(|worker| worker.shared().simulation.now_ns()).flatten()
    } else {
        None
    }
}
