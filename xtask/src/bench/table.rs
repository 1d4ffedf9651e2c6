//! The Markdown table of the parts `peers` and `primitives`. Pure.

use super::row::{Column, Row, Unit};
use super::statistics::{Interval, bootstrap, median, spread};
use std::fmt::Write;

/// The table: per measurement and runtime the median, the spread, and how much ours takes
/// relative to it, with the 95 % interval of the ratios within the rounds.
pub fn render(rows: &[Row]) -> String {
    let mut text = String::from(
        "| measurement | runtime | median | min – max | ours ÷ it (95 % interval) |\n\
         |---|---|---:|---:|---:|\n",
    );
    for row in rows {
        for (at, column) in row.columns.iter().enumerate() {
            let ratio = match (at, row.ratios(column)) {
                (0, _) => String::new(),
                (_, Some(ratios)) => ratio(&ratios),
                (_, None) => "–".to_owned(),
            };
            let (middle, ends) = cells(column, row);
            let _ = writeln!(
                text,
                "| {} | {} | {middle} | {ends} | {ratio} |",
                row.name, column.runtime
            );
        }
    }
    text
}

/// The median and the spread, or why there are none.
fn cells(column: &Column, row: &Row) -> (String, String) {
    if column.samples.is_empty() {
        return ("–".to_owned(), column.skipped.clone().unwrap_or_default());
    }
    let unit: Unit = row.unit;
    let (low, high) = spread(&column.samples);
    let mut middle = unit.show(median(&column.samples));
    if !column.reused.is_empty() {
        let _ = write!(
            middle,
            ", {:.1} % used again",
            100.0 * median(&column.reused)
        );
    }
    if let Some(count) = column.count
        && column.count != row.columns[0].count
    {
        let _ = write!(middle, ", {count} of them");
    }
    (middle, format!("{} – {}", unit.show(low), unit.show(high)))
}

/// The median of the ratios, with its interval where there are enough.
pub fn ratio(ratios: &[f64]) -> String {
    let middle = median(ratios);
    let decimals = if middle < 0.1 { 4 } else { 2 };
    match bootstrap(ratios) {
        Some(Interval { low, high, .. }) => {
            format!("{middle:.decimals$} ({low:.decimals$} – {high:.decimals$})")
        }
        None => format!("{middle:.decimals$}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::row::Sample;
    use super::*;

    #[test]
    fn a_row_shows_each_runtime_and_its_ratio() {
        let mut row = Row::new("spawn_join", Unit::Nanoseconds, &["ours", "tokio", "may"]);
        for ns in [100.0, 110.0, 90.0, 100.0, 100.0, 100.0] {
            row.push("ours", Some(9), Sample::Value(ns));
            row.push("tokio", Some(9), Sample::Value(ns * 2.0));
            row.push("may", None, Sample::Skipped("no such thing".to_owned()));
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

    #[test]
    fn says_who_did_fewer_than_ours() {
        let mut row = Row::new("alive_1m", Unit::Bytes, &["ours", "may"]);
        row.push("ours", Some(1_000), Sample::Value(2048.0));
        row.push("may", Some(30), Sample::Value(1024.0));
        let table = render(&[row]);
        assert!(
            table.contains("| may | 1.00 KiB, 30 of them | 1.00 KiB – 1.00 KiB | 2.00 |"),
            "{table}"
        );
    }
}
