//! Pairs of rounds, unobserved and observed: their order, their size, and their table. Pure.

use std::fmt::Write;

use super::row::duration;
use super::statistics::{Interval, bootstrap, median, spread};

/// How long the slower round of a pair is to take: many reports of the monitor, which come every
/// 100 ms.
const ROUND_NS: f64 = 1e9;
/// The most that a round grows beyond the measurement's own number of operations.
const MOST_GROWTH: u64 = 20;
/// Ledger mode is to have this share of the unobserved speed, or better.
const AIM: f64 = 0.99;

/// One side of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Without an observer.
    Unobserved,
    /// With one.
    Observed,
}

/// The order within the pair number `pair`: AB, BA, AB, … so that neither side comes first more
/// often, and the probes are armed or disarmed once a pair.
pub fn order(pair: u32) -> [Side; 2] {
    if pair.is_multiple_of(2) {
        [Side::Unobserved, Side::Observed]
    } else {
        [Side::Observed, Side::Unobserved]
    }
}

/// Operations of a round such that the slower side takes about a second, when its operations take
/// `slower_ns` each and the measurement's own number is `own`.
pub fn operations(name: &str, own: u64, slower_ns: f64) -> u64 {
    let most = match name {
        // The number is what is measured.
        "sleepers_1m" => return own,
        // All tasks live at once.
        "spawn_join" => own,
        _ => own * MOST_GROWTH,
    };
    let wanted = (ROUND_NS / slower_ns) as u64;
    // A thousand tasks share the operations of `yield_1000` evenly.
    (wanted.min(most) / 1_000).max(1) * 1_000
}

/// Time per operation on both sides of one pair.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair {
    /// Nanoseconds without an observer.
    pub unobserved_ns: f64,
    /// Nanoseconds with one.
    pub observed_ns: f64,
}

impl Pair {
    /// The speed when observed, relative to that when not.
    fn speed(self) -> f64 {
        self.unobserved_ns / self.observed_ns
    }
}

/// All pairs of one measurement in one mode.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The measurement.
    pub name: &'static str,
    /// The observer's mode.
    pub mode: &'static str,
    /// Operations of each round.
    pub operations: u64,
    /// The pairs.
    pub pairs: Vec<Pair>,
    /// How many more were thrown away, because somebody else came to watch meanwhile.
    pub disturbed: u32,
}

impl Row {
    /// The newest pair, for the progress line.
    pub fn last(&self) -> String {
        match self.pairs.last() {
            Some(pair) => format!(
                "{} unobserved, {} observed",
                duration(pair.unobserved_ns),
                duration(pair.observed_ns)
            ),
            None => "no pair yet".to_owned(),
        }
    }

    /// A line of the table; a row without pairs has none.
    fn line(&self) -> Option<String> {
        let side = |of: fn(&Pair) -> f64| median(&self.pairs.iter().map(of).collect::<Vec<_>>());
        let speeds: Vec<f64> = self.pairs.iter().map(|pair| pair.speed()).collect();
        if speeds.is_empty() {
            return None;
        }
        let (slowest, fastest) = spread(&speeds);
        let interval = bootstrap(&speeds);
        Some(format!(
            "| {} | {} | {} | {} | {:.3}{} | {slowest:.3} – {fastest:.3} | {} | {} | {} |",
            self.name,
            self.mode,
            duration(side(|pair| pair.unobserved_ns)),
            duration(side(|pair| pair.observed_ns)),
            median(&speeds),
            interval.map_or_else(String::new, |ends| format!(
                " ({:.3} – {:.3})",
                ends.low, ends.high
            )),
            verdict(interval),
            self.pairs.len(),
            self.operations,
        ))
    }
}

/// Where the interval lies, beside the aim. One that holds the aim only because it is wide says
/// little, so its ends are to be read with it.
fn verdict(interval: Option<Interval>) -> &'static str {
    match interval {
        None => "too few pairs",
        Some(Interval { low, .. }) if low >= AIM => "yes",
        Some(Interval { high, .. }) if high >= AIM => "within the interval",
        Some(_) => "no",
    }
}

/// The table.
pub fn render(rows: &[Row]) -> String {
    let mut text = String::from(
        "| measurement | mode | unobserved | observed | speed observed ÷ unobserved (95 % interval) \
         | min – max | 0.99 or better | pairs | operations a round |\n\
         |---|---|---:|---:|---:|---:|---|---:|---:|\n",
    );
    for line in rows.iter().filter_map(Row::line) {
        let _ = writeln!(text, "{line}");
    }
    let disturbed: u32 = rows.iter().map(|row| row.disturbed).sum();
    if disturbed > 0 {
        let _ = writeln!(
            text,
            "\n{disturbed} pairs were measured again: another observer came or went meanwhile."
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(speeds: &[f64]) -> Row {
        let pair = |speed: &f64| Pair {
            unobserved_ns: 100.0,
            observed_ns: 100.0 / speed,
        };
        Row {
            name: "yield_2",
            mode: "ledger",
            operations: 1_000,
            pairs: speeds.iter().map(pair).collect(),
            disturbed: 0,
        }
    }

    #[test]
    fn alternates_which_side_is_first() {
        let sides: Vec<Side> = (0..4).flat_map(order).collect();
        let switches = sides.windows(2).filter(|two| two[0] != two[1]).count();
        assert_eq!(switches, 4);
        assert_eq!(sides[0], Side::Unobserved);
        assert_eq!(sides[2], Side::Observed);
    }

    #[test]
    fn a_round_takes_about_a_second_within_bounds() {
        assert_eq!(operations("yield_1000", 4_000_000, 50.0), 20_000_000);
        assert_eq!(operations("yield_2", 4_000_000, 0.5), 80_000_000);
        assert_eq!(operations("spawn_join", 1_000_000, 10.0), 1_000_000);
        assert_eq!(operations("spawn_join", 1_000_000, 5_000.0), 200_000);
        assert_eq!(operations("recursion", 10_000, 1e9), 1_000);
        assert_eq!(operations("sleepers_1m", 1_000_000, 9_000.0), 1_000_000);
    }

    #[test]
    fn a_line_has_the_medians_and_the_interval_of_the_speeds() {
        let text = render(&[row(&[0.5; 6]), row(&[])]);
        let lines: Vec<_> = text.lines().skip(2).collect();
        assert_eq!(
            lines,
            [
                "| yield_2 | ledger | 100 ns | 200 ns | 0.500 (0.500 – 0.500) | 0.500 – 0.500 \
                 | no | 6 | 1000 |"
            ]
        );
    }

    #[test]
    fn the_verdict_says_when_the_interval_is_wide_or_missing() {
        let of = |speeds: &[f64]| verdict(bootstrap(speeds));
        assert_eq!(of(&[1.0; 6]), "yes");
        assert_eq!(of(&[0.5, 0.6, 0.7, 1.2, 1.3, 1.4]), "within the interval");
        assert_eq!(of(&[0.98; 6]), "no");
        assert_eq!(of(&[1.0; 5]), "too few pairs");
    }

    #[test]
    fn says_how_many_pairs_were_disturbed() {
        let mut row = row(&[1.0]);
        row.disturbed = 2;
        assert!(render(&[row]).contains("\n2 pairs were measured again"));
    }
}
