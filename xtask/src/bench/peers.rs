//! The part `peers`: the same workloads on ours, tokio, may, threads and Go.
//!
//! The contestants live in `runtime/benches/contest`, one process per measurement. Rounds are
//! interleaved and the order rotates, so a slow minute of the machine hits all alike; ratios are
//! taken within a round.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::{Path, PathBuf};

use super::conditions::Conditions;
use super::table::{self, Row, Sample};
use super::{BENCHES, Options, PRIMITIVES, Sheet, build_contestants, selected};
use crate::command::Invocation;
use crate::plan::{self, Step};
use crate::runner;
use crate::workspace::Workspace;

/// The runtimes, ours first: the others are compared with it.
const RUNTIMES: [&str; 5] = ["ours", "tokio", "may", "threads", GO];
/// A program of its own, where its toolchain is found.
const GO: &str = "go";
/// Of the workloads over primitives.
const THREADS: &str = "threads";

/// The programs in which measurements run.
struct Contestants {
    rust: PathBuf,
    go: Option<PathBuf>,
}

/// One row: a workload on so many workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Measurement {
    name: &'static str,
    workers: u32,
}

/// Runs all rounds of all measurements.
pub fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let contestants = Contestants {
        rust: build_contestants(workspace)?,
        go: build_go(workspace)?,
    };
    let method = format!(
        "{} rounds, interleaved in rotating order, a process per measurement, two workers where \
         the row does not say one",
        options.rounds
    );
    let conditions = Conditions::begin(workspace, method, "mimalloc (but of Go)");
    let sheet = Sheet::open(workspace, "peers", conditions)?;
    let mut rows = Vec::new();
    for measurement in measurements(&options.names) {
        rows.push(measure(workspace, &contestants, measurement, options)?);
        sheet.keep(&table::render(&rows))?;
    }
    sheet.publish(workspace, &table::render(&rows))
}

/// Those over primitives are measured with one worker, too.
fn measurements(names: &[String]) -> Vec<Measurement> {
    let of_tasks = selected(&BENCHES, names).into_iter().map(|name| (name, 2));
    let of_primitives = selected(&PRIMITIVES, names)
        .into_iter()
        .flat_map(|name| [(name, 1), (name, 2)]);
    of_tasks
        .chain(of_primitives)
        .map(|(name, workers)| Measurement { name, workers })
        .collect()
}

/// Go's contestant; `None` where there is no toolchain.
fn build_go(workspace: &Workspace) -> Result<Option<PathBuf>> {
    let Some(go) = runner::find_program("go") else {
        plan::say("no Go on the search path: left out");
        return Ok(None);
    };
    let program = workspace.release("contest-go");
    let call = Invocation::new(go)
        .args(["build", "-o"])
        .arg(program.clone())
        .folder(workspace.root.join("runtime/benches/contest/go"));
    Step::new("building Go's contestant", "build-contest-go", vec![call]).perform(workspace)?;
    Ok(Some(program))
}

impl Contestants {
    /// Who takes part in a measurement.
    fn of(&self, measurement: Measurement) -> Vec<&'static str> {
        let takes_part = |runtime: &&str| match *runtime {
            GO => self.go.is_some(),
            THREADS => PRIMITIVES.contains(&measurement.name),
            _ => true,
        };
        RUNTIMES.into_iter().filter(takes_part).collect()
    }

    fn program(&self, runtime: &str) -> &Path {
        match &self.go {
            Some(go) if runtime == GO => go,
            _ => &self.rust,
        }
    }
}

/// All rounds of one measurement.
fn measure(
    workspace: &Workspace,
    contestants: &Contestants,
    measurement: Measurement,
    options: &Options,
) -> Result<Row> {
    let rounds = options.rounds;
    let runtimes = contestants.of(measurement);
    let title = measurement.title();
    plan::say(&format!("{title}: {rounds} rounds"));
    let mut row = Row::new(title, &runtimes);
    for round in 0..rounds as usize {
        for turn in 0..runtimes.len() {
            let at = (round + turn) % runtimes.len();
            let call = measurement.call(contestants, runtimes[at], options.count);
            row.push(at, measure_once(workspace, &call)?);
        }
        println!("    round {} of {rounds}: {}", round + 1, row.last_round());
    }
    Ok(row)
}

impl Measurement {
    fn title(self) -> String {
        match self.workers {
            1 => format!("{}, one worker", self.name),
            _ => self.name.to_owned(),
        }
    }

    fn call(self, contestants: &Contestants, runtime: &str, count: Option<u64>) -> Invocation {
        let call = Invocation::new(contestants.program(runtime))
            .args(["--runtime", runtime, "--bench", self.name])
            .args(["--workers", &self.workers.to_string()]);
        match count {
            Some(count) => call.args(["--count", &count.to_string()]),
            None => call,
        }
    }
}

fn measure_once(workspace: &Workspace, call: &Invocation) -> Result<Sample> {
    let finished = runner::run_checked(workspace, "contest", call)?;
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
    match (object["ns_per_op"].as_f64(), object["reused"].as_f64()) {
        (Some(ns), Some(reused)) if ns > 0.0 => Ok(Sample::Pooled { ns, reused }),
        (Some(ns), None) if ns > 0.0 => Ok(Sample::Nanoseconds(ns)),
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
        let pooled = parse_answer("{\"ns_per_op\": 3.0, \"reused\": 0.5}").unwrap();
        let (ns, reused) = (3.0, 0.5);
        assert_eq!(pooled, Sample::Pooled { ns, reused });
        assert!(parse_answer("{}").is_err());
        assert!(parse_answer("").is_err());
    }
    #[test]
    fn primitives_are_measured_with_one_worker_too_and_threads_for_them_only() {
        let contestants = Contestants {
            rust: PathBuf::new(),
            go: None,
        };
        let names = ["mutex_1000".to_owned(), "yield_2".to_owned()];
        let rows = measurements(&names);
        let titles: Vec<_> = rows.iter().map(|row| row.title()).collect();
        assert_eq!(titles, ["yield_2", "mutex_1000, one worker", "mutex_1000"]);
        assert_eq!(contestants.of(rows[0]), ["ours", "tokio", "may"]);
        assert_eq!(contestants.of(rows[1]), ["ours", "tokio", "may", "threads"]);
    }
}
