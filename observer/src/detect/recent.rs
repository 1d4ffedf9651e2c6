//! By how much counters rose over the last while.

use std::collections::VecDeque;

/// Samples of a window; more are thinned out.
const SAMPLES: u64 = 16;

/// Cumulative counts, as far back as one window.
#[derive(Clone, Debug)]
pub(super) struct Recent<const N: usize> {
    /// Oldest first; the first is at the window's start or before it.
    samples: VecDeque<(u64, [u64; N])>,
}

impl<const N: usize> Default for Recent<N> {
    fn default() -> Self {
        Self {
            samples: VecDeque::new(),
        }
    }
}

impl<const N: usize> Recent<N> {
    /// Takes the counts at a time, which must not be before the last one; by how much they rose
    /// over the window; the counts at its beginning, between two samples, by a straight line. What
    /// was there at the first look is a baseline.
    pub(super) fn push(&mut self, now_ns: u64, counts: [u64; N], window_ns: u64) -> [u64; N] {
        let start_ns = now_ns.saturating_sub(window_ns);
        let length = self.samples.len();
        let is_close = length >= 2 && now_ns - self.samples[length - 2].0 < window_ns / SAMPLES;
        if is_close {
            self.samples.pop_back();
        }
        self.samples.push_back((now_ns, counts));
        while self.samples.len() > 2 && self.samples[1].0 <= start_ns {
            self.samples.pop_front();
        }
        let before = self.at(start_ns);
        std::array::from_fn(|count| counts[count].saturating_sub(before[count]))
    }

    /// The counts at a time between the first two samples.
    fn at(&self, at_ns: u64) -> [u64; N] {
        let (first_ns, first) = self.samples[0];
        let Some(&(second_ns, second)) = self.samples.get(1) else {
            return first;
        };
        if at_ns <= first_ns || second_ns <= first_ns {
            return first;
        }
        let span = u128::from(second_ns - first_ns);
        let done = u128::from(at_ns.min(second_ns) - first_ns);
        let rise = |count: usize| u128::from(second[count].saturating_sub(first[count]));
        std::array::from_fn(|count| first[count] + (rise(count) * done / span) as u64)
    }

    /// A whole window was seen.
    pub(super) fn is_whole(&self, now_ns: u64, window_ns: u64) -> bool {
        let first = self.samples.front();
        first.is_some_and(|(at_ns, _)| now_ns.saturating_sub(*at_ns) >= window_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rise_is_seen_for_a_window_and_then_no_more() {
        let mut recent = Recent::default();
        assert_eq!(recent.push(100, [7], 10), [0], "the baseline");
        assert_eq!(recent.push(101, [9], 10), [2]);
        assert_eq!(recent.push(110, [9], 10), [2]);
        assert!(recent.is_whole(110, 10));
        assert_eq!(recent.push(112, [9], 10), [0]);
    }

    #[test]
    fn between_two_samples_counts_rise_in_a_straight_line() {
        let mut recent = Recent::default();
        recent.push(100, [0, 40], 10);
        assert_eq!(recent.push(108, [8, 80], 10), [8, 40]);
        assert_eq!(recent.push(114, [20, 80], 10), [16, 20], "since 104");
    }

    #[test]
    fn samples_are_bounded_however_often_one_looks() {
        let mut recent = Recent::default();
        for now in 0..10_000 {
            recent.push(now, [now], 1_600);
        }
        assert!(recent.samples.len() <= 2 * SAMPLES as usize + 2);
    }
}
