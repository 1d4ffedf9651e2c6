//! What the process's tasks are doing, asked from inside.
//!
//! The same truth that observers see from outside, without privileges: [`tasks`] says of each
//! task what it waits for and since when, [`sites`] has the counters of every line that spawns,
//! [`metrics`] the process's totals. [`Dump`] is all tasks as text, equal ones together;
//! [`cycles`] finds tasks that wait for each other.
//!
//! All of it is about the whole process, whatever the number of runtimes in it, and costs the
//! tasks nothing. Numbers are read one after the other while tasks go on: each is true, of about
//! the same moment.
//!
//! ```
//! use runtime::{Reason, Runtime, chan, introspect, spawn, yield_now};
//!
//! Runtime::run(|| {
//!     let (sender, receiver) = chan::bounded::<u32>(1);
//!     let waiting = spawn(move || receiver.recv());
//!     let is_parked = |task: &introspect::Task| {
//!         task.id() == waiting.id() && task.park().is_some_and(|p| p.reason() == Reason::ChanRecv)
//!     };
//!     while !introspect::tasks().iter().any(is_parked) {
//!         yield_now();
//!     }
//!     println!("{}", introspect::Dump::new());
//!     drop(sender);
//!     waiting.join().unwrap().unwrap_err();
//! });
//! ```

mod asleep;
mod cycles;
mod dump;
mod latency;
mod on_signal;
mod overdue;
mod stack;
#[cfg(feature = "symbols")]
mod symbols;

use std::time::Duration;

pub use asleep::AllAsleep;
pub(crate) use asleep::all_wait_for_tasks;
pub use cycles::{Cycle, cycles};
pub use dump::Dump;
pub(crate) use latency::Turn;
pub use latency::{Histogram, Latencies, Measuring, latencies, measure};
pub use on_signal::dump_on_sigquit;
pub use overdue::{Overdue, overdue};
pub use runtime_abi::TaskState as State;
pub use stack::Stack;

use crate::ledger::stall::{self, ParkWord};
use crate::ledger::{self, Counter};
use crate::monitor;
use crate::sched::shared::Shared;
use crate::site::{self, Site};
use crate::task::table::{self, ParkSnapshot, TaskSnapshot};
use crate::task::{
    Parent,
    inspection::{Inspected, inspect},
    place::Holder,
};
use crate::{Reason, TaskId, time};

/// One task, as it was when it was looked at.
#[derive(Clone, Copy, Debug)]
pub struct Task {
    id: TaskId,
    site: &'static Site,
    parent: Option<Parent>,
    state: State,
    park: Option<Park>,
    told_to_stop: Option<Duration>,
    /// What tells its park from the next one.
    word: ParkWord,
}

/// What a task waits for.
#[derive(Clone, Copy, Debug)]
pub struct Park {
    reason: Reason,
    resource: u64,
    owner: TaskId,
    /// Whether nobody but the owner can end the wait.
    is_owner_certain: bool,
    since: Duration,
}

/// A line that spawns tasks, with what became of them.
#[derive(Clone, Copy, Debug)]
pub struct SiteCounts {
    site: &'static Site,
    /// Tasks that have not ended.
    pub live: u64,
    /// Tasks spawned, ever; the other counters are of ever, too.
    pub spawned: u64,
    /// Tasks that returned.
    pub returned: u64,
    /// Tasks that panicked.
    pub panicked: u64,
    /// Tasks that were given up.
    pub cancelled: u64,
    /// Parks.
    pub parks: u64,
    /// Yields.
    pub yields: u64,
    /// Times that a stack had to grow.
    pub growths: u64,
    /// Bytes of open stack windows of the live tasks.
    pub stack_bytes: u64,
}

/// The process's totals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metrics {
    /// Tasks that have not ended.
    pub live: u64,
    /// Tasks in run queues.
    pub runnable: u64,
    /// Workers.
    pub workers: u64,
    /// Workers with nothing to do.
    pub idle_workers: u64,
    /// Processors that were taken from a worker in a blocking call, ever.
    pub handoffs: u64,
    /// Run queues that were stolen from, ever.
    pub steals: u64,
    /// Bytes of open stack windows of tasks.
    pub stack_used_bytes: u64,
    /// Bytes of stacks that wait for a task.
    pub stack_cached_bytes: u64,
}

/// All tasks of the process that have not ended, by slot.
#[must_use]
pub fn tasks() -> Vec<Task> {
    let slots = 0..table::slots();
    slots.filter_map(Task::at).collect()
}

/// Tasks of one runtime that have not ended.
pub(crate) fn tasks_of(runtime: &Shared) -> Vec<Task> {
    // A vacant slot still names the runtime of its last task; then there is no task to be seen.
    let is_of = |slot: &u32| table::get(*slot).is_some_and(|record| record.is_of(runtime));
    let slots = (0..table::slots()).filter(is_of);
    slots.filter_map(Task::at).collect()
}

