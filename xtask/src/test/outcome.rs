//! What the layers report, and the summary at the end.

use std::fmt;
use std::time::Duration;

/// How many tests a layer ran.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Passed.
    pub passed: u64,
    /// Failed.
    pub failed: u64,
    /// Left out, mostly for being long.
    pub ignored: u64,
}

impl Counts {
    /// Sums the closing lines of all test programs in `output`.
    pub fn parse(output: &str) -> Self {
        let mut counts = Self::default();
        for line in output
            .lines()
            .filter_map(|line| line.split_once("test result:"))
        {
            for part in line.1.split(['.', ';']) {
                let mut words = part.split_whitespace();
                let (Some(number), Some(kind)) = (words.next(), words.next()) else {
                    continue;
                };
                let Ok(number) = number.parse::<u64>() else {
                    continue;
                };
                match kind {
                    "passed" => counts.passed += number,
                    "failed" => counts.failed += number,
                    "ignored" => counts.ignored += number,
                    _ => {}
                }
            }
        }
        counts
    }

    /// Adds another's numbers.
    pub fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
    }
}

/// How a layer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Every call succeeded.
    Passed(Counts),
    /// A test failed, or a test program ended badly.
    Failed(Counts),
    /// It did not build, or nothing could be started.
    Broken(String),
    /// This machine lacks something.
    CannotRun(String),
}

/// A layer's verdict and its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The layer's name.
    pub layer: &'static str,
    /// How it ended.
    pub verdict: Verdict,
    /// How long it took, its own building included.
    pub elapsed: Duration,
}

/// All layers' reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// In the order in which they ran.
    pub reports: Vec<Report>,
    /// How long installing and building for all of them took.
    pub preparation: Duration,
    /// Whether a layer that cannot run is a failure.
    pub in_ci: bool,
}

impl Summary {
    /// Whether nothing failed.
    pub fn is_success(&self) -> bool {
        self.totals().failed == 0
    }

    /// The tests of all layers. A layer that failed without a failed test counts as one.
    fn totals(&self) -> Counts {
        let mut totals = Counts::default();
        for report in &self.reports {
            match &report.verdict {
                Verdict::Passed(counts) => totals.add(*counts),
                Verdict::Failed(counts) => {
                    totals.add(Counts {
                        failed: counts.failed.max(1),
                        ..*counts
                    });
                }
                Verdict::Broken(_) => totals.failed += 1,
                Verdict::CannotRun(_) => totals.failed += u64::from(self.in_ci),
            }
        }
        totals
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "\n{:<12} {:<12} {:>7} {:>7} {:>8} {:>9}",
            "layer", "verdict", "passed", "failed", "ignored", "time"
        )?;
        let mut line = |name: &str, verdict: &str, counts: Option<Counts>, elapsed: Duration| {
            let number = |pick: fn(Counts) -> u64| {
                counts.map_or_else(|| "-".to_owned(), |counts| pick(counts).to_string())
            };
            writeln!(
                formatter,
                "{name:<12} {verdict:<12} {:>7} {:>7} {:>8} {:>9}",
                number(|counts| counts.passed),
                number(|counts| counts.failed),
                number(|counts| counts.ignored),
                minutes(elapsed)
            )
        };
        line("preparation", "", None, self.preparation)?;
        for report in &self.reports {
            let (verdict, counts) = match &report.verdict {
                Verdict::Passed(counts) => ("passed", Some(*counts)),
                Verdict::Failed(counts) => ("FAILED", Some(*counts)),
                Verdict::Broken(_) => ("FAILED", None),
                Verdict::CannotRun(_) => ("cannot run", None),
            };
            line(report.layer, verdict, counts, report.elapsed)?;
        }
        for report in &self.reports {
            match &report.verdict {
                Verdict::Broken(reason) => {
                    writeln!(formatter, "{} failed: {reason}", report.layer)?
                }
                Verdict::CannotRun(reason) => {
                    writeln!(formatter, "{} cannot run here: {reason}", report.layer)?
                }
                Verdict::Passed(_) | Verdict::Failed(_) => {}
            }
        }
        let totals = self.totals();
        writeln!(
            formatter,
            "{} passed, {} failed",
            totals.passed, totals.failed
        )
    }
}

fn minutes(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    format!("{}:{:02} min", seconds / 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "test a ... ok\n\
        test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.01s\n\
        noise\n\
        test result: FAILED. 4 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.20s\n";

    fn summary(verdict: Verdict, in_ci: bool) -> Summary {
        let report = Report {
            layer: "kernel",
            verdict,
            elapsed: Duration::from_secs(61),
        };
        Summary {
            reports: vec![report],
            preparation: Duration::ZERO,
            in_ci,
        }
    }

    #[test]
    fn sums_the_closing_lines_of_all_test_programs() {
        assert_eq!(
            Counts::parse(OUTPUT),
            Counts {
                passed: 16,
                failed: 2,
                ignored: 1
            }
        );
        assert_eq!(Counts::parse(""), Counts::default());
    }

    #[test]
    fn the_last_line_counts_the_tests() {
        let text = summary(Verdict::Failed(Counts::parse(OUTPUT)), false).to_string();
        assert_eq!(text.lines().last(), Some("16 passed, 2 failed"));
        assert!(text.contains("1:01 min"), "{text}");
    }

    #[test]
    fn a_layer_that_cannot_run_is_named_and_fails_only_in_ci() {
        let reason = || Verdict::CannotRun("needs root".to_owned());
        let outside = summary(reason(), false);
        assert!(outside.is_success());
        assert!(
            outside
                .to_string()
                .contains("kernel cannot run here: needs root\n")
        );
        assert!(!summary(reason(), true).is_success());
    }

    #[test]
    fn a_program_that_dies_without_a_failed_test_fails_the_layer() {
        let counts = Counts {
            passed: 3,
            failed: 0,
            ignored: 0,
        };
        assert!(!summary(Verdict::Failed(counts), false).is_success());
        assert!(!summary(Verdict::Broken("x".to_owned()), false).is_success());
    }
}
