//! What was measured of several runtimes: rows of samples, a column a runtime. The parts `peers`
//! and `primitives` fill them, `table` and `aims` show them, `figures` keeps them.

use serde::{Deserialize, Serialize};

use super::shares;

/// What the samples of a row are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Time per operation.
    Nanoseconds,
    /// Memory per task.
    Bytes,
    /// A share of one core.
    Share,
}

impl Unit {
    /// A value as people read it.
    pub fn show(self, value: f64) -> String {
        match self {
            Self::Nanoseconds => duration(value),
            Self::Bytes => bytes(value),
            Self::Share => shares::percent(value),
        }
    }
}

/// One measurement of one runtime.
#[derive(Debug, Clone, PartialEq)]
pub enum Sample {
    /// A value in the row's unit.
    Value(f64),
    /// The same, and the share of objects that were used again.
    Pooled { value: f64, reused: f64 },
    /// The runtime cannot do this, and why.
    Skipped(String),
}

/// All rounds of one measurement, a column a runtime, ours first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The measurement.
    pub name: String,
    /// What the samples are.
    pub unit: Unit,
    /// The runtimes.
    pub columns: Vec<Column>,
}

/// All rounds of one runtime.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// The runtime.
    pub runtime: String,
    /// A sample a round.
    pub samples: Vec<f64>,
    /// Where objects are used again: their share, a round.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reused: Vec<f64>,
    /// Operations of a round.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// Why there are no samples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
}

impl Row {
    /// An empty row.
    pub fn new(name: impl Into<String>, unit: Unit, runtimes: &[&str]) -> Self {
        Self {
            name: name.into(),
            unit,
            columns: runtimes.iter().copied().map(Column::new).collect(),
        }
    }

    /// Adds what a round of `count` operations gave for a runtime; one that had no column gets one.
    pub fn push(&mut self, runtime: &str, count: Option<u64>, sample: Sample) {
        let known = self.columns.iter().position(|one| one.runtime == runtime);
        let at = known.unwrap_or_else(|| {
            self.columns.push(Column::new(runtime));
            self.columns.len() - 1
        });
        self.columns[at].count = count;
        self.columns[at].push(sample);
    }

    /// The samples of ours.
    pub fn ours(&self) -> &[f64] {
        self.columns.first().map_or(&[], |ours| &ours.samples)
    }

    /// The column of a runtime.
    pub fn column(&self, runtime: &str) -> Option<&Column> {
        self.columns.iter().find(|one| one.runtime == runtime)
    }

    /// Ours divided by the other, round by round; `None` where they have not the same rounds.
    pub fn ratios(&self, other: &Column) -> Option<Vec<f64>> {
        let (ours, theirs) = (self.ours(), &other.samples);
        if ours.is_empty() || ours.len() != theirs.len() || theirs.contains(&0.0) {
            return None;
        }
        let pairs = ours.iter().zip(theirs);
        Some(pairs.map(|(ours, theirs)| ours / theirs).collect())
    }

    /// The newest samples, for the progress line.
    pub fn last_round(&self) -> String {
        let last = |column: &Column| {
            let value = column.samples.last();
            let shown = value.map_or_else(|| "–".to_owned(), |value| self.unit.show(*value));
            format!("{} {shown}", column.runtime)
        };
        self.columns.iter().map(last).collect::<Vec<_>>().join(", ")
    }
}

impl Column {
    fn new(runtime: &str) -> Self {
        Self {
            runtime: runtime.to_owned(),
            samples: Vec::new(),
            reused: Vec::new(),
            count: None,
            skipped: None,
        }
    }

    fn push(&mut self, sample: Sample) {
        match sample {
            Sample::Value(value) => self.samples.push(value),
            Sample::Pooled { value, reused } => {
                self.samples.push(value);
                self.reused.push(reused);
            }
            Sample::Skipped(reason) => self.skipped = Some(reason),
        }
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
    format!("{} {unit}", three_figures(value))
}

/// Bytes with three significant figures.
fn bytes(value: f64) -> String {
    match value {
        value if value < 1024.0 => format!("{value:.0} B"),
        value => format!("{} KiB", three_figures(value / 1024.0)),
    }
}

fn three_figures(value: f64) -> String {
    let decimals = if value < 10.0 {
        2
    } else {
        usize::from(value < 100.0)
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_three_figures() {
        let shown: Vec<_> = [0.9512, 34.04, 549.4, 1234.0, 2.4e9].map(duration).into();
        assert_eq!(shown, ["0.95 ns", "34.0 ns", "549 ns", "1.23 µs", "2.40 s"]);
        assert_eq!(Unit::Bytes.show(440.2), "440 B");
        assert_eq!(Unit::Bytes.show(5.0 * 1024.0), "5.00 KiB");
        assert_eq!(Unit::Share.show(0.0005), "0.050 %");
    }

    #[test]
    fn ratios_are_taken_within_the_rounds() {
        let mut row = Row::new("x", Unit::Nanoseconds, &["ours", "go"]);
        for (ours, go) in [(1.0, 2.0), (3.0, 12.0)] {
            row.push("ours", None, Sample::Value(ours));
            row.push("go", None, Sample::Value(go));
        }
        assert_eq!(row.ratios(&row.columns[1]), Some(vec![0.5, 0.25]));
        row.push("go", None, Sample::Value(1.0));
        assert_eq!(row.ratios(&row.columns[1]), None);
    }

    #[test]
    fn a_runtime_that_comes_later_gets_a_column() {
        let mut row = Row::new("x", Unit::Nanoseconds, &["ours"]);
        row.push("floor", Some(10), Sample::Value(1.0));
        assert_eq!(row.column("floor").unwrap().samples, [1.0]);
        let text = serde_json::to_string(&row).unwrap();
        assert_eq!(serde_json::from_str::<Row>(&text).unwrap(), row);
    }
}