/// The counters of every line that has spawned.
#[must_use]
pub fn sites() -> Vec<SiteCounts> {
    let sites = (0..site::count()).filter_map(site::by_index);
    let counts = sites.map(SiteCounts::new);
    counts.filter(|counts| counts.spawned > 0).collect()
}

/// The process's totals.
#[must_use]
pub fn metrics() -> Metrics {
    let gauges = monitor::gauges();
    let stacks = crate::stack::totals();
    Metrics {
        live: sites().iter().map(|site| site.live).sum(),
        runnable: gauges.runnable,
        workers: gauges.workers,
        idle_workers: gauges.idle_workers,
        handoffs: gauges.handoffs,
        steals: gauges.steals,
        stack_used_bytes: stacks.used_bytes,
        stack_cached_bytes: stacks.cached_bytes,
    }
}

impl Task {
    /// The task in a slot.
    fn at(slot: u32) -> Option<Self> {
        let word = stall::word(slot);
        let snapshot = table::task_snapshot(slot)?;
        let mut task = Self::new(slot, &snapshot, word);
        if task.park.is_some()
            && let Some(seen) = inspect(slot, Inspection::of)
            && stall::word(slot) == word
        {
            task.add(&seen);
        }
        Some(task)
    }

    /// Adds what is known of a task that is parked.
    fn add(&mut self, seen: &Inspection) {
        let since_ns = seen.cancelled_since_ns;
        self.told_to_stop =
            since_ns.map(|since_ns| Duration::from_nanos(time::now_ns().saturating_sub(since_ns)));
        if let Some(park) = &mut self.park
            && let Reason::Mutex | Reason::Rwlock = park.reason
            && let Some(holder) = seen.holder
        {
            park.owner = holder.task;
            park.is_owner_certain = holder.is_only;
        }
    }

    /// Whether it has waited all the time since it was looked at.
    fn still_waits(&self) -> bool {
        self.word.reason().is_some() && stall::word(self.id.slot()) == self.word
    }

    fn new(slot: u32, snapshot: &TaskSnapshot, word: ParkWord) -> Self {
        Self {
            id: snapshot.task,
            site: snapshot.site,
            parent: snapshot.parent,
            state: snapshot.state,
            park: snapshot.park.as_ref().map(|park| Park::new(slot, park)),
            told_to_stop: None,
            word,
        }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> TaskId {
        self.id
    }

    /// The line that spawned it.
    #[must_use]
    pub fn site(&self) -> &'static Site {
        self.site
    }

    /// Who spawned it; `None` if no task did.
    #[must_use]
    pub fn parent(&self) -> Option<Parent> {
        self.parent
    }

    /// What it does.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// How long ago the token that it works under was cancelled; see [`overdue`]. `None` if it is
    /// not, or the task is not parked.
    #[must_use]
    pub fn told_to_stop(&self) -> Option<Duration> {
        self.told_to_stop
    }

    /// Where it is, if it is parked and has been all the time since it was looked at.
    #[must_use]
    pub fn stack(&self) -> Option<Stack> {
        stack::Code::now().stack_of(self)
    }

    /// What it waits for, if it is parked or in a blocking call.
    #[must_use]
    pub fn park(&self) -> Option<Park> {
        self.park
    }
}

/// What only an inspection of a parked task can tell.
struct Inspection {
    holder: Option<Holder>,
    cancelled_since_ns: Option<u64>,
}

impl Inspection {
    fn of(task: &Inspected) -> Self {
        Self {
            holder: task.holder(),
            cancelled_since_ns: task.cancelled_since_ns(),
        }
    }
}

impl Park {
    fn new(slot: u32, snapshot: &ParkSnapshot) -> Self {
        Self {
            reason: snapshot.reason,
            resource: snapshot.resource,
            owner: snapshot.owner,
            is_owner_certain: snapshot.reason == Reason::Join,
            since: Duration::from_nanos(stall::parked_ns(slot)),
        }
    }

    /// Why it is parked.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// The address of what it waits for; 0 if there is none.
    #[must_use]
    pub fn resource(&self) -> u64 {
        self.resource
    }

    /// Who holds what it waits for; [`TaskId::NONE`] if nobody, or it is not known. Of a lock, now;
    /// of other things, when the task parked.
    #[must_use]
    pub fn owner(&self) -> TaskId {
        self.owner
    }

    /// For how long, to half a second.
    #[must_use]
    pub fn since(&self) -> Duration {
        self.since
    }
}

impl SiteCounts {
    fn new(site: &'static Site) -> Self {
        let sums = ledger::sum(site);
        Self {
            site,
            live: sums.live(),
            spawned: sums.get(Counter::Spawned),
            returned: sums.get(Counter::Returned),
            panicked: sums.get(Counter::Panicked),
            cancelled: sums.get(Counter::Cancelled),
            parks: sums.get(Counter::Parks),
            yields: sums.get(Counter::Yields),
            growths: sums.get(Counter::Growths),
            stack_bytes: sums.get(Counter::StackBytes),
        }
    }

    /// The line.
    #[must_use]
    pub fn site(&self) -> &'static Site {
        self.site
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
