//! The part `peers`: the same workloads on ours, tokio and may.
//!
//! The contestants live in `runtime/benches/contest`, one process per measurement. Rounds are
//! interleaved and the order rotates, so a slow minute of the machine hits all alike; ratios are
//! taken within a round.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::Path;

use super::conditions::Conditions;
use super::table::{self, Row, Sample};
use super::{Options, Sheet, build_contestants, selected};
use crate::command::Invocation;
use crate::plan;
use crate::runner;
use crate::workspace::Workspace;

/// The runtimes, ours first: the others are compared with it.
const RUNTIMES: [&str; 3] = ["ours", "tokio", "may"];

/// Runs all rounds of all measurements.
pub fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let program = build_contestants(workspace)?;
    let method = format!(
        "{} rounds, interleaved in rotating order, a process per measurement, two workers",
        options.rounds
    );
    let conditions = Conditions::begin(workspace, method, "mimalloc");
    let sheet = Sheet::open(workspace, "peers", conditions)?;
    let mut rows = Vec::new();
    for name in selected(&options.names) {
        rows.push(measure(workspace, &program, name, options)?);
        sheet.keep(&table::render(&rows))?;
    }
    sheet.publish(workspace, &table::render(&rows))
}

/// All rounds of one measurement.
fn measure(
    workspace: &Workspace,
    program: &Path,
    name: &'static str,
    options: &Options,
) -> Result<Row> {
    let rounds = options.rounds;
    plan::say(&format!("{name}: {rounds} rounds"));
    let mut row = Row::new(name, &RUNTIMES);
    for round in 0..rounds as usize {
        for turn in 0..RUNTIMES.len() {
            let at = (round + turn) % RUNTIMES.len();
            let sample = measure_once(workspace, program, name, RUNTIMES[at], options.count)?;
            row.push(at, sample);
        }
        println!("    round {} of {rounds}: {}", round + 1, row.last_round());
    }
    Ok(row)
}

fn measure_once(
    workspace: &Workspace,
    program: &Path,
    name: &str,
    runtime: &str,
    count: Option<u64>,
) -> Result<Sample> {
    let mut call = Invocation::new(program).args(["--runtime", runtime, "--bench", name]);
    if let Some(count) = count {
        call = call.args(["--count", &count.to_string()]);
    }
    let finished = runner::run_checked(workspace, "contest", &call)?;
    parse_answer(&finished.stdout).with_context(|| format!("the answer of `{call}`"))
}

/// A contestant answers one JSON object: `ns_per_op`, or `skipped` with the reason.
fn parse_answer(answer: &str) -> Result<Sample> {
    let line = answer
        .lines()
        .rfind(|line| line.starts_with('{'))
        .context("is no JSON object")?;
    let object: Value = serde_json::from_str(line).context("is no JSON object")?;
    if let Some(reason) = object["skipped"].as_str() {
        return Ok(Sample::Skipped(reason.to_owned()));
    }
    match object["ns_per_op"].as_f64() {
        Some(ns) if ns > 0.0 => Ok(Sample::Nanoseconds(ns)),
        _ => bail!("has no positive `ns_per_op`: {line}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_last_object_of_an_answer() {
        let answer = "warming up\n{\"ns_per_op\": 12.5}\n";
        assert_eq!(parse_answer(answer).unwrap(), Sample::Nanoseconds(12.5));
        let skipped = parse_answer("{\"skipped\": \"no timers\"}").unwrap();
        assert_eq!(skipped, Sample::Skipped("no timers".to_owned()));
        assert!(parse_answer("{}").is_err());
        assert!(parse_answer("").is_err());
    }
}
