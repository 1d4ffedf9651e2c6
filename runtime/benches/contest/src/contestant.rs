//! The table of workloads and runtimes. What a workload does on a runtime is in the module
//! of that runtime, written as its own documentation would.

use std::time::Duration;

use clap::ValueEnum;
use serde::Serialize;

use crate::{may, ours, tokio};

/// Depth to which each task of [`Bench::Recursion`] recurses.
pub const RECURSION_BYTES: usize = 64 * 1024;

/// Tasks that a runtime with two mappings a stack can have at once under the kernel's
/// default `vm.max_map_count` of 65,530.
const MOST_MAPPED_STACKS: u64 = 30_000;

/// A runtime.
#[derive(Clone, Copy, Debug, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Contestant {
    Ours,
    Tokio,
    May,
}

/// A workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum Bench {
    /// Spawn all tasks, then join all; per task.
    SpawnJoin,
    /// Spawn a task and join it before the next; per task.
    SpawnThenJoin,
    /// Two tasks send a number to and fro over two channels; per round trip.
    ChanRoundTrip,
    /// Two tasks yield in turn; per yield.
    #[value(name = "yield_2")]
    #[serde(rename = "yield_2")]
    Yield2,
    /// A thousand tasks yield in turn; per yield.
    #[value(name = "yield_1000")]
    #[serde(rename = "yield_1000")]
    Yield1000,
    /// A million tasks sleep for a second, all at once; per task, the second included.
    #[value(name = "sleepers_1m")]
    #[serde(rename = "sleepers_1m")]
    Sleepers1m,
    /// Tasks recurse to 64 KiB of stack; spawned together, per task.
    Recursion,
}

/// A workload with its size.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub bench: Bench,
    pub workers: usize,
    /// Operations: tasks, round trips or yields.
    pub count: u64,
}

impl Bench {
    /// Operations of a round, unless the caller says otherwise.
    pub const fn operations(self) -> u64 {
        match self {
            Self::SpawnJoin | Self::Sleepers1m => 1_000_000,
            Self::SpawnThenJoin | Self::ChanRoundTrip => 300_000,
            Self::Yield2 | Self::Yield1000 => 4_000_000,
            Self::Recursion => 10_000,
        }
    }
}

impl Contestant {
    /// Why this runtime cannot carry this load at all, if so.
    pub fn refuses(self, load: &Load) -> Option<&'static str> {
        let at_once = matches!(load.bench, Bench::Sleepers1m | Bench::SpawnJoin);
        let too_many = at_once && load.count > MOST_MAPPED_STACKS;
        (matches!(self, Self::May) && too_many)
            .then_some("two mappings a task: more than vm.max_map_count allows")
    }

    /// Carries the load; the time that it took, without the runtime's start and end.
    pub fn run(self, load: &Load) -> Duration {
        match self {
            Self::Ours => ours::run(load),
            Self::Tokio => tokio::run(load),
            Self::May => may::run(load),
        }
    }
}
