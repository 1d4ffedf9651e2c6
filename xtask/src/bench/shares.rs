//! Shares of a core in several windows, and their table. Pure.

use std::fmt::Write;

use super::statistics::{median, spread};

/// All windows of one state of the target.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What the target does.
    pub load: String,
    /// Who watches it.
    pub watched: &'static str,
    /// The most that the monitor's thread is to take, where that is promised.
    pub bound: Option<f64>,
    /// The share of a core that the monitor's thread took in each window.
    pub monitor: Vec<f64>,
    /// The share that the observer's process took, where there is one.
    pub observer: Vec<f64>,
}

/// The table.
pub fn render(rows: &[Row]) -> String {
    let mut text = String::from(
        "| target | watched | monitor's thread: median (min – max) | aim | observer: median (min – max) |\n\
         |---|---|---:|---:|---:|\n",
    );
    for row in rows.iter().filter(|row| !row.monitor.is_empty()) {
        let aim = row
            .bound
            .map_or_else(|| "–".to_owned(), |bound| format!("< {}", percent(bound)));
        let _ = writeln!(
            text,
            "| {} | {} | {} | {aim} | {} |",
            row.load,
            row.watched,
            cell(&row.monitor),
            cell(&row.observer)
        );
    }
    text
}

/// The newest window, for the progress line.
pub fn shown(share: f64) -> String {
    format!("{} of a core", percent(share))
}

fn cell(shares: &[f64]) -> String {
    if shares.is_empty() {
        return "–".to_owned();
    }
    let (low, high) = spread(shares);
    let middle = percent(median(shares));
    format!("{middle} ({} – {})", percent(low), percent(high))
}

/// A share in percent of a core.
pub fn percent(share: f64) -> String {
    format!("{:.3} %", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_shares_in_percent_of_a_core() {
        let row = Row {
            load: "idle".to_owned(),
            watched: "no",
            bound: Some(0.001),
            monitor: vec![0.0005, 0.0003, 0.0004],
            observer: Vec::new(),
        };
        let text = render(&[row]);
        assert_eq!(
            text.lines().nth(2),
            Some("| idle | no | 0.040 % (0.030 % – 0.050 %) | < 0.100 % | – |")
        );
    }
}
