//! Whether a gauge rises for good: the least values of windows that follow one another.
//!
//! A burst that drains, a cron job and a noisy load lift the peak of a window, never its floor.

use std::collections::VecDeque;

/// Windows that are compared.
const WINDOWS: usize = 4;
/// Parts of a window; the window slides by one of them.
const PARTS: u64 = 5;
/// One window more than is compared: what the first of them began with.
const KEPT: u64 = (WINDOWS as u64 + 1) * PARTS;
/// Share of what there is by which a floor must rise, in percent, until it has begun and after.
const PERCENT: (u64, u64) = (5, 1);

/// The floors of a gauge, and a counter of what explains its growth.
#[derive(Clone, Debug, Default)]
pub(super) struct Trend {
    /// Oldest first; a part without a look is not there.
    parts: VecDeque<Part>,
}

#[derive(Clone, Copy, Debug)]
struct Part {
    number: u64,
    least: u64,
    /// The counter at its end.
    counted: u64,
}

/// The least values of the windows, newest first, and what was counted in each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Floors {
    pub(super) least: [u64; WINDOWS],
    pub(super) counted: [u64; WINDOWS],
}

impl Trend {
    /// Takes the gauge and the counter at a time, which must not be before the last one.
    pub(super) fn push(&mut self, now_ns: u64, value: u64, counted: u64, window_ns: u64) {
        let number = now_ns / part_ns(window_ns);
        match self.parts.back_mut() {
            Some(last) if last.number == number => {
                last.least = last.least.min(value);
                last.counted = counted;
            }
            _ => self.parts.push_back(Part {
                number,
                least: value,
                counted,
            }),
        }
        while self.parts[0].number + KEPT < number {
            self.parts.pop_front();
        }
    }

    /// The floors, or `None` before all windows were seen.
    pub(super) fn floors(&self) -> Option<Floors> {
        // The newest part is not over, and would be a window's share of counts too few.
        let over = self.parts.len().checked_sub(1)?;
        let (first, last) = (self.parts.front()?, self.parts.get(over.checked_sub(1)?)?);
        if last.number - first.number < WINDOWS as u64 * PARTS {
            return None;
        }
        let mut floors = Floors {
            least: [u64::MAX; WINDOWS],
            counted: [0; WINDOWS],
        };
        // Counts at the ends of the windows and at the end of the one before them.
        let mut ends = [first.counted; WINDOWS + 1];
        for part in self.parts.range(..over) {
            let window = ((last.number - part.number) / PARTS) as usize;
            ends[window.min(WINDOWS)] = part.counted;
            if let Some(least) = floors.least.get_mut(window) {
                *least = (*least).min(part.least);
            }
        }
        for (window, counted) in floors.counted.iter_mut().enumerate() {
            *counted = ends[window].saturating_sub(ends[window + 1]);
        }
        // A window in which nobody looked.
        floors
            .least
            .iter()
            .all(|least| *least < u64::MAX)
            .then_some(floors)
    }
}

impl Floors {
    /// By how much the floor has risen over all windows.
    pub(super) fn rise(&self) -> u64 {
        self.least[0].saturating_sub(self.least[WINDOWS - 1])
    }

    /// The floor has risen from each window to the next, by `most_normal` at least and by 5 % of
    /// what there is (1 % once it `has_begun`: a steady leak is an ever smaller share of what it
    /// has left), and by twice what a higher count explains: with n % more spawns, n % more
    /// tasks are healthy (Little's law).
    pub(super) fn is_growth(&self, least_rise: u64, has_begun: bool) -> bool {
        let percent = if has_begun { PERCENT.1 } else { PERCENT.0 };
        let rise = self.rise();
        rise >= least_rise
            && self.least.windows(2).all(|pair| pair[0] > pair[1])
            && u128::from(rise) * 100 > u128::from(self.least[0]) * u128::from(percent)
            && !self.is_explained()
    }

    /// The floor has risen by `least_rise` at least, and from each window to the next by half of
    /// the mean or more: what fills up slows down, and what comes in bursts stands still between
    /// them.
    pub(super) fn is_steady(&self, least_rise: u64) -> bool {
        let steps = WINDOWS as u64 - 1;
        let half_of_the_mean = self.rise().div_ceil(2 * steps);
        let is_step = |pair: &[u64]| pair[0].saturating_sub(pair[1]) >= half_of_the_mean;
        self.rise() >= least_rise.max(1) && self.least.windows(2).all(is_step)
    }

