//! The arithmetic of a token bucket: pure, with the time as an argument, exact.
//!
//! Time is in nanoseconds, and the level in parts of a token of which one nanosecond adds `tokens`
//! and a token has `per_ns`: whole numbers, so nothing is rounded away however long it runs.
//!
//! Who waits is served *at the time at which its tokens were there*, not at the later one at
//! which it looked: the bucket is filled up to that time only, and what came in afterwards is the
//! next one's. So a late wake-up delays one request and not all that follow, and the rate holds over
//! any number of requests. Only while nobody waits does a full bucket run over.

use crate::time::NEVER;

/// Tokens, and the time to which they are counted.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    tokens: u64,
    per_ns: u64,
    burst: u64,
    level: u128,
    at_ns: u64,
}

impl Bucket {
    /// A full bucket that gets `tokens` in `per_ns`, and holds `burst`.
    pub(super) fn new(tokens: u64, per_ns: u64, burst: u64, now_ns: u64) -> Self {
        let mut bucket = Self {
            tokens,
            per_ns,
            burst,
            level: 0,
            at_ns: now_ns,
        };
        bucket.level = bucket.parts(burst);
        bucket
    }

    /// Takes tokens that are there now; nobody waits.
    #[must_use]
    pub(super) fn take(&mut self, tokens: u64, now_ns: u64) -> bool {
        self.fill_to(now_ns);
        self.level = self.level.min(self.parts(self.burst));
        let enough = self.level >= self.parts(tokens);
        if enough {
            self.level -= self.parts(tokens);
        }
        enough
    }

    /// Serves whoever waits longest, at the time at which its tokens are there.
    ///
    /// # Errors
    ///
    /// That time, if it is yet to come; [`NEVER`] if the clock does not reach it.
    pub(super) fn serve(&mut self, tokens: u64, now_ns: u64) -> Result<(), u64> {
        let ready_ns = self.ready_ns(tokens);
        if ready_ns > now_ns || ready_ns == NEVER {
            return Err(ready_ns);
        }
        self.fill_to(ready_ns);
        self.level -= self.parts(tokens);
        Ok(())
    }

    /// When so many tokens are there, if nobody takes any before.
    fn ready_ns(&self, tokens: u64) -> u64 {
        let missing = self.parts(tokens).saturating_sub(self.level);
        let wait_ns = missing.div_ceil(u128::from(self.tokens));
        self.at_ns
            .saturating_add(u64::try_from(wait_ns).unwrap_or(NEVER))
    }

    fn fill_to(&mut self, ns: u64) {
        let passed_ns = ns.saturating_sub(self.at_ns);
        let filled = u128::from(passed_ns) * u128::from(self.tokens);
        self.level = self.level.saturating_add(filled);
        self.at_ns = self.at_ns.max(ns);
    }

    fn parts(&self, tokens: u64) -> u128 {
        u128::from(tokens) * u128::from(self.per_ns)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn begins_full_and_gives_no_more_than_that_at_once() {
        let mut bucket = Bucket::new(10, SECOND, 3, 0);
        assert!(bucket.take(2, 0) && bucket.take(1, 0) && !bucket.take(1, 0));
        assert!(!bucket.take(1, SECOND / 10 - 1));
        assert!(bucket.take(1, SECOND / 10));
    }

    #[test]
    fn runs_over_while_nobody_waits() {
        let mut bucket = Bucket::new(10, SECOND, 3, 0);
        assert!(bucket.take(3, 1_000 * SECOND));
        assert!(!bucket.take(1, 1_000 * SECOND));
    }

    #[test]
    fn one_that_is_served_late_does_not_delay_those_behind_it() {
        let mut bucket = Bucket::new(1, SECOND, 1, 0);
        assert!(bucket.take(1, 0));
        assert_eq!(bucket.serve(1, 0), Err(SECOND));
        let late = SECOND + SECOND / 2;
        assert_eq!(bucket.serve(1, late), Ok(()));
        assert_eq!(bucket.serve(1, late), Err(2 * SECOND));
    }

    #[test]
    fn time_that_goes_back_adds_nothing() {
        let mut bucket = Bucket::new(1, SECOND, 1, 5 * SECOND);
        assert!(bucket.take(1, 5 * SECOND));
        assert!(!bucket.take(1, SECOND));
        assert!(!bucket.take(1, 6 * SECOND - 1));
        assert!(bucket.take(1, 6 * SECOND));
    }

    #[test]
    fn the_largest_numbers_do_not_overflow() {
        let mut bucket = Bucket::new(u64::MAX, u64::MAX, u64::MAX, 0);
        assert!(bucket.take(u64::MAX, u64::MAX));
        assert!(bucket.serve(u64::MAX, u64::MAX).is_err());
        let mut slow = Bucket::new(1, u64::MAX, u64::MAX, 0);
        assert!(slow.take(u64::MAX, 0));
        assert_eq!(slow.serve(u64::MAX, 9), Err(u64::MAX));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 256 }))]
        /// A rate that does not divide the second, and waiters that look at random times, late.
        #[test]
        fn does_not_drift(
            tokens in 1..1_000_u64,
            burst in 1..20_u64,
            late_ns in prop::collection::vec(0..5_000_000_u64, 1..200),
        ) {
            let mut bucket = Bucket::new(tokens, SECOND, burst, 0);
            prop_assert!(bucket.take(burst, 0));
            for (served, late_ns) in late_ns.iter().enumerate() {
                let due_ns = ((served as u128 + 1) * u128::from(SECOND)).div_ceil(u128::from(tokens));
                let due_ns = due_ns as u64;
                prop_assert_eq!(bucket.clone().serve(1, due_ns - 1), Err(due_ns));
                prop_assert_eq!(bucket.serve(1, due_ns + late_ns), Ok(()));
            }
        }

        /// In any stretch of time that begins when something is taken, at most a burst and what
        /// came in meanwhile.
        #[test]
        fn gives_no_more_than_a_burst_and_the_rate(
            tokens in 1..1_000_u64,
            burst in 1..20_u64,
            steps in prop::collection::vec((0..20_000_000_u64, 0..20_u64), 1..100),
        ) {
            let mut bucket = Bucket::new(tokens, SECOND, burst, 0);
            let (mut now_ns, mut taken) = (0, Vec::new());
            for (passed_ns, wanted) in steps {
                now_ns += passed_ns;
                let wanted = wanted.min(burst);
                if bucket.take(wanted, now_ns) {
                    taken.push((now_ns, wanted));
                }
            }
            for (first, (since_ns, _)) in taken.iter().enumerate() {
                let mut sum = 0;
                for (at_ns, wanted) in &taken[first..] {
                    sum += wanted;
                    let came = u128::from(at_ns - since_ns) * u128::from(tokens);
                    let most = u128::from(burst) * u128::from(SECOND) + came;
                    prop_assert!(u128::from(sum) * u128::from(SECOND) <= most);
                }
            }
        }
    }
}
