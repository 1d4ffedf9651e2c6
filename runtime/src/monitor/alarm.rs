//! When the monitor looks next, and how others bring that forward without waking it.
//!
//! The monitor sleeps until a time of its own. A runtime in which something may come to wait behind
//! a running task wants a look within milliseconds, and mostly wants it no more before they are
//! over: a worker that has left the poller comes back to it. To wake the monitor for that would cost
//! 16 to 30 µs of another core for each request of a quiet server. So its sleep is a timer
//! of the kernel's, which anyone may set: 0.3 µs, and nobody wakes.
//!
//! Wishes that come while the monitor looks are kept for its next sleep. The lock is held for the
//! setting only, and nothing is locked below it.

use std::io;
use std::sync::PoisonError;

use crate::primitive::static_sync::{Mutex, MutexGuard};
use crate::sys::alarm_clock::AlarmClock;

/// Later than all times.
const NEVER: u64 = u64::MAX;

/// The monitor's.
#[derive(Debug)]
pub(super) struct Alarm {
    clock: AlarmClock,
    state: Mutex<State>,
}

/// What the clock is set to, and why.
#[derive(Debug)]
struct State {
    /// The monitor's own time; what the clock is set to unless somebody wished for an earlier one.
    own_ns: u64,
    /// The earliest wish since the monitor last fell asleep.
    wish_ns: u64,
    /// Who alone wished for that time or an earlier one, and may take it back.
    wisher: Option<Wisher>,
    is_asleep: bool,
}

/// Who wishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wisher(usize);

impl Wisher {
    /// The owner of what is at this address.
    pub(crate) fn of<T>(owner: &T) -> Self {
        Self(std::ptr::from_ref(owner).addr())
    }
}

impl Alarm {
    /// # Errors
    /// If the system has no timer left.
    pub(super) fn new() -> io::Result<Self> {
        let state = State {
            own_ns: NEVER,
            wish_ns: NEVER,
            wisher: None,
            is_asleep: false,
        };
        Ok(Self {
            clock: AlarmClock::new()?,
            state: Mutex::new(state),
        })
    }

    /// Sleeps until this time, or the earliest that is wished for. By the monitor.
    pub(super) fn sleep_until(&self, own_ns: u64) {
        {
            let mut state = self.lock();
            state.own_ns = own_ns;
            state.is_asleep = true;
            self.clock.set(own_ns.min(state.wish_ns));
        }
        self.clock.wait();
        let mut state = self.lock();
        state.is_asleep = false;
        state.wish_ns = NEVER;
        state.wisher = None;
    }

    /// Brings the next look forward to this time; nobody can take that back but `wisher`.
    pub(super) fn wish(&self, at_ns: u64, wisher: Option<Wisher>) {
        let mut state = self.lock();
        // Of two wishes neither can be taken back: one look in vain at most.
        let is_only = state.wish_ns == NEVER || state.wisher == wisher;
        state.wisher = wisher.filter(|_| is_only);
        if at_ns < state.wish_ns {
            state.wish_ns = at_ns;
            if state.is_asleep && at_ns < state.own_ns {
                self.clock.set(at_ns);
            }
        }
    }

    /// Takes a wish back, if it was the only one.
    pub(super) fn take_back(&self, wisher: Wisher) {
        let mut state = self.lock();
        if state.wisher == Some(wisher) {
            let was_earlier = state.wish_ns < state.own_ns;
            state.wish_ns = NEVER;
            state.wisher = None;
            if state.is_asleep && was_earlier {
                self.clock.set(state.own_ns);
            }
        }
    }

    /// When it will ring.
    #[cfg(test)]
    fn next_ns(&self) -> u64 {
        let state = self.lock();
        state.own_ns.min(state.wish_ns)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(all(test, not(any(miri, loom))))]
mod tests {
    use super::*;
    use crate::primitive::static_sync::Arc;
    use crate::sys::clock::monotonic_ns;
    use std::thread;

    const HOUR_NS: u64 = 3_600_000_000_000;
    const ONE: Wisher = Wisher(1);
    const OTHER: Wisher = Wisher(2);

    /// One on which a thread sleeps, for an hour if nobody wishes otherwise.
    fn sleeping() -> (Arc<Alarm>, thread::JoinHandle<()>) {
        let alarm = Arc::new(Alarm::new().unwrap());
        let sleeper = {
            let alarm = Arc::clone(&alarm);
            thread::spawn(move || alarm.sleep_until(monotonic_ns() + HOUR_NS))
        };
        while !alarm.lock().is_asleep {
            thread::yield_now();
        }
        (alarm, sleeper)
    }

    #[test]
    fn a_wish_ends_the_sleep_and_one_that_came_before_it_too() {
        let (alarm, sleeper) = sleeping();
        alarm.wish(monotonic_ns() + 1_000, Some(ONE));
        sleeper.join().unwrap();
        alarm.wish(0, None);
        alarm.sleep_until(monotonic_ns() + HOUR_NS);
        assert_eq!(alarm.lock().wish_ns, NEVER, "it is granted");
    }

    #[test]
    fn a_wish_that_is_taken_back_leaves_the_sleep_as_it_was() {
        let (alarm, sleeper) = sleeping();
        let own_ns = alarm.next_ns();
        alarm.wish(own_ns - 5, Some(ONE));
        assert_eq!(alarm.next_ns(), own_ns - 5);
        alarm.take_back(OTHER);
        assert_eq!(alarm.next_ns(), own_ns - 5, "it is another's");
        alarm.take_back(ONE);
        assert_eq!(alarm.next_ns(), own_ns);
        assert!(!sleeper.is_finished());
        alarm.wish(0, None);
        alarm.take_back(ONE);
        sleeper.join().unwrap();
    }

    #[test]
    fn of_two_wishers_neither_takes_the_others_wish_back() {
        let (alarm, sleeper) = sleeping();
        let own_ns = alarm.next_ns();
        alarm.wish(own_ns - 5, Some(ONE));
        alarm.wish(own_ns - 3, Some(OTHER));
        alarm.take_back(ONE);
        alarm.take_back(OTHER);
        assert_eq!(alarm.next_ns(), own_ns - 5);
        alarm.wish(0, None);
        sleeper.join().unwrap();
    }

    #[test]
    fn a_later_wish_changes_nothing() {
        let alarm = Alarm::new().unwrap();
        alarm.wish(7, Some(ONE));
        alarm.wish(9, Some(ONE));
        assert_eq!(alarm.next_ns(), 7);
        alarm.take_back(ONE);
        assert_eq!(alarm.next_ns(), NEVER);
    }
}
