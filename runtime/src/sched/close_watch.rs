//! The close watch: whether the monitor looks at a runtime every 10 ms, because something may come
//! to wait behind a task that does not come back.
//!
//! A worker raises it when it uses its next slot, leaves the poller, or leaves timers that are far
//! away without a keeper. Nobody is woken for that: the monitor's next look is brought forward
//! (`monitor/alarm.rs`). It is ended by the monitor, when it has found nothing that waits twice in a
//! row, or by the last worker that falls asleep: at a low rate of requests the monitor then never
//! looks. Where it is raised a thousand times a second that is left to the monitor, because
//! each raising and each end is a system call.
//!
//! | a worker that ends it | one that leaves its sleep meanwhile |
//! |---|---|
//! | 1. sees that all sleep; ends it | a. changes the counts of sleepers; **fence, SeqCst** |
//! | 2. **fence, SeqCst** | b. has found a task, and raises it unless it is raised |
//! | 3. sees whether all sleep still; if not, raises it | |
//!
//! Either b sees the end, or 3 sees a. A task that comes back from a blocking call has no such fence:
//! a race that it loses costs one period of the idle monitor, half a second.

use crate::monitor::{self, Wisher};
use crate::primitive::{
    Mutex, MutexGuard,
    atomic::{AtomicU8, Ordering, fence},
};
use crate::sys::clock;

/// Raised more often than this, it is left to the monitor to end it.
const RARE_NS: u64 = 1_000_000;

/// Looks in a row that find nothing that waits, after which the monitor looks less often.
const CALM_LOOKS: u32 = 2;

/// One runtime's.
#[derive(Debug)]
pub(crate) struct CloseWatch {
    /// Changed under the lock.
    state: AtomicU8,
    last: Mutex<Raised>,
}

/// Not raised.
const OFF: u8 = 0;
/// Raised, the last time not long ago: the monitor ends it.
const OFTEN: u8 = 1;
/// Raised, the last time long ago: who falls asleep may end it.
const SELDOM: u8 = 2;

/// When it was raised last, by the monotonic clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Raised(u64);

/// What the monitor's looks have found, as far as the watch depends on it.
#[derive(Debug, Default)]
pub(super) struct Calm {
    /// How many in a row found nothing that waits.
    looks: u32,
    /// The raising to which they belong.
    watch: Raised,
}

impl CloseWatch {
    pub(super) fn new() -> Self {
        Self {
            state: AtomicU8::new(OFF),
            last: Mutex::new(Raised::default()),
        }
    }

    /// Whether the monitor looks often.
    #[inline]
    pub(super) fn is_on(&self) -> bool {
        self.state.load(Ordering::Relaxed) != OFF
    }

    /// From now on the monitor looks often. A load, mostly.
    #[inline]
    pub(super) fn raise(&self) {
        if !self.is_on() {
            self.start();
        }
    }

    #[cold]
    fn start(&self) {
        let mut last = self.lock();
        if self.is_on() {
            return;
        }
        let now_ns = clock::monotonic_ns();
        let is_rare = now_ns.saturating_sub(last.0) >= RARE_NS;
        *last = Raised(now_ns);
        let state = if is_rare { SELDOM } else { OFTEN };
        self.state.store(state, Ordering::Relaxed);
        monitor::look_soon(now_ns, self.wisher());
    }

    /// Whether a worker that falls asleep may end it: it is raised, and seldom.
    #[inline]
    pub(super) fn is_rare(&self) -> bool {
        self.state.load(Ordering::Relaxed) == SELDOM
    }

    /// The monitor need not look: steps 1 and 2. The caller does step 3.
    pub(super) fn end(&self) {
        let last = self.lock();
        self.state.store(OFF, Ordering::Relaxed);
        monitor::need_not_look(self.wisher());
        drop(last);
        fence(Ordering::SeqCst);
    }

    /// After a look of the monitor, which has found something that waits or not: whether it has ended
    /// the watch. Then it does step 3.
    #[must_use]
    pub(super) fn note_look(&self, calm: &mut Calm, is_waiting: bool) -> bool {
        let last = *self.lock();
        let is_new = self.is_on() && calm.watch != last;
        calm.watch = last;
        calm.looks = match (is_waiting, is_new) {
            (true, _) => 0,
            (false, true) => 1,
            (false, false) => calm.looks.saturating_add(1),
        };
        let is_over = self.is_on() && calm.looks >= CALM_LOOKS;
        if is_over {
            self.end();
        } else if is_waiting {
            self.raise();
        }
        is_over
    }

    fn wisher(&self) -> Wisher {
        Wisher::of(self)
    }

    fn lock(&self) -> MutexGuard<'_, Raised> {
        self.last
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

#[cfg(all(test, not(any(loom, miri))))]
mod tests {
    use super::*;

    #[test]
    fn one_that_is_raised_seldom_may_be_ended_by_who_falls_asleep() {
        let watch = CloseWatch::new();
        assert!(!watch.is_rare());
        watch.raise();
        assert!(watch.is_on() && watch.is_rare(), "the first time");
        watch.end();
        assert!(!watch.is_on() && !watch.is_rare());
        // As if it had been raised at any time: nothing here depends on how long the test takes.
        watch.lock().0 = u64::MAX;
        watch.raise();
        assert!(watch.is_on() && !watch.is_rare());
    }

    #[test]
    fn the_monitor_ends_it_after_two_looks_that_find_nothing_and_begins_it_itself() {
        let (watch, mut calm) = (CloseWatch::new(), Calm::default());
        assert!(!watch.note_look(&mut calm, false) && !watch.is_on());
        assert!(!watch.note_look(&mut calm, true) && watch.is_on());
        assert!(!watch.note_look(&mut calm, false) && watch.is_on());
        assert!(watch.note_look(&mut calm, false) && !watch.is_on());
        (0..5).for_each(|_| assert!(!watch.note_look(&mut calm, false)));
        watch.raise();
        assert!(!watch.note_look(&mut calm, false), "it is a new one");
        assert!(watch.note_look(&mut calm, false));
    }
}
