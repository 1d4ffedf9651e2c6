//! The least value of a gauge over a sliding window.

use std::collections::VecDeque;

/// The least value over the last `window_ns`, known once that much time was seen.
///
/// Holds a rising sequence of (time, value): every value that a later, smaller one follows can
/// never be the least again (the monotone queue). A steady gauge holds one entry; a gauge that
/// rises at every step at most one per step of the window.
#[derive(Clone, Debug, Default)]
pub(super) struct Floor {
    began_ns: Option<u64>,
    rising: VecDeque<(u64, u64)>,
}

impl Floor {
    /// Adds the value at a time, which must not be before the last one.
    pub(super) fn push(&mut self, now_ns: u64, value: u64, window_ns: u64) {
        self.began_ns.get_or_insert(now_ns);
        while self.rising.back().is_some_and(|(_, last)| *last >= value) {
            self.rising.pop_back();
        }
        // The value held since the one before it, so a later time is the safe one.
        self.rising.push_back((now_ns, value));
        let start_ns = now_ns.saturating_sub(window_ns);
        while self.rising.len() > 1 && self.rising[0].0 < start_ns {
            self.rising.pop_front();
        }
    }

    /// The least value of the window, or `None` before a whole window was seen.
    pub(super) fn least(&self, now_ns: u64, window_ns: u64) -> Option<u64> {
        let began_ns = self.began_ns?;
        let complete = now_ns.saturating_sub(began_ns) >= window_ns;
        complete
            .then(|| self.rising.front().map(|(_, value)| *value))
            .flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_is_known_before_a_whole_window() {
        let mut floor = Floor::default();
        floor.push(100, 5, 10);
        assert_eq!(floor.least(109, 10), None);
        assert_eq!(floor.least(110, 10), Some(5));
        assert_eq!(floor.least(100, 0), Some(5));
    }

    proptest! {
        #[test]
        fn it_is_the_least_of_the_window(
            values in prop::collection::vec(0_u64..20, 1..60),
            window in 0_u64..20,
        ) {
            let mut floor = Floor::default();
            for (now, value) in values.iter().enumerate() {
                floor.push(now as u64, *value, window);
                let first = now.saturating_sub(window as usize);
                let least = values[first..=now].iter().min().copied();
                let expected = least.filter(|_| now as u64 >= window);
                prop_assert_eq!(floor.least(now as u64, window), expected);
            }
        }
    }
}
