//! The parts `peers` and `primitives`: the same workloads on ours, tokio, may, threads and Go.
//!
//! The contestants live in `runtime/benches/contest`, one process per measurement. Rounds are
//! interleaved and the order rotates, so a slow minute of the machine hits all alike; ratios are
//! taken within a round.

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::conditions::Conditions;
use super::contestants::{Contestants, FLOOR};
use super::row::{Row, Sample, Unit};
use super::sheet::Sheet;
use super::{Options, PRIMITIVES, TASKS, aims, available, echo, leave_out, selected, table};
use crate::command::Invocation;
use crate::plan;
use crate::runner;
use crate::workspace::Workspace;

/// Rounds of each measurement, unless the caller says otherwise.
const ROUNDS: u32 = 10;
/// Requests of a round of echo, unless the caller says otherwise.
const REQUESTS: u64 = 200_000;
/// Tasks that are alive at once, where there is memory for them and the caller says nothing else.
const ALIVE: u64 = 1_000_000;
/// Memory for each of them, generously, whatever the runtime.
const ALIVE_BYTES: u64 = 12_000;

/// A workload on so many workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Measurement {
    name: &'static str,
    workers: u32,
}

/// What a runtime gave for one row of a measurement.
#[derive(Clone, Debug, PartialEq)]
struct Reading {
    row: usize,
    runtime: &'static str,
    count: Option<u64>,
    sample: Sample,
}

/// The part `peers`: what tasks cost, and connections.
pub fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let measurements = tasks(&options.names);
    let render = |rows: &[Row]| format!("{}\n{}", aims::render(rows), table::render(rows));
    measure_all(workspace, options, "peers", &measurements, render)
}

/// The part `primitives`: what channels, locks, timers and pools cost.
pub fn run_primitives(workspace: &Workspace, options: &Options) -> Result<()> {
    let measurements = primitives(&options.names);
    measure_all(
        workspace,
        options,
        "primitives",
        &measurements,
        table::render,
    )
}

fn tasks(names: &[String]) -> Vec<Measurement> {
    let names = selected(&TASKS, names).into_iter();
    names.map(|name| Measurement { name, workers: 2 }).collect()
}

/// They are measured with one worker, too.
fn primitives(names: &[String]) -> Vec<Measurement> {
    let names = selected(&PRIMITIVES, names).into_iter();
    let both = |name| [1, 2].map(|workers| Measurement { name, workers });
    names.flat_map(both).collect()
}

/// Runs all rounds of all measurements.
fn measure_all(
    workspace: &Workspace,
    options: &Options,
    part: &str,
    measurements: &[Measurement],
    render: impl Fn(&[Row]) -> String,
) -> Result<()> {
    if measurements.is_empty() {
        leave_out(part);
        return Ok(());
    }
    let rounds = options.rounds.unwrap_or(ROUNDS);
    let contestants = Contestants::build(workspace)?;
    let method = format!(
        "{rounds} rounds, interleaved in rotating order, a process per measurement, two workers \
         where the row does not say one, and echo by as many as there are cores beside the load's"
    );
    let conditions = Conditions::begin(workspace, method, "mimalloc (but of Go)");
    let sheet = Sheet::open(workspace, part, conditions)?;
    let mut rows = Vec::new();
    for measurement in measurements {
        let bout = Bout {
            workspace,
            contestants: &contestants,
            measurement: *measurement,
            count: measurement.count(options.count),
        };
        rows.extend(bout.measure(rounds)?);
        sheet.keep(&render(&rows))?;
        sheet.keep_samples(&rows)?;
    }
    sheet.publish(workspace, &render(&rows))
}

/// One measurement of all runtimes that take part.
struct Bout<'a> {
    workspace: &'a Workspace,
    contestants: &'a Contestants,
    measurement: Measurement,
    count: Option<u64>,
}

impl Bout<'_> {
    /// All rounds.
    fn measure(&self, rounds: u32) -> Result<Vec<Row>> {
        let runtimes = self.contestants.of(self.measurement.name);
        let mut rows = self.measurement.rows(&runtimes);
        let title = self.measurement.title();
        plan::say(&format!("{title}: {rounds} rounds"));
        for round in 0..rounds as usize {
            for turn in 0..runtimes.len() {
                let runtime = runtimes[(round + turn) % runtimes.len()];
                for reading in self.measure_once(runtime)? {
                    let row = &mut rows[reading.row];
                    row.push(reading.runtime, reading.count, reading.sample);
                }
            }
            for row in &rows {
                let (name, last) = (&row.name, row.last_round());
                println!("    round {} of {rounds}, {name}: {last}", round + 1);
            }
        }
        Ok(rows)
    }

    fn measure_once(&self, runtime: &'static str) -> Result<Vec<Reading>> {
        let Some(connections) = self.measurement.connections() else {
            return self.ask(runtime);
        };
        let requests = self.count.unwrap_or(REQUESTS);
        let exchange = echo::exchange(self.contestants, runtime, connections, requests)
            .with_context(|| format!("echo on {runtime}"))?;
        let reading = |row, ns| Reading {
            row,
            runtime,
            count: Some(requests),
            sample: Sample::Value(ns),
        };
        let readings = [exchange.cpu_ns, exchange.p99_ns].into_iter().enumerate();
        Ok(readings.map(|(row, ns)| reading(row, ns)).collect())
    }

    fn ask(&self, runtime: &'static str) -> Result<Vec<Reading>> {
        let Measurement { name, workers } = self.measurement;
        let mut call = self
            .contestants
            .call(runtime, workers)
            .args(["--bench", name]);
        if let Some(count) = self.count {
            call = call.args(["--count", &count.to_string()]);
        }
        let answer = answer(self.workspace, &call)?;
        let reading = |runtime, sample| Reading {
            row: 0,
            runtime,
            count: answer["count"].as_u64(),
            sample,
        };
        let own = reading(runtime, sample(&answer)?);
        let floor = answer["floor_ns_per_op"].as_f64().map(Sample::Value);
        let floor = floor.map(|sample| reading(FLOOR, sample));
        Ok([own].into_iter().chain(floor).collect())
    }
}

