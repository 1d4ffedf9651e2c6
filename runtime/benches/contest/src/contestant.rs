//! The table of workloads and runtimes. What a workload does on a runtime is in the module
//! of that runtime, written as its own documentation would.

use std::io;
use std::time::Duration;

use clap::ValueEnum;
use serde::Serialize;

use crate::measure::Figure;
use crate::primitives::threads;
use crate::{echo, may, ours, tokio};

/// Depth to which each task of [`Bench::Recursion`] and [`Bench::RecursionYield`] recurses.
pub const RECURSION_BYTES: usize = 64 * 1024;
/// Tasks that a task of [`Bench::Skynet1m`] spawns.
pub const SKYNET_BELOW: u64 = 10;
/// How long each task of [`Bench::Sleepers1m`] sleeps.
pub const SLEEP: Duration = Duration::from_secs(1);
/// How long each of the tasks of [`Bench::Sleepers`] sleeps: until all have begun to, and longer.
pub const fn nap(tasks: u64) -> Duration {
    Duration::from_micros(100_000 + 2 * tasks)
}

/// The sum of all numbers below `count`: what tasks that give their numbers add up to.
pub fn sum_below(count: u64) -> u64 {
    count * (count - 1) / 2
}

/// A runtime.
#[derive(Clone, Copy, Debug, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Contestant {
    Ours,
    Tokio,
    May,
    /// Threads of the system, with the channels of crossbeam and the locks of parking_lot.
    Threads,
}

/// A workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum Bench {
    /// Spawn all tasks, then join all; per task.
    SpawnJoin,
    /// The same by as many tasks as there are workers, each its share; per task.
    SpawnJoinAll,
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
    /// A tree of tasks, ten below each, a million leaves; the sums go up by joins, or by channels
    /// where those are the way; per leaf.
    #[value(name = "skynet_1m")]
    #[serde(rename = "skynet_1m")]
    Skynet1m,
    /// A million tasks sleep for a second, all at once; per task, the second included.
    #[value(name = "sleepers_1m")]
    #[serde(rename = "sleepers_1m")]
    Sleepers1m,
    /// A million tasks sleep, and none has ended; bytes that one holds.
    #[value(name = "alive_1m")]
    #[serde(rename = "alive_1m")]
    Alive1m,
    /// Tasks recurse to 64 KiB of stack; spawned together, per task.
    Recursion,
    /// The same, with a yield at the bottom; per task.
    RecursionYield,
    /// Nothing, for so many seconds, after some work; the share of a core that it takes.
    Idle,
    /// Sixteen tasks send to one over a channel with room for 128; per message.
    FanIn,
    /// Four tasks send to four over a channel with room for 128; per message.
    FourToFour,
    /// One task hands numbers to another; per number.
    Rendezvous,
    /// One task takes from whichever of two channels with room for 128 has something; per message.
    #[value(name = "select_2")]
    #[serde(rename = "select_2")]
    Select2,
    /// A thousand tasks add to a number behind a mutex; per lock.
    #[value(name = "mutex_1000")]
    #[serde(rename = "mutex_1000")]
    Mutex1000,
    /// A hundred tasks share a lock, one in twenty writes; per lock.
    #[value(name = "rwlock_95")]
    #[serde(rename = "rwlock_95")]
    Rwlock95,
    /// A hundred tasks share ten permits and yield with one; per permit.
    Semaphore,
    /// A task waits for a hundred others that it spawns, again and again; per member.
    WaitGroup,
    /// Timers of an hour that are inserted and cancelled, by a hundred tasks; per timer.
    #[value(name = "timers_1m")]
    #[serde(rename = "timers_1m")]
    Timers1m,
    /// Objects that one task takes from a pool and another puts back; per object.
    Pool,
    /// A hundred tasks, a microsecond's work at a time; per microsecond's work.
    Work,
    /// The same, with a yield after each.
    WorkYield,
    /// So many tasks are spawned, then joined, again and again; per task.
    Waves,
    /// So many tasks in pairs, each pair as in [`Bench::ChanRoundTrip`], from when all are there;
    /// per round trip.
    Pairs,
    /// So many tasks sleep at once; processor time per task.
    Sleepers,
}

/// A workload with its size.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub bench: Bench,
    pub workers: usize,
    /// Operations: tasks, round trips, yields or seconds.
    pub count: u64,
    /// Of the benches over so many tasks: that number.
    pub tasks: u64,
}

impl Load {
    /// A smaller one of the same kind, to warm up with.
    pub fn tenth(self) -> Self {
        Self {
            count: (self.count / 10).max(1),
            tasks: (self.tasks / 10).max(2),
            ..self
        }
    }
}

impl Bench {
    /// Operations of a round, unless the caller says otherwise.
    pub const fn operations(self) -> u64 {
        match self {
            Self::SpawnJoin | Self::SpawnJoinAll | Self::Skynet1m => 1_000_000,
            Self::Sleepers1m | Self::Alive1m => 1_000_000,
            Self::SpawnThenJoin | Self::ChanRoundTrip => 300_000,
            Self::Yield2 | Self::Yield1000 => 4_000_000,
            Self::Recursion | Self::RecursionYield => 10_000,
            Self::Idle => 3,
            Self::FanIn | Self::FourToFour | Self::Select2 | Self::Timers1m => 1_000_000,
            Self::Mutex1000 | Self::Rwlock95 => 4_000_000,
            Self::Rendezvous | Self::Semaphore | Self::WaitGroup | Self::Pool => 500_000,
            Self::Work | Self::WorkYield => 1_000_000,
            Self::Waves | Self::Pairs => 200_000,
            Self::Sleepers => 10_000,
        }
    }

    /// Whether a smaller round goes first. Memory is held against what was there before, and
    /// idling needs no practice.
    pub const fn warms_up(self) -> bool {
        !matches!(self, Self::Alive1m | Self::Idle)
    }
}

impl Contestant {
    /// Why this runtime cannot carry this load at all, if so.
    pub fn refuses(self, load: &Load) -> Option<&'static str> {
        match self {
            Self::Ours => None,
            Self::Tokio => tokio::lacks(load.bench),
            Self::May => may::lacks(load),
            Self::Threads => threads::lacks(load.bench),
        }
    }

    /// The load as this runtime can carry it: smaller where a large one tells nothing more.
    pub fn fits(self, load: Load) -> Load {
        match self {
            Self::May => may::fits(load),
            _ => load,
        }
    }

    /// Carries the load; what it took, without the runtime's start and end.
    pub fn run(self, load: &Load) -> Figure {
        match self {
            Self::Ours => ours::run(load),
            Self::Tokio => tokio::run(load),
            Self::May => may::run(load),
            Self::Threads => threads::run(load),
        }
    }

    /// Serves echo on an address of its own, which `listening` is told, until the process ends.
    pub fn serve(self, workers: usize, listening: echo::Listening) -> io::Result<()> {
        match self {
            Self::Ours => echo::ours::serve(workers, listening),
            Self::Tokio => echo::tokio::serve(workers, listening),
            Self::May => echo::may::serve(workers, listening),
            Self::Threads => echo::threads::serve(listening),
        }
    }
}
