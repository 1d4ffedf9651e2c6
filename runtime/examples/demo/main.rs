//! A small order service with the usual mistakes in it, to look at with `observer run`.
//!
//! ```text
//! cargo run --release --example demo -- --workload mixed
//! ```
//!
//! Each workload is a module: `steady` is healthy, `leak` loses a task per order, `stuck` has
//! a mutex whose owner never lets go, `storm` recurses deep and wide. It runs until SIGINT,
//! SIGTERM, or the end of stdin with `--until-stdin-ends`, in bounded memory.

mod leak;
mod steady;
mod stop;
mod storm;
mod stuck;

use std::time::Duration;

use clap::{Parser, ValueEnum};
use runtime::{Builder, chan};

/// A small service that leaks, gets stuck, storms, or is well.
#[derive(Parser)]
struct Options {
    /// What it does.
    #[arg(long, value_enum, default_value_t = Workload::Mixed)]
    workload: Workload,
    /// Threads that run tasks; as many as the machine has by default.
    #[arg(long)]
    workers: Option<usize>,
    /// How long a park lasts before it is a stall.
    #[arg(long, default_value_t = 10_000)]
    stall_period_ms: u64,
    /// Tasks that `leak` loses in a second.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    leaks_per_second: u32,
    /// Also stop when stdin ends.
    #[arg(long)]
    until_stdin_ends: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Workload {
    /// Handlers that start a task which sends a report that nobody receives.
    Leak,
    /// Transfers that wait for an account whose owner never lets go.
    Stuck,
    /// Bursts of documents nested so deep that every parser's stack grows.
    Storm,
    /// A worker pool, a ticker and requests with answers: nothing to report.
    Steady,
    /// All of them.
    Mixed,
}

impl Workload {
    fn includes(self, part: Self) -> bool {
        self == part || self == Self::Mixed
    }
}

fn main() {
    let options = Options::parse();
    let mut builder = Builder::new().stall_period(Duration::from_millis(options.stall_period_ms));
    if let Some(workers) = options.workers {
        builder = builder.workers(workers);
    }
    let (stop, stopped) = chan::bounded(1);
    stop::on_signal(stop.clone());
    if options.until_stdin_ends {
        stop::on_end_of_stdin(stop);
    }
    println!(
        "demo runs as process {}; stop it with Ctrl-C",
        std::process::id()
    );
    let why: Option<&str> = builder.run(move || {
        start(&options);
        stopped.recv().ok()
    });
    println!(
        "demo stops: {}",
        why.unwrap_or("nobody can stop it any more")
    );
}

fn start(options: &Options) {
    if options.workload.includes(Workload::Steady) {
        steady::start();
    }
    if options.workload.includes(Workload::Leak) {
        leak::start(options.leaks_per_second);
    }
    if options.workload.includes(Workload::Stuck) {
        stuck::start();
    }
    if options.workload.includes(Workload::Storm) {
        storm::start();
    }
}
