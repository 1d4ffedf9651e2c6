//! `cargo xtask bench`: the runtime beside its peers, on the same machine in the same minutes.
//!
//! The contestants live in `runtime/benches/contest`, one process per measurement. Rounds are
//! interleaved and the order rotates, so a slow minute of the machine hits all alike; ratios are
//! taken within a round. The result is a Markdown table with its conditions.

mod conditions;
mod statistics;
mod table;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::{Path, PathBuf};

use crate::command::Invocation;
use crate::plan::{self, Step};
use crate::runner;
use crate::workspace::Workspace;
use table::{Row, Sample};

/// The runtimes, ours first: the others are compared with it.
const RUNTIMES: [&str; 3] = ["ours", "tokio", "may"];
/// The measurements, by the names that the contestants know.
const BENCHES: [&str; 7] = [
    "spawn_join",
    "spawn_then_join",
    "chan_round_trip",
    "yield_2",
    "yield_1000",
    "sleepers_1m",
    "recursion",
];

/// What `bench` takes.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Options {
    /// How often each measurement is repeated.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Which measurements, all when none is named.
    #[arg(value_parser = BENCHES)]
    names: Vec<String>,
}

/// `cargo xtask bench`.
pub fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let program = build(workspace)?;
    let names = selected(&options.names);
    let mut rows = Vec::new();
    for name in names {
        rows.push(measure(workspace, &program, name, options.rounds)?);
    }
    println!("\n{}", table::render(&rows));
    println!("{}", conditions::describe(workspace, options.rounds));
    Ok(())
}

fn selected(names: &[String]) -> Vec<&'static str> {
    BENCHES
        .into_iter()
        .filter(|name| names.is_empty() || names.iter().any(|given| given == name))
        .collect()
}

fn build(workspace: &Workspace) -> Result<PathBuf> {
    let call = Invocation::cargo()
        .args(["build", "--release", "--package", "contest"])
        .folder(&workspace.root);
    Step::new("building the contestants", "build-contest", vec![call]).perform(workspace)?;
    Ok(workspace.release("contest"))
}

/// All rounds of one measurement.
fn measure(workspace: &Workspace, program: &Path, name: &'static str, rounds: u32) -> Result<Row> {
    plan::say(&format!("{name}: {rounds} rounds"));
    let mut row = Row::new(name, &RUNTIMES);
    for round in 0..rounds as usize {
        for turn in 0..RUNTIMES.len() {
            let at = (round + turn) % RUNTIMES.len();
            let sample = measure_once(workspace, program, name, RUNTIMES[at])?;
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
) -> Result<Sample> {
    let call = Invocation::new(program).args(["--runtime", runtime, "--bench", name]);
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

    #[test]
    fn keeps_the_order_of_the_table_whatever_the_order_of_the_names() {
        assert_eq!(selected(&[]), BENCHES);
        let names = ["sleepers_1m".to_owned(), "spawn_join".to_owned()];
        assert_eq!(selected(&names), ["spawn_join", "sleepers_1m"]);
    }
}