    /// What was counted over all windows.
    pub(super) fn counted(&self) -> u64 {
        self.counted
            .iter()
            .fold(0, |sum, of_window| sum.saturating_add(*of_window))
    }

    fn is_explained(&self) -> bool {
        let (now, before) = (self.counted[0], self.counted[WINDOWS - 1]);
        let explained =
            2 * u128::from(self.least[WINDOWS - 1]) * u128::from(now.saturating_sub(before));
        before > 0 && u128::from(self.rise()) * u128::from(before) <= explained
    }
}

fn part_ns(window_ns: u64) -> u64 {
    (window_ns / PARTS).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: u64 = 10;

    /// The floors after these values, one a unit of time, with this much counted in each.
    fn floors(values: &[u64], pace: impl Fn(u64) -> u64) -> Option<Floors> {
        let (mut trend, mut counted) = (Trend::default(), 0);
        for (now, value) in values.iter().enumerate() {
            counted += pace(now as u64);
            trend.push(now as u64, *value, counted, WINDOW);
        }
        trend.floors()
    }

    #[test]
    fn nothing_is_known_before_all_windows() {
        assert_eq!(floors(&[5; 42], |_| 1), None);
        assert!(floors(&[5; 43], |_| 1).is_some());
    }

    #[test]
    fn a_steady_rise_is_growth() {
        let values: Vec<u64> = (0..60).collect();
        let floors = floors(&values, |_| 1).expect("known");
        assert!(floors.is_growth(20, false), "{floors:?}");
        assert!(!floors.is_growth(40, false), "too little: {floors:?}");
    }

    #[test]
    fn what_fills_up_more_and_more_slowly_is_not_steady() {
        let line: Vec<u64> = (0..60).map(|now| 5 * now).collect();
        let line = floors(&line, |_| 1).expect("known");
        assert!(line.is_steady(150) && !line.is_steady(151), "{line:?}");
        // A server whose tasks take 15 units of time, from its start on.
        let filling = |now: u64| (1_000.0 * (1.0 - (-(now as f64) / 15.0).exp())) as u64;
        let filling: Vec<u64> = (0..45).map(filling).collect();
        let filling = floors(&filling, |_| 1).expect("known");
        assert!(
            !filling.is_steady(1) && filling.is_growth(1, false),
            "{filling:?}"
        );
    }

    #[test]
    fn what_is_counted_is_that_of_all_windows() {
        assert_eq!(floors(&[5; 60], |_| 7).expect("known").counted(), 280);
    }

    #[test]
    fn bursts_that_drain_are_none() {
        let values: Vec<u64> = (0..60).map(|now| now * u64::from(now % 9 != 0)).collect();
        assert!(!floors(&values, |_| 1).expect("known").is_growth(1, false));
    }

    #[test]
    fn what_fills_and_stays_is_none_once_it_is_full() {
        let values: Vec<u64> = (0..80).map(|now: u64| now.min(40)).collect();
        assert!(!floors(&values, |_| 1).expect("known").is_growth(1, false));
    }

    #[test]
    fn a_rise_with_the_load_is_none() {
        let values: Vec<u64> = (0..60).map(|now| 100 + 2 * now).collect();
        assert!(
            !floors(&values, |now| 50 + now)
                .expect("known")
                .is_growth(1, false)
        );
        assert!(floors(&values, |_| 50).expect("known").is_growth(1, false));
    }

    #[test]
    fn a_part_that_has_just_begun_is_no_fall_of_the_load() {
        for values in 50..60 {
            let steady = vec![5; values];
            assert_eq!(floors(&steady, |_| 7).expect("known").counted, [70; 4]);
        }
    }

    #[test]
    fn a_small_share_is_growth_only_while_it_lasts() {
        let values: Vec<u64> = (0..60).map(|now| 1_000 + now).collect();
        let floors = floors(&values, |_| 1).expect("known");
        assert!(!floors.is_growth(1, false) && floors.is_growth(1, true));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut trend = Trend::default();
        (0..10_000).for_each(|now| trend.push(now, now, now, WINDOW));
        assert!(trend.parts.len() <= KEPT as usize + 1);
    }
}
