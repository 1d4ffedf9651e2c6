//! All tasks are asleep: the report that no task of the process will run again.

use std::fmt;

use super::{Cycle, Dump, Task, cycles};
use runtime_abi::Class;

/// Every task of the process is parked, and nobody is left to wake one: what Go calls "all goroutines
/// are asleep". Given to the function of
/// [`Builder::on_all_asleep`](crate::Builder::on_all_asleep), which says when that is certain.
///
/// Shown as all tasks with what they wait for, where they are, and the cycles among them.
#[derive(Clone, Debug)]
pub struct AllAsleep {
    dump: Dump,
    cycles: Vec<Cycle>,
}

impl AllAsleep {
    pub(crate) fn of(tasks: Vec<Task>) -> Self {
        let cycles = cycles::of(&tasks);
        let dump = Dump::of(tasks).add_stacks();
        Self { dump, cycles }
    }

    /// The tasks.
    #[must_use]
    pub fn dump(&self) -> &Dump {
        &self.dump
    }

    /// Tasks that wait for each other. There may be none: then a channel's other end, or whoever
    /// would release a semaphore, is kept by a task that waits as well.
    #[must_use]
    pub fn cycles(&self) -> &[Cycle] {
        &self.cycles
    }
}

impl fmt::Display for AllAsleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "all tasks are asleep, and nobody can wake one: {}",
            self.dump
        )
    }
}

/// Whether all tasks wait for tasks: none runs, is queued, or waits for time or for the world.
pub(crate) fn all_wait_for_tasks(tasks: &[Task]) -> bool {
    let waits_for_a_task = |task: &Task| {
        task.park
            .is_some_and(|park| park.reason.class() != Class::Idle)
    };
    !tasks.is_empty() && tasks.iter().all(waits_for_a_task)
}
