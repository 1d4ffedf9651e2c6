//! `cargo xtask bench`: what the runtime costs beside its peers, and what being observed costs.
//!
//! Six parts: `peers` (ours, tokio, may, threads and Go), `primitives` (the same over channels, locks,
//! timers and pools), `curves` (what grows with the number of tasks), `probe` (a probe that nobody
//! listens to), `observed` (each of ours unobserved against each mode of the observer) and `monitor`
//! (the price of the monitor's thread). Each prints a Markdown table with its conditions and keeps it
//! in `target/bench/`, anew after each row, so that a run that is ended early leaves what it had.
//! `figures` puts what the first three have kept into the docs.

mod aims;
mod available;
mod chart;
mod conditions;
mod contestants;
mod conversation;
mod cpu;
mod curves;
mod echo;
pub mod figures;
mod growth;
mod monitor;
mod observed;
mod pairs;
mod peers;
mod probe;
mod row;
mod semaphores;
mod shares;
mod sheet;
mod statistics;
mod table;
mod watch;

use anyhow::{Result, bail};
use std::path::PathBuf;

use crate::build;
use crate::command::Invocation;
use crate::plan::{self, Step};
use crate::privilege::Privilege;
use crate::setup;
use crate::workspace::Workspace;

/// The measurements that are taken observed, too, by the names that the contestants know.
const BENCHES: [&str; 7] = [
    "spawn_join",
    "spawn_then_join",
    "chan_round_trip",
    "yield_2",
    "yield_1000",
    "sleepers_1m",
    "recursion",
];

/// Those of `peers`, in the order of the table.
const TASKS: [&str; 14] = [
    "spawn_join",
    "spawn_join_all",
    "spawn_then_join",
    "chan_round_trip",
    "yield_2",
    "yield_1000",
    "skynet_1m",
    "sleepers_1m",
    "alive_1m",
    "echo_64",
    "echo_1000",
    "recursion",
    "recursion_yield",
    "idle",
];

/// Those over any number of tasks, of `curves`.
const CURVES: [&str; 3] = ["waves", "pairs", "sleepers"];

/// Those over channels, locks, timers and pools, of `primitives`.
const PRIMITIVES: [&str; 12] = [
    "fan_in",
    "four_to_four",
    "rendezvous",
    "select_2",
    "mutex_1000",
    "rwlock_95",
    "semaphore",
    "wait_group",
    "timers_1m",
    "pool",
    "work",
    "work_yield",
];

/// What `bench` takes.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Options {
    /// The parts to run, all when none is named.
    #[arg(value_enum)]
    parts: Vec<Part>,
    /// Of all but `probe` and `monitor`: only this measurement; may be given more than once.
    #[arg(
        long = "bench",
        value_name = "NAME",
        value_parser = [&TASKS[..], &PRIMITIVES, &CURVES].concat()
    )]
    names: Vec<String>,
    /// How often each measurement is repeated: of `peers` and `primitives` [default: 10], of
    /// `curves` [default: 3].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: Option<u32>,
    /// Of `curves`: the largest number of tasks.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(100..))]
    most: u64,
    /// Of `probe` and `observed`: how often each of the two sides is measured.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..))]
    pairs: u32,
    /// Of all but `monitor`: operations of a round, instead of each one's own.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Of `monitor`: how often each state is measured.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    windows: u32,
    /// Of `monitor`: seconds of one window.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Of `monitor`: parked tasks; a tenth of them is woken every two seconds.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1_000..))]
    tasks: u64,
    #[command(flatten)]
    setup: setup::Options,
}

/// One part of the benchmarks, in the order in which they run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Ours, tokio, may, threads and Go, each in processes of its own.
    Peers,
    /// The same over channels, locks, timers and pools, with one worker and two.
    Primitives,
    /// What grows with the number of tasks: ours, tokio and Go, 100 to 1,000,000 tasks.
    Curves,
    /// A probe whose semaphore is 0: a load and a branch, in a loop without and with it.
    Probe,
    /// Ours unobserved against observed, in one process.
    Observed,
    /// The share of a core that the monitor's thread takes.
    Monitor,
}

impl Part {
    const ALL: [Self; 6] = [
        Self::Peers,
        Self::Primitives,
        Self::Curves,
        Self::Probe,
        Self::Observed,
        Self::Monitor,
    ];

    fn needs_root(self) -> bool {
        matches!(self, Self::Observed | Self::Monitor)
    }
}

/// `cargo xtask bench`.
pub fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let parts = possible(&options.parts, Privilege::find() == Privilege::Root)?;
    let mut observer = PathBuf::new();
    if parts.iter().any(|part| part.needs_root()) {
        observer = build::observer(workspace, &options.setup)?;
    }
    for part in parts {
        match part {
            Part::Peers => peers::run(workspace, options)?,
            Part::Primitives => peers::run_primitives(workspace, options)?,
            Part::Curves => curves::run(workspace, options)?,
            Part::Probe => probe::run(workspace, options)?,
            Part::Observed => observed::run(workspace, options, &observer)?,
            Part::Monitor => monitor::run(workspace, options, &observer)?,
        }
    }
    Ok(())
}

/// The parts to run: those that were named, or all that can be run here.
fn possible(named: &[Part], root: bool) -> Result<Vec<Part>> {
    const ADVICE: &str = "`observed` and `monitor` need root to attach probes";
    if !root && named.iter().any(|part| part.needs_root()) {
        bail!("{ADVICE}: run them as root");
    }
    if !root && named.is_empty() {
        plan::say(&format!("{ADVICE}: left out"));
    }
    let wanted = |part: &Part| named.is_empty() || named.contains(part);
    let can = |part: &Part| root || !part.needs_root();
    let all = Part::ALL.into_iter();
    Ok(all.filter(|part| wanted(part) && can(part)).collect())
}

fn selected(benches: &[&'static str], names: &[String]) -> Vec<&'static str> {
    benches
        .iter()
        .copied()
        .filter(|name| names.is_empty() || names.iter().any(|given| given == name))
        .collect()
}

/// Says that a part has none of the measurements that were named.
fn leave_out(part: &str) {
    plan::say(&format!("no measurement of `{part}` was named: left out"));
}

/// Builds the programs in which measurements run, but Go's.
fn build_contestants(workspace: &Workspace) -> Result<PathBuf> {
    let call = Invocation::cargo()
        .args(["build", "--release", "--package", "contest"])
        .folder(&workspace.root);
    Step::new("building the contestants", "build-contest", vec![call]).perform(workspace)?;
    Ok(workspace.release("contest"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_order_of_the_table_whatever_the_order_of_the_names() {
        assert_eq!(selected(&BENCHES, &[]), BENCHES);
        let names = ["sleepers_1m".to_owned(), "spawn_join".to_owned()];
        assert_eq!(selected(&BENCHES, &names), ["spawn_join", "sleepers_1m"]);
    }

    #[test]
    fn without_root_only_what_attaches_nothing_is_measured() {
        assert_eq!(possible(&[], false).unwrap(), Part::ALL[..4]);
        assert!(possible(&[Part::Monitor], false).is_err());
        assert_eq!(possible(&[], true).unwrap(), Part::ALL);
        let named = [Part::Monitor, Part::Peers];
        assert_eq!(
            possible(&named, true).unwrap(),
            [Part::Peers, Part::Monitor]
        );
    }
}
