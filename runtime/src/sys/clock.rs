//! The clocks: monotonic time for timers and the monitor, a thread's CPU time for finding
//! workers that do not yield.
//!
//! All are read through libc (the vDSO where it can), never by an inline system call.

use std::time::Duration;

/// Nanoseconds of the monotonic clock.
#[cfg(not(shuttle))]
#[must_use]
pub(crate) fn monotonic_ns() -> u64 {
    #[cfg(all(test, not(any(loom, miri))))]
    crate::primitive::counted::note_clock_read();
    read(libc::CLOCK_MONOTONIC).unwrap_or(0)
}

#[cfg(shuttle)]
pub(crate) use simulated::{monotonic_ns, pass};

/// The clock of a simulation: it stands still while anything runs.
#[cfg(shuttle)]
mod simulated {
    use super::duration_ns;
    use crate::primitive::static_atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    static NOW_NS: AtomicU64 = AtomicU64::new(1);

    #[must_use]
    pub(crate) fn monotonic_ns() -> u64 {
        NOW_NS.load(Ordering::Relaxed)
    }

    /// Lets time pass.
    pub(crate) fn pass(duration: Duration) {
        NOW_NS.fetch_add(duration_ns(duration), Ordering::Relaxed);
    }
}

/// The CPU clock of one thread, readable from every thread of the process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ThreadClock(libc::clockid_t);

impl ThreadClock {
    /// The calling thread's clock; `None` where there is none (Miri).
    #[must_use]
    pub(crate) fn current() -> Option<Self> {
        if cfg!(miri) {
            return None;
        }
        let mut clock: libc::clockid_t = 0;
        // SAFETY: no arguments; it cannot fail.
        let thread = unsafe { libc::pthread_self() };
        // SAFETY: the thread is alive (it is this one) and `clock` is a valid place.
        let error = unsafe { libc::pthread_getcpuclockid(thread, &raw mut clock) };
        (error == 0).then_some(Self(clock))
    }

    /// Nanoseconds of CPU that the thread has used; `None` once it has ended.
    #[must_use]
    pub(crate) fn cpu_ns(self) -> Option<u64> {
        read(self.0)
    }
}

/// A duration in nanoseconds, at most `u64::MAX` (584 years).
#[must_use]
pub(crate) fn duration_ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn read(clock: libc::clockid_t) -> Option<u64> {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a valid place; an unknown clock is an error, not undefined.
    let error = unsafe { libc::clock_gettime(clock, &raw mut time) };
    (error == 0).then(|| (time.tv_sec as u64) * 1_000_000_000 + time.tv_nsec as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn monotonic_time_does_not_go_back() {
        let first = monotonic_ns();
        assert!(first > 0);
        assert!(monotonic_ns() >= first);
    }

    #[test]
    #[cfg(not(miri))]
    fn a_threads_cpu_clock_is_readable_from_another_thread() {
        let (send, receive) = std::sync::mpsc::channel();
        let (release, wait) = std::sync::mpsc::channel::<()>();
        let worker = std::thread::spawn(move || {
            let clock = ThreadClock::current().expect("threads have a CPU clock");
            while clock.cpu_ns().expect("alive") < 1_000_000 {}
            send.send(clock).expect("the test waits");
            let _ = wait.recv();
        });
        let clock = receive.recv().expect("the thread answers");
        assert!(clock.cpu_ns().expect("alive") >= 1_000_000);
        drop(release);
        worker.join().expect("no panic");
    }
}
