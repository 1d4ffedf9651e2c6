//! One workload on one runtime in one process: prints a JSON line with the time per operation
//! and the peak of the resident memory. `cargo xtask bench` runs it again and again,
//! interleaved, and does the statistics; this program never compares anything.
//!
//! ```text
//! contest --runtime ours --bench chan_round_trip
//! {"runtime":"ours","bench":"chan_round_trip","workers":2,"count":300000,…}
//! ```
//!
//! With `--interactive` it stays in one process and runs one round for each line on stdin,
//! so that a caller can arm and disarm the probes between rounds. A line is empty, or the
//! number of operations of its round. With `--serve` it says on which address it answers every
//! byte with the same byte, and does that until it is killed; `contest-load` is who asks.

mod contestant;
mod crowd;
mod echo;
mod floor;
mod footprint;
mod may;
mod measure;
mod memory;
mod ours;
mod primitives;
mod recursion;
mod tokio;

use std::io::{BufRead, Write, stdin, stdout};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use mimalloc::MiMalloc;

use contestant::{Bench, Contestant, Load};
use measure::Report;

/// Every contestant allocates from the same allocator.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Runs one workload on one runtime.
#[derive(Parser)]
struct Options {
    /// The runtime that carries the load.
    #[arg(long, value_enum)]
    runtime: Contestant,
    /// The load.
    #[arg(long, value_enum, required_unless_present = "serve")]
    bench: Option<Bench>,
    /// Serve echo instead of carrying a load.
    #[arg(long, conflicts_with = "bench")]
    serve: bool,
    /// Threads that run tasks.
    #[arg(long, default_value_t = 2)]
    workers: usize,
    /// Operations per round, instead of the bench's own number.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Of `waves`, `pairs` and `sleepers`: tasks at a time.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(2..))]
    tasks: u64,
    /// Rounds, after one round of a tenth of the size that is not reported.
    #[arg(long, default_value_t = 1)]
    rounds: u32,
    /// Run a round for each line on stdin until it ends, instead of `--rounds`.
    #[arg(long)]
    interactive: bool,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let Some(bench) = options.bench else {
        return Ok(options.runtime.serve(options.workers, echo::announce)?);
    };
    let load = options.runtime.fits(Load {
        bench,
        workers: options.workers,
        count: options.count.unwrap_or_else(|| bench.operations()),
        tasks: options.tasks,
    });
    if let Some(reason) = options.runtime.refuses(&load) {
        return print(&Report::skipped(options.runtime, &load, reason));
    }
    if bench.warms_up() {
        options.runtime.run(&load.tenth());
    }
    if options.interactive {
        for line in stdin().lock().lines() {
            print(&round(options.runtime, &load_of(&line?, &load)?))?;
        }
        return Ok(());
    }
    (0..options.rounds).try_for_each(|_| print(&round_above_floor(options.runtime, &load)))
}

/// The load of the round that a line on stdin asks for.
fn load_of(line: &str, own: &Load) -> Result<Load> {
    let count = match line.trim() {
        "" => own.count,
        number => number
            .parse()
            .with_context(|| format!("{number} is no number of operations"))?,
    };
    ensure!(count > 0, "a round of no operations");
    Ok(Load { count, ..*own })
}

fn round(contestant: Contestant, load: &Load) -> Report {
    measure::begin();
    let figure = contestant.run(load);
    Report::measured(contestant, load, figure)
}

/// A round; of the workload that is mostly about memory, also what that memory alone takes.
fn round_above_floor(contestant: Contestant, load: &Load) -> Report {
    let before = memory::resident_bytes();
    let report = round(contestant, load);
    if load.bench != Bench::Sleepers1m || !matches!(contestant, Contestant::Ours) {
        return report;
    }
    let touched = memory::peak_resident_bytes().saturating_sub(before) / memory::PAGE_BYTES;
    report.above(contestant::SLEEP + floor::touching(touched, load.count, load.workers))
}

fn print(report: &Report) -> Result<()> {
    let mut out = stdout().lock();
    serde_json::to_writer(&mut out, report)?;
    writeln!(out)?;
    Ok(out.flush()?)
}