impl Measurement {
    fn title(self) -> String {
        match self.workers {
            1 => format!("{}, one worker", self.name),
            _ => self.name.to_owned(),
        }
    }

    /// Of the measurements over connections: how many.
    fn connections(self) -> Option<u64> {
        self.name.strip_prefix("echo_")?.parse().ok()
    }

    /// Operations of a round; `None` leaves them to the program.
    fn count(self, asked: Option<u64>) -> Option<u64> {
        match self.name {
            "alive_1m" => {
                let fit = available::memory_bytes() / ALIVE_BYTES;
                Some(asked.unwrap_or(ALIVE).min(fit))
            }
            // Seconds, not operations.
            "idle" => None,
            _ => asked,
        }
    }

    /// The rows that it fills, all empty.
    fn rows(self, runtimes: &[&str]) -> Vec<Row> {
        let title = self.title();
        let row = |name: String, unit| Row::new(name, unit, runtimes);
        match self.name {
            "alive_1m" => vec![row(title, Unit::Bytes)],
            "idle" => vec![row(title, Unit::Share)],
            _ if self.connections().is_some() => ["CPU a request", "p99"]
                .map(|what| row(format!("{title}, {what}"), Unit::Nanoseconds))
                .into(),
            _ => vec![row(title, Unit::Nanoseconds)],
        }
    }
}

/// Runs a contestant; the object that it answers.
pub fn answer(workspace: &Workspace, call: &Invocation) -> Result<Value> {
    let finished = runner::run_checked(workspace, "contest", call)?;
    parse(&finished.stdout).with_context(|| format!("the answer of `{call}`"))
}

fn parse(answer: &str) -> Result<Value> {
    let line = answer.lines().rfind(|line| line.starts_with('{'));
    serde_json::from_str(line.unwrap_or_default()).context("is no JSON object")
}

/// A contestant's figure in whatever unit, or `skipped` with the reason.
pub fn sample(answer: &Value) -> Result<Sample> {
    if let Some(reason) = answer["skipped"].as_str() {
        return Ok(Sample::Skipped(reason.to_owned()));
    }
    let figures = ["ns_per_op", "bytes_per_task", "share"];
    let value = figures.iter().find_map(|name| answer[*name].as_f64());
    match (value, answer["reused"].as_f64()) {
        (Some(value), Some(reused)) if value > 0.0 => Ok(Sample::Pooled { value, reused }),
        (Some(value), None) if value > 0.0 => Ok(Sample::Value(value)),
        _ => bail!("the answer has no positive figure: {answer}"),
    }
}

/// The names of all rows of `peers`.
#[cfg(test)]
pub fn rows_of_all_tasks() -> Vec<String> {
    let rows = tasks(&[]).into_iter().flat_map(|one| one.rows(&[]));
    rows.map(|row| row.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample_of(text: &str) -> Result<Sample> {
        sample(&parse(text)?)
    }

    #[test]
    fn reads_the_last_object_of_an_answer() {
        let answer = "warming up\n{\"ns_per_op\": 12.5}\n";
        assert_eq!(sample_of(answer).unwrap(), Sample::Value(12.5));
        let skipped = sample_of("{\"skipped\": \"no timers\"}").unwrap();
        assert_eq!(skipped, Sample::Skipped("no timers".to_owned()));
        let pooled = sample_of("{\"ns_per_op\": 3.0, \"reused\": 0.5}").unwrap();
        let (value, reused) = (3.0, 0.5);
        assert_eq!(pooled, Sample::Pooled { value, reused });
        let bytes = sample_of("{\"bytes_per_task\": 4608.5}").unwrap();
        assert_eq!(bytes, Sample::Value(4608.5));
        assert!(sample_of("{}").is_err());
        assert!(sample_of("").is_err());
    }

    #[test]
    fn primitives_are_measured_with_one_worker_too() {
        let names = ["mutex_1000".to_owned(), "yield_2".to_owned()];
        let titles = |all: Vec<Measurement>| all.into_iter().map(Measurement::title);
        assert!(titles(tasks(&names)).eq(["yield_2"]));
        assert!(titles(primitives(&names)).eq(["mutex_1000, one worker", "mutex_1000"]));
    }

    #[test]
    fn connections_are_measured_twice_over() {
        let rows = rows_of_all_tasks();
        assert!(rows.contains(&"echo_64, CPU a request".to_owned()));
        assert!(rows.contains(&"echo_1000, p99".to_owned()));
        assert_eq!(rows.len(), TASKS.len() + 2);
    }

    #[test]
    fn no_more_tasks_are_kept_alive_than_fit() {
        let of = |name| Measurement { name, workers: 2 };
        assert_eq!(of("alive_1m").count(Some(7)), Some(7));
        let fit = of("alive_1m").count(Some(u64::MAX)).unwrap();
        assert!(fit < u64::MAX / ALIVE_BYTES);
        assert_eq!(of("idle").count(Some(7)), None);
        assert_eq!(of("yield_2").count(None), None);
    }
}
