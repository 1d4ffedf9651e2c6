//! What is wanted of the rows of `peers`, and which of it holds. Pure.

use std::fmt::Write;

use super::contestants::{FLOOR, GO};
use super::row::{Column, Row};
use super::statistics::{bootstrap, median};
use super::table::ratio;

/// What ours is held against.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Against {
    /// The runtime with the smallest median.
    Best,
    /// This column.
    One(&'static str),
    /// A value in the row's unit.
    Value(f64),
}

/// Ours shall take at most `factor` times what it is held against takes.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Aim {
    row: &'static str,
    against: Against,
    factor: f64,
}

const fn aim(row: &'static str, against: Against, factor: f64) -> Aim {
    Aim {
        row,
        against,
        factor,
    }
}

const AIMS: [Aim; 17] = [
    aim("spawn_join", Against::Best, 1.0 / 1.5),
    aim("spawn_join_all", Against::Best, 1.0 / 1.5),
    aim("spawn_then_join", Against::Best, 1.0 / 1.5),
    aim("chan_round_trip", Against::Best, 0.5),
    aim("yield_2", Against::Best, 1.0),
    aim("yield_1000", Against::Best, 1.0),
    aim("skynet_1m", Against::Best, 1.0 / 1.3),
    aim("sleepers_1m", Against::One(GO), 1.0),
    aim("sleepers_1m", Against::One(FLOOR), 1.3),
    aim("alive_1m", Against::Value(5.0 * 1024.0), 1.0),
    aim("echo_64, CPU a request", Against::Best, 1.0),
    aim("echo_64, p99", Against::Best, 1.0),
    aim("echo_1000, CPU a request", Against::Best, 1.0),
    aim("echo_1000, p99", Against::Best, 1.0),
    aim("recursion", Against::One(GO), 0.5),
    aim("recursion_yield", Against::Best, 1.0),
    aim("idle", Against::Value(0.000_5), 1.0),
];

/// The table of all aims whose rows were measured.
pub fn render(rows: &[Row]) -> String {
    let mut text = String::from(
        "| measurement | ours | against | it | ours ÷ it (95 % interval) | aim | holds |\n\
         |---|---:|---|---:|---:|---:|---|\n",
    );
    for aim in AIMS {
        let row = rows.iter().find(|row| row.name == aim.row);
        if let Some(line) = row.and_then(|row| aim.line(row)) {
            let _ = writeln!(text, "{line}");
        }
    }
    text
}

impl Aim {
    /// The line of the table; `None` where ours or what it is held against was not measured.
    fn line(&self, row: &Row) -> Option<String> {
        let (against, value, ratios) = match self.against {
            Against::Best => compared(row, best(row)?)?,
            Against::One(runtime) => compared(row, row.column(runtime)?)?,
            Against::Value(value) => {
                let ratios = row.ours().iter().map(|ours| ours / value).collect();
                ("a fixed bound", value, ratios)
            }
        };
        if ratios.is_empty() {
            return None;
        }
        Some(format!(
            "| {} | {} | {against} | {} | {} | ≤ {:.2} | {} |",
            row.name,
            row.unit.show(median(row.ours())),
            row.unit.show(value),
            ratio(&ratios),
            self.factor,
            verdict(&ratios, self.factor),
        ))
    }
}

fn compared<'a>(row: &Row, other: &'a Column) -> Option<(&'a str, f64, Vec<f64>)> {
    let ratios = row.ratios(other)?;
    Some((&other.runtime, median(&other.samples), ratios))
}

/// The peer that takes the least.
fn best(row: &Row) -> Option<&Column> {
    let peers = row.columns.iter().skip(1);
    peers
        .filter(|one| one.runtime != FLOOR && !one.samples.is_empty())
        .min_by(|one, other| median(&one.samples).total_cmp(&median(&other.samples)))
}

/// Where the interval of the ratios lies, beside the aim.
fn verdict(ratios: &[f64], aim: f64) -> &'static str {
    match bootstrap(ratios) {
        None => "too few rounds",
        Some(interval) if interval.high <= aim => "yes",
        Some(interval) if interval.low <= aim => "within the interval",
        Some(_) => "**no**",
    }
}

#[cfg(test)]
mod tests {
    use super::super::peers::rows_of_all_tasks;
    use super::super::row::{Sample, Unit};
    use super::*;

    fn row(name: &str, runtimes: &[(&str, f64)]) -> Row {
        let mut row = Row::new(name, Unit::Nanoseconds, &[]);
        for (runtime, value) in runtimes {
            (0..6).for_each(|_| row.push(runtime, None, Sample::Value(*value)));
        }
        row
    }

    #[test]
    fn ours_is_held_against_the_best_of_the_peers() {
        let measured = row(
            "chan_round_trip",
            &[("ours", 50.0), ("tokio", 200.0), ("go", 120.0)],
        );
        let table = render(&[measured]);
        assert_eq!(
            table.lines().nth(2),
            Some("| chan_round_trip | 50.0 ns | go | 120 ns | 0.42 (0.42 – 0.42) | ≤ 0.50 | yes |")
        );
    }

    #[test]
    fn a_row_may_have_two_aims_and_a_floor_is_no_peer() {
        let measured = row("sleepers_1m", &[("ours", 14.0), (GO, 40.0), (FLOOR, 10.0)]);
        assert_eq!(best(&measured).unwrap().runtime, GO);
        let table = render(&[measured]);
        let verdicts: Vec<_> = table.lines().skip(2).collect();
        assert!(verdicts[0].ends_with("≤ 1.00 | yes |"), "{table}");
        assert!(verdicts[1].ends_with("≤ 1.30 | **no** |"), "{table}");
    }

    #[test]
    fn a_verdict_is_one_of_the_interval() {
        assert_eq!(verdict(&[1.0; 6], 1.0), "yes");
        assert_eq!(
            verdict(&[0.5, 0.6, 0.7, 1.2, 1.3, 1.4], 1.0),
            "within the interval"
        );
        assert_eq!(verdict(&[1.1; 6], 1.0), "**no**");
        assert_eq!(verdict(&[0.1; 5], 1.0), "too few rounds");
    }

    #[test]
    fn each_aim_names_a_row_that_is_measured() {
        let rows = rows_of_all_tasks();
        for aim in AIMS {
            assert!(rows.contains(&aim.row.to_owned()), "{}", aim.row);
        }
    }
}
