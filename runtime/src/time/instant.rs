//! Points in time, on the clock that timers go by.

use std::ops::{Add, AddAssign, Sub};
use std::time::Duration;

use crate::sys::clock;
use crate::time;

/// A point in time on the runtime's clock: the system's monotonic one, to the nanosecond; in a
/// [simulation](crate::test), its own.
///
/// Unlike [`std::time::Instant`] it can be stored in an atomic and saturates instead of
/// panicking. The two convert into each other within a microsecond.
///
/// ```
/// use runtime::time::Instant;
/// use std::time::Duration;
///
/// let begin = Instant::now();
/// let deadline = begin + Duration::from_millis(20);
/// assert_eq!(deadline - begin, Duration::from_millis(20));
/// assert!(begin.elapsed() < Duration::from_secs(3600));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// Now.
    #[must_use]
    pub fn now() -> Self {
        Self(time::now_ns())
    }

    /// How long ago it was; zero if it is yet to come.
    #[must_use]
    pub fn elapsed(self) -> Duration {
        Self::now() - self
    }

    pub(crate) const fn from_ns(ns: u64) -> Self {
        Self(ns)
    }

    pub(crate) const fn as_ns(self) -> u64 {
        self.0
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    /// Saturates: far enough in the future is for ever.
    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(clock::duration_ns(duration)))
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

impl Sub for Instant {
    type Output = Duration;

    /// The time from `earlier` to here; zero if that is later.
    fn sub(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl From<std::time::Instant> for Instant {
    fn from(instant: std::time::Instant) -> Self {
        let (now, here) = (std::time::Instant::now(), Self::now());
        match instant.checked_duration_since(now) {
            Some(ahead) => here + ahead,
            None => Self(here.0.saturating_sub(clock::duration_ns(now - instant))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn saturates_at_both_ends() {
        let far = Instant::now() + Duration::MAX;
        assert_eq!(far.as_ns(), u64::MAX);
        assert_eq!(Instant::from_ns(1) - far, Duration::ZERO);
    }

    #[test]
    fn converts_from_the_standard_library() {
        let hour = Duration::from_secs(3600);
        let close = |a: Instant, b: Instant| (a - b).max(b - a) < Duration::from_secs(60);
        let (std_now, now) = (std::time::Instant::now(), Instant::now());
        assert!(close(Instant::from(std_now + hour), now + hour));
        assert!(close(Instant::from(std_now), now));
    }
}
