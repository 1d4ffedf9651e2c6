//! The Markdown table of the part `peers`, and how durations are written in all tables.

use super::statistics::{Interval, bootstrap, median, spread};
use std::fmt::Write;

/// One measurement of one contestant.
#[derive(Debug, Clone, PartialEq)]
pub enum Sample {
    /// Nanoseconds per operation.
    Nanoseconds(f64),
    /// The same, and the share of objects that were used again.
    Pooled { ns: f64, reused: f64 },
    /// The contestant cannot do this, and why.
    Skipped(String),
}

/// All rounds of one measurement, a column a runtime, ours first.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    name: String,
    columns: Vec<Column>,
}

#[derive(Debug, Clone, PartialEq)]
struct Column {
    runtime: &'static str,
    samples: Vec<f64>,
    reused: Vec<f64>,
    skipped: Option<String>,
}

impl Row {
    /// An empty row.
    pub fn new(name: impl Into<String>, runtimes: &[&'static str]) -> Self {
        let column = |runtime: &&'static str| Column {
            runtime,
            samples: Vec::new(),
            reused: Vec::new(),
            skipped: None,
        };
        Self {
            name: name.into(),
            columns: runtimes.iter().map(column).collect(),
        }
    }

    /// Adds a sample of the runtime number `at`.
    pub fn push(&mut self, at: usize, sample: Sample) {
        match sample {
            Sample::Nanoseconds(ns) => self.columns[at].samples.push(ns),
            Sample::Pooled { ns, reused } => {
                self.columns[at].samples.push(ns);
                self.columns[at].reused.push(reused);
            }
            Sample::Skipped(reason) => self.columns[at].skipped = Some(reason),
        }
    }

    /// The newest samples, for the progress line.
    pub fn last_round(&self) -> String {
        let last = |column: &Column| {
            let ns = column
                .samples
                .last()
                .map_or_else(|| "–".to_owned(), |ns| duration(*ns));
            format!("{} {ns}", column.runtime)
        };
        self.columns.iter().map(last).collect::<Vec<_>>().join(", ")
    }
}

/// The table: per measurement and runtime the median, the spread, and how long ours takes
/// relative to it, with the 95 % interval of the ratios within the rounds.
pub fn render(rows: &[Row]) -> String {
    let mut text = String::from(
        "| measurement | runtime | median | min – max | ours ÷ it (95 % interval) |\n\
         |---|---|---:|---:|---:|\n",
    );
    for row in rows {
        for (at, column) in row.columns.iter().enumerate() {
            let ours = &row.columns[0].samples;
            let ratio = if at == 0 {
                String::new()
            } else {
                ratio(ours, &column.samples)
            };
            let (middle, ends) = column.cells();
            let _ = writeln!(
                text,
                "| {} | {} | {middle} | {ends} | {ratio} |",
                row.name, column.runtime
            );
        }
    }
    text
}

impl Column {
    fn cells(&self) -> (String, String) {
        if self.samples.is_empty() {
            return ("–".to_owned(), self.skipped.clone().unwrap_or_default());
        }
        let (low, high) = spread(&self.samples);
        let mut middle = duration(median(&self.samples));
        if !self.reused.is_empty() {
            let _ = write!(middle, ", {:.1} % used again", 100.0 * median(&self.reused));
        }
        (middle, format!("{} – {}", duration(low), duration(high)))
    }
}

fn ratio(ours: &[f64], peer: &[f64]) -> String {
    if ours.is_empty() || ours.len() != peer.len() {
        return "–".to_owned();
    }
    let ratios: Vec<f64> = ours
        .iter()
        .zip(peer)
        .map(|(ours, peer)| ours / peer)
        .collect();
    let middle = median(&ratios);
    let decimals = if middle < 0.1 { 4 } else { 2 };
    match bootstrap(&ratios) {
        Some(Interval { low, high, .. }) => {
            format!("{middle:.decimals$} ({low:.decimals$} – {high:.decimals$})")
        }
        None => format!("{middle:.decimals$}"),
    }
}

/// A duration with three significant figures.
pub fn duration(ns: f64) -> String {
    let (value, unit) = match ns {
        ns if ns < 1e3 => (ns, "ns"),
        ns if ns < 1e6 => (ns / 1e3, "µs"),
        ns if ns < 1e9 => (ns / 1e6, "ms"),
        ns => (ns / 1e9, "s"),
    };
    let decimals = if value < 10.0 {
        2
    } else {
        usize::from(value < 100.0)
    };
    format!("{value:.decimals$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_three_figures() {
        let shown: Vec<_> = [0.9512, 34.04, 549.4, 1234.0, 2.4e9].map(duration).into();
        assert_eq!(shown, ["0.95 ns", "34.0 ns", "549 ns", "1.23 µs", "2.40 s"]);
    }

    #[test]
    fn a_row_shows_each_runtime_and_its_ratio() {
        let mut row = Row::new("spawn_join", &["ours", "tokio", "may"]);
        for ns in [100.0, 110.0, 90.0, 100.0, 100.0, 100.0] {
            row.push(0, Sample::Nanoseconds(ns));
            row.push(1, Sample::Nanoseconds(ns * 2.0));
            row.push(2, Sample::Skipped("no such thing".to_owned()));
        }
        let table = render(&[row]);
        let lines: Vec<_> = table.lines().skip(2).collect();
        assert_eq!(
            lines[0],
            "| spawn_join | ours | 100 ns | 90.0 ns – 110 ns |  |"
        );
        assert_eq!(
            lines[1],
            "| spawn_join | tokio | 200 ns | 180 ns – 220 ns | 0.50 (0.50 – 0.50) |"
        );
        assert_eq!(lines[2], "| spawn_join | may | – | no such thing | – |");
    }
}
