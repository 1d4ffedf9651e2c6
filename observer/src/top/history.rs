//! The last two minutes of every process and site: for rates and sparklines.
//!
//! Times are the reports' own, so a report that is shown late says the same. One sample a second
//! is kept. A rate is that over the last five seconds: monitors report up to two seconds late, so
//! over one second it would jump between zero and twice the truth.

use std::collections::{HashMap, VecDeque};

use crate::export::{CountsReport, Report};

/// Samples of one line; the widest sparkline shows as many.
const SAMPLES: usize = 120;
const SAMPLE_MS: u64 = 1_000;
const RATE_MS: u64 = 5_000;

/// What was, by process and site.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    series: HashMap<Key, Series>,
    last_ms: Option<u64>,
}

/// A process by its pid and start, and one of its sites; the process itself without one.
type Key = (u32, u64, Option<String>);

#[derive(Clone, Debug, Default)]
struct Series {
    samples: VecDeque<Sample>,
    is_current: bool,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    at_ms: u64,
    live: u64,
    spawned: u64,
    ended: u64,
}

/// Tasks per second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Rates {
    pub(super) spawned: f64,
    pub(super) ended: f64,
}

impl History {
    /// Takes a report, if a second has passed since the last one; forgets what it does not have.
    pub(super) fn take(&mut self, report: &Report) {
        let at_ms = report.unix_ms;
        if self.last_ms.is_some_and(|last_ms| at_ms < last_ms) {
            // Another clock: another daemon, or somebody set it back.
            self.series.clear();
        } else if self
            .last_ms
            .is_some_and(|last_ms| at_ms - last_ms < SAMPLE_MS)
        {
            return;
        }
        self.last_ms = Some(at_ms);
        for process in &report.processes {
            let key =
                |site: Option<&str>| (process.pid, process.start_time, site.map(ToOwned::to_owned));
            self.add(key(None), at_ms, &process.totals);
            for site in &process.sites {
                self.add(key(Some(&site.site)), at_ms, &site.counts);
            }
        }
        self.series
            .retain(|_, series| std::mem::take(&mut series.is_current));
    }

    /// The rates of a process or site.
    pub(super) fn rates(&self, process: (u32, u64), site: Option<&str>) -> Rates {
        self.of(process, site)
            .map(Series::rates)
            .unwrap_or_default()
    }

    /// The numbers of live tasks, the newest last, at most `count`.
    pub(super) fn live(&self, process: (u32, u64), site: Option<&str>, count: usize) -> Vec<u64> {
        let Some(series) = self.of(process, site) else {
            return Vec::new();
        };
        let skipped = series.samples.len().saturating_sub(count);
        let shown = series.samples.iter().skip(skipped);
        shown.map(|sample| sample.live).collect()
    }

    fn of(&self, (pid, start_time): (u32, u64), site: Option<&str>) -> Option<&Series> {
        self.series
            .get(&(pid, start_time, site.map(ToOwned::to_owned)))
    }

    fn add(&mut self, key: Key, at_ms: u64, counts: &CountsReport) {
        let series = self.series.entry(key).or_default();
        series.is_current = true;
        series.add(Sample {
            at_ms,
            live: counts.live,
            spawned: counts.spawned,
            ended: counts.ended(),
        });
    }
}

impl Series {
    fn add(&mut self, sample: Sample) {
        let fell = |last: &Sample| sample.spawned < last.spawned || sample.ended < last.ended;
        if self.samples.back().is_some_and(fell) {
            // The process runs another program.
            self.samples.clear();
        }
        if self.samples.len() == SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
    }

    fn rates(&self) -> Rates {
        let Some(last) = self.samples.back() else {
            return Rates::default();
        };
        let is_old = |sample: &&Sample| last.at_ms - sample.at_ms >= RATE_MS;
        let first = self.samples.iter().rev().find(is_old);
        let first = first.or(self.samples.front()).unwrap_or(last);
        let seconds = (last.at_ms - first.at_ms) as f64 / 1_000.0;
        if seconds == 0.0 {
            return Rates::default();
        }
        Rates {
            spawned: (last.spawned - first.spawned) as f64 / seconds,
            ended: (last.ended - first.ended) as f64 / seconds,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::{ProcessReport, SiteReport};

    fn report(at_ms: u64, spawned: u64, ended: u64) -> Report {
        let counts = CountsReport {
            live: spawned - ended,
            spawned,
            returned: ended,
            ..CountsReport::default()
        };
        let site = SiteReport {
            site: "a:1:1".to_owned(),
            counts,
            ..SiteReport::default()
        };
        let process = ProcessReport {
            pid: 7,
            totals: counts,
            sites: vec![site],
            ..ProcessReport::default()
        };
        Report {
            unix_ms: at_ms,
            processes: vec![process],
            ..Report::default()
        }
    }

    #[test]
    fn a_rate_is_that_of_the_last_five_seconds() {
        let mut history = History::default();
        for second in 0..20 {
            let spawned = if second < 10 { 0 } else { (second - 9) * 100 };
            history.take(&report(second * 1_000, spawned, spawned / 2));
        }
        let expected = Rates {
            spawned: 100.0,
            ended: 50.0,
        };
        assert_eq!(history.rates((7, 0), None), expected);
        assert_eq!(history.rates((7, 0), Some("a:1:1")), expected);
        assert_eq!(history.rates((8, 0), None), Rates::default());
    }

    #[test]
    fn one_report_has_no_rate_and_those_within_a_second_are_one_sample() {
        let mut history = History::default();
        for ms in [5_000, 5_250, 5_999] {
            history.take(&report(ms, 10, 0));
        }
        assert_eq!(history.rates((7, 0), None), Rates::default());
        assert_eq!(history.live((7, 0), None, 60), [10]);
    }

    #[test]
    fn the_newest_samples_are_last_and_bounded() {
        let mut history = History::default();
        for second in 0..1_000 {
            history.take(&report(second * 1_000, second, 0));
        }
        assert_eq!(history.live((7, 0), None, 3), [997, 998, 999]);
        assert_eq!(history.live((7, 0), None, 9_999).len(), SAMPLES);
    }

    #[test]
    fn what_ended_or_began_anew_has_no_past() {
        let mut history = History::default();
        history.take(&report(1_000, 100, 90));
        history.take(&report(2_000, 5, 0));
        assert_eq!(
            history.live((7, 0), None, 60),
            [5],
            "fewer spawned than before"
        );
        history.take(&Report {
            unix_ms: 3_000,
            ..Report::default()
        });
        assert!(history.series.is_empty());
    }
}
