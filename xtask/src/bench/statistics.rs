//! Medians and intervals. Pure functions over samples; the random numbers have a fixed seed, so
//! equal samples give equal intervals.

/// How many resamples an interval is made from.
const RESAMPLES: usize = 10_000;

/// With fewer samples even the span from the smallest to the largest covers the true median less
/// than 95 times in a hundred: 1 − 2 · 2⁻ⁿ for n of them.
const FEWEST: usize = 6;

/// A median with an interval around it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The median of the samples.
    pub median: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// The median; the mean of the two in the middle where their number is even.
///
/// # Panics
///
/// When there are no samples.
pub fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        sorted[middle]
    } else {
        f64::midpoint(sorted[middle - 1], sorted[middle])
    }
}

/// The smallest and the largest sample.
pub fn spread(samples: &[f64]) -> (f64, f64) {
    let low = samples.iter().copied().fold(f64::INFINITY, f64::min);
    let high = samples.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (low, high)
}

/// The 95 % percentile bootstrap interval of the median (Efron and Tibshirani, An Introduction to
/// the Bootstrap, chapter 13): medians of resamples with replacement, cut at 2.5 and 97.5 %.
/// `None` from fewer than six samples, which cannot carry one.
pub fn bootstrap(samples: &[f64]) -> Option<Interval> {
    if samples.len() < FEWEST {
        return None;
    }
    let mut random = XorShift(0x9e37_79b9_7f4a_7c15);
    let mut resample = vec![0.0; samples.len()];
    let mut medians: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            resample.fill_with(|| samples[random.below(samples.len())]);
            median(&resample)
        })
        .collect();
    medians.sort_by(f64::total_cmp);
    let low = medians[RESAMPLES * 25 / 1000];
    let high = medians[RESAMPLES * 975 / 1000 - 1];
    Some(Interval {
        median: median(samples),
        low,
        high,
    })
}

/// Marsaglia's xorshift64 with shifts 13, 7, 17.
struct XorShift(u64);

impl XorShift {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        // The high half of a product maps to the range without a division.
        ((u128::from(self.0) * bound as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), 2.5);
        assert_eq!(spread(&[3.0, 1.0, 2.0]), (1.0, 3.0));
    }

    #[test]
    fn equal_samples_have_an_interval_without_width() {
        assert_eq!(
            bootstrap(&[2.0; 8]),
            Some(Interval {
                median: 2.0,
                low: 2.0,
                high: 2.0
            })
        );
    }

    #[test]
    fn few_samples_have_no_interval() {
        assert_eq!(bootstrap(&[1.0; 5]), None);
        assert!(bootstrap(&[1.0; 6]).is_some());
    }

    #[test]
    fn the_interval_holds_the_median_and_stays_within_the_samples() {
        let samples: Vec<f64> = (0..30)
            .map(|n| 1.0 + f64::from(n * 7 % 30) / 100.0)
            .collect();
        let interval = bootstrap(&samples).unwrap();
        assert!(1.0 <= interval.low && interval.low < interval.median);
        assert!(interval.median < interval.high && interval.high <= 1.29);
    }

    #[test]
    fn the_interval_nearly_always_covers_the_true_median() {
        let mut random = XorShift(42);
        let covered = (0..40)
            .filter(|_| {
                let samples: Vec<f64> = (0..31).map(|_| random.below(1_000_001) as f64).collect();
                let interval = bootstrap(&samples).unwrap();
                interval.low <= 500_000.0 && 500_000.0 <= interval.high
            })
            .count();
        assert!((34..=40).contains(&covered), "{covered}");
    }
}
