//! What the model is told, whoever tells it.
//!
//! A *source* hears of tasks: the probes of our contract are the first ([`super::Snapshot`] and the
//! records of the ring, in `probes.rs`). Another, for a runtime that emits no probes, has to say
//! the same and nothing else:
//!
//! - which processes it has heard, each under a number of its own for one life of it;
//! - at intervals, [`Fact`]s: spawns, exits, parks and growths as counts that never fall, tasks that
//!   are stalled as numbers, and what the runtime says of itself;
//! - now and then, [`TaskReport`]s, which name a task that is stalled, or is not any more.
//!
//! Everything may be told again, late, or not at all: the model keeps what it knew. Times are boot
//! time in nanoseconds. A *site* is any number that stands for the line that spawns, until its
//! [`super::Text`] is learned; a *reason* is a code of [`runtime_abi::Reason`], or a newer one.

use observer_ebpf_abi::{Histogram, HistogramKey};

use super::Counters;

/// Says what is known now.
pub trait Source {
    /// The processes that were heard: thread group id, and which life of it.
    fn lives(&self, hear: &mut dyn FnMut(u32, Incarnation));

    /// All facts, each with the number of its incarnation.
    fn facts(&self, hear: &mut dyn FnMut(u64, Fact));
}

/// Says one thing of one task.
pub trait TellsOfTask {
    /// What it says, if it is about a task.
    fn task_report(&self) -> Option<TaskReport>;
}

/// One life of a process, as far as counters go on in it: a new program, or an observer that
/// lost sight of it, begins another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Incarnation {
    /// No other life of any process has it; never 0.
    pub number: u64,
    /// When it was first heard.
    pub first_heard_ns: u64,
}

/// Something that is true of a process.
#[derive(Clone, Copy, Debug)]
pub enum Fact {
    /// What happened at a site since the process began.
    Ledger(Ledger),
    /// What happened at a site since the source listens.
    Events {
        /// The site.
        site: u64,
        /// The counts.
        counters: Counters,
    },
    /// Growths of stacks by the instruction that needed them, since the source listens to them:
    /// no more than a part of all.
    Fault {
        /// The site.
        site: u64,
        /// The instruction's address.
        pc: u64,
        /// Growths.
        growths: u64,
    },
    /// Tasks that are stalled.
    Parked(Parked),
    /// An object pool.
    Pool(PoolReport),
    /// The runtime itself.
    Gauges(Gauges),
    /// How long something took.
    Durations {
        /// What, and why.
        key: HistogramKey,
        /// By size.
        histogram: Histogram,
    },
}

/// The counts of a site.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// The site.
    pub site: u64,
    /// When it was said.
    pub at_ns: u64,
    /// Since the process began.
    pub counters: Counters,
    /// Bytes of open stack windows now.
    pub stack_bytes: u64,
}

/// Tasks of a site that are stalled for one reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parked {
    /// The site.
    pub site: u64,
    /// The reason's code.
    pub reason: u64,
    /// When it was said.
    pub at_ns: u64,
    /// How many.
    pub tasks: u64,
    /// How long the oldest has been parked.
    pub oldest_ns: u64,
}

/// The object pools of a site.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolReport {
    /// The site that made them.
    pub site: u64,
    /// When it was said.
    pub at_ns: u64,
    /// Bytes that they retain.
    pub retained_bytes: u64,
    /// Objects taken.
    pub hits: u64,
    /// Objects that had to be made.
    pub misses: u64,
}

/// What a runtime says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gauges {
    /// When it was said.
    pub at_ns: u64,
    /// Version of what it speaks.
    pub schema: u64,
    /// Live tasks.
    pub live: u64,
    /// Tasks that wait for a worker.
    pub runnable: u64,
    /// Workers.
    pub workers: u64,
    /// Workers with nothing to do.
    pub idle_workers: u64,
    /// Processors handed to another worker, ever.
    pub handoffs: u64,
    /// Steals between processors, ever.
    pub steals: u64,
    /// Bytes of stacks in use.
    pub stack_bytes: u64,
    /// Bytes of stacks that wait for a task.
    pub stack_bytes_cached: u64,
    /// How long a park lasts before it is a stall.
    pub stall_period_ns: u64,
}

/// One task of a process, and when that was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskReport {
    /// Thread group id.
    pub tgid: u32,
    /// Which life of it.
    pub incarnation: Incarnation,
    /// When it was said.
    pub at_ns: u64,
    /// The task.
    pub task: u64,
    /// The site that spawned it.
    pub site: u64,
    /// The reason's code.
    pub reason: u64,
    /// What is said.
    pub what: TaskFact,
}

/// What is said of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskFact {
    /// It is parked, and has been for long.
    Stalled {
        /// For how long.
        parked_ns: u64,
        /// The address of what it waits for, or 0.
        resource: u64,
        /// Who can end that, or 0.
        owner: u64,
    },
    /// It goes on, or ended.
    Unstalled,
}
