//! A timer that one thread waits for and any thread may set, without waking who waits.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;

/// A timer of the kernel's, by the monotonic clock. It is closed in programs that the process
/// becomes.
#[derive(Debug)]
pub(crate) struct AlarmClock(OwnedFd);

impl AlarmClock {
    /// # Errors
    /// If the process has no descriptor left, or the system.
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: no pointers; the result is checked below.
        let fd = unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just made it, and nobody else knows of it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Lets it ring at this time, at once if that is over; not at the time that was set before.
    pub(crate) fn set(&self, at_ns: u64) {
        // A time of zero would switch it off.
        let at_ns = at_ns.max(1);
        let time = libc::timespec {
            tv_sec: (at_ns / 1_000_000_000) as libc::time_t,
            tv_nsec: (at_ns % 1_000_000_000) as libc::c_long,
        };
        let once = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let setting = libc::itimerspec {
            it_interval: once,
            it_value: time,
        };
        let (fd, flags) = (self.0.as_raw_fd(), libc::TFD_TIMER_ABSTIME);
        // SAFETY: the setting is a live structure, and the old one is not asked for.
        let result =
            unsafe { libc::timerfd_settime(fd, flags, &raw const setting, ptr::null_mut()) };
        debug_assert_eq!(result, 0);
    }

    /// Waits until it rings; it does so once for each setting. A signal may end the wait earlier.
    pub(crate) fn wait(&self) {
        let mut rings = 0_u64;
        let fd = self.0.as_raw_fd();
        // SAFETY: the number is live and as long as said. What cannot be read need not be: the
        // caller looks at the clock.
        unsafe { libc::read(fd, (&raw mut rings).cast(), size_of_val(&rings)) };
    }
}

#[cfg(all(test, not(any(miri, loom))))]
mod tests {
    use super::*;
    use crate::sys::clock::monotonic_ns;

    #[test]
    fn it_rings_at_the_time_that_was_set_last() {
        let clock = AlarmClock::new().unwrap();
        let at_ns = monotonic_ns() + 2_000_000;
        clock.set(u64::MAX / 2);
        clock.set(at_ns);
        clock.wait();
        assert!(monotonic_ns() >= at_ns);
        clock.set(0);
        clock.wait();
    }

    #[test]
    fn who_waits_is_not_woken_by_a_later_setting_and_is_by_one_for_now() {
        let clock = std::sync::Arc::new(AlarmClock::new().unwrap());
        clock.set(u64::MAX / 2);
        let waiting = {
            let clock = std::sync::Arc::clone(&clock);
            std::thread::spawn(move || clock.wait())
        };
        clock.set(u64::MAX / 4);
        assert!(!waiting.is_finished());
        clock.set(1);
        waiting.join().unwrap();
    }
}
