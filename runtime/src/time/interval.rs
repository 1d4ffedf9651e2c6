//! Ticks at a steady pace.

use std::time::Duration;

use crate::cancel::{Interrupted, Until};
use crate::time::{Instant, sleep_until};

/// What becomes of ticks that were due while nobody asked for one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MissedTicks {
    /// They come at once, one after the other, until the pace is caught up with.
    #[default]
    Burst,
    /// The first comes at once, and the next one a period after it: the pace begins anew.
    Delay,
    /// The first comes at once, the others not at all: later ticks are on the old grid.
    Skip,
}

/// Ticks at a steady pace, which does not drift: each is due a period after the one before was
/// due, however late that was asked for.
///
/// It is only a note of when the next tick is due. Nothing runs behind it, and nothing is left
/// of it when it is dropped.
///
/// ```
/// use runtime::{Runtime, time::Interval};
/// use std::time::Duration;
///
/// Runtime::run(|| {
///     let mut ticks = Interval::new(Duration::from_millis(1));
///     let first = ticks.tick();
///     let third = { ticks.tick(); ticks.tick() };
///     assert_eq!(third - first, Duration::from_millis(2));
/// });
/// ```
#[derive(Clone, Debug)]
pub struct Interval {
    period: Duration,
    next: Instant,
    missed: MissedTicks,
}

impl Interval {
    /// The first tick is due now.
    ///
    /// # Panics
    ///
    /// If the period is zero.
    #[must_use]
    pub fn new(period: Duration) -> Self {
        Self::starting_at(Instant::now(), period)
    }

    /// The first tick is due at `start`.
    ///
    /// # Panics
    ///
    /// If the period is zero.
    #[must_use]
    pub fn starting_at(start: Instant, period: Duration) -> Self {
        assert!(period > Duration::ZERO, "ticks need time between them");
        Self {
            period,
            next: start,
            missed: MissedTicks::default(),
        }
    }

    /// What becomes of missed ticks.
    #[must_use]
    pub fn missed_ticks(mut self, missed: MissedTicks) -> Self {
        self.missed = missed;
        self
    }

    /// The time between two ticks.
    #[must_use]
    pub fn period(&self) -> Duration {
        self.period
    }

    /// The next tick is due a period from now.
    pub fn reset(&mut self) {
        self.next = Instant::now() + self.period;
    }

    /// Sleeps until the next tick is due; when that was.
    pub fn tick(&mut self) -> Instant {
        sleep_until(self.next);
        self.advance(Instant::now())
    }

    /// Like [`Interval::tick`], with an end to the wait. A tick that did not come is still due.
    ///
    /// # Errors
    ///
    /// If the wait is over before the tick is due.
    pub fn tick_until<'a>(&mut self, until: impl Into<Until<'a>>) -> Result<Instant, Interrupted> {
        let until = until.into();
        let mut now = Instant::now();
        if now < self.next {
            // A wait that would end with the tick counts as the tick.
            let interrupted = until.or_at(self.next).wait();
            now = Instant::now();
            if now < self.next {
                return Err(interrupted);
            }
        }
        Ok(self.advance(now))
    }

    /// Takes the tick that is due; when it was.
    fn advance(&mut self, now: Instant) -> Instant {
        let due = self.next;
        let is_late = now >= due + self.period;
        self.next = match self.missed {
            MissedTicks::Delay if is_late => now + self.period,
            MissedTicks::Skip if is_late => {
                let late_ns = (now - due).as_nanos() % self.period.as_nanos();
                let late = Duration::from_nanos(u64::try_from(late_ns).unwrap_or(0));
                now + (self.period - late)
            }
            _ => due + self.period,
        };
        due
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::Runtime;
    use crate::cancel::Token;

    const SECOND: Duration = Duration::from_secs(1);

    /// When ticks are due that are asked for at these times, in seconds.
    fn due(missed: MissedTicks, asked: &[u32]) -> Vec<u64> {
        let start = Instant::from_ns(0);
        let mut interval = Interval::starting_at(start, SECOND).missed_ticks(missed);
        let mut tick = |&now: &u32| {
            let now = (start + SECOND * now).max(interval.next);
            (interval.advance(now) - start).as_secs()
        };
        asked.iter().map(&mut tick).collect()
    }

    #[test]
    fn missed_ticks_come_at_once_or_late_or_not_at_all() {
        let asked = [0, 0, 5, 5, 5, 5];
        assert_eq!(due(MissedTicks::Burst, &asked), [0, 1, 2, 3, 4, 5]);
        assert_eq!(due(MissedTicks::Delay, &asked), [0, 1, 2, 6, 7, 8]);
        assert_eq!(due(MissedTicks::Skip, &asked), [0, 1, 2, 6, 7, 8]);
    }

    #[test]
    fn skipping_stays_on_the_grid_and_delaying_does_not() {
        let start = Instant::from_ns(0);
        let late = start + Duration::from_millis(2_300);
        let next = |missed| {
            let mut interval = Interval::starting_at(start, SECOND).missed_ticks(missed);
            interval.advance(late);
            interval.next - start
        };
        assert_eq!(next(MissedTicks::Skip), Duration::from_secs(3));
        assert_eq!(next(MissedTicks::Delay), Duration::from_millis(3_300));
    }

    #[test]
    fn a_tick_that_was_interrupted_is_still_due() {
        Runtime::run(|| {
            let mut interval = Interval::new(3_600 * SECOND);
            let first = interval.tick();
            let token = Token::new();
            token.cancel();
            assert!(!interval.tick_until(&token).unwrap_err().is_timeout());
            let waited = interval.tick_until(Duration::from_micros(100));
            assert!(waited.unwrap_err().is_timeout());
            assert_eq!(interval.next, first + 3_600 * SECOND);
            interval.next = first;
            assert_eq!(interval.tick_until(&token).unwrap(), first, "it was due");
        });
    }
}
