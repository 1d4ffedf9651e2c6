//! Numbers that a seed draws.

use std::time::Duration;

/// A generator: splitmix64 (Steele, Lea and Flood, OOPSLA 2014).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The numbers of this seed and stream.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut random = Self(seed.wrapping_mul(1_000_003).wrapping_add(stream));
        random.next();
        random
    }

    /// A generator that goes its own way.
    pub fn fork(&mut self) -> Self {
        Self(self.next())
    }

    /// A number of this range.
    pub fn within(&mut self, range: std::ops::Range<u64>) -> u64 {
        range.start + self.next() % (range.end - range.start)
    }

    /// A time until the next of events that come at random, so many a second.
    pub fn gap(&mut self, per_second: f64) -> Duration {
        Duration::from_secs_f64(self.exponential() / per_second)
    }

    /// Exponentially distributed, of mean 1, at most 10.
    pub fn exponential(&mut self) -> f64 {
        // 53 bits, as many as a float has.
        let uniform = ((self.next() >> 11) as f64 + 1.0) / (1_u64 << 53) as f64;
        (-uniform.ln()).min(10.0)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }
}
