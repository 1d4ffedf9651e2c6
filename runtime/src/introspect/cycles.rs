//! Tasks that wait for each other.
//!
//! A task that is parked on a mutex, a join, or a lock that is being written waits for one task,
//! its owner: an edge. Each task has at most one, so following them ends at a task that waits for
//! nobody, or comes back: a cycle. It is a deadlock if all its tasks waited all the time while
//! they were asked, for then none of them can have let go of anything. Owners of other parks (the
//! last that used the other end of a channel, one of several readers) say who is likely to be
//! waited for, not who must be, and make no edge.

use std::collections::HashMap;
use std::fmt;

use super::{Task, tasks};
use crate::{Reason, TaskId};

/// Tasks of which each waits for what the next one holds, and the last for what the first does.
#[derive(Clone, Debug)]
pub struct Cycle {
    tasks: Vec<Task>,
}

/// The cycles among the tasks of the process: deadlocks.
///
/// Certain, not suspected: every lock is asked who holds it, and all tasks of a cycle were parked
/// from before the first of them was asked until after the last. None of them runs again, unless
/// somebody outside of the cycle wakes it.
#[must_use]
pub fn cycles() -> Vec<Cycle> {
    of(&tasks())
}

pub(super) fn of(tasks: &[Task]) -> Vec<Cycle> {
    let waiting: HashMap<TaskId, &Task> = tasks
        .iter()
        .filter(|task| waits_for(task).is_some())
        .map(|task| (task.id, task))
        .collect();
    let mut cycles = Vec::new();
    // On which walk a task was met.
    let mut met = HashMap::<TaskId, usize>::new();
    for (walk, start) in tasks.iter().enumerate() {
        let mut next = waiting.get(&start.id).copied();
        while let Some(task) = next {
            if let Some(&before) = met.get(&task.id) {
                if before == walk {
                    let cycle = Cycle::from(task, &waiting);
                    if cycle.tasks.iter().all(Task::still_waits) {
                        cycles.push(cycle);
                    }
                }
                break;
            }
            met.insert(task.id, walk);
            next = waits_for(task).and_then(|owner| waiting.get(&owner).copied());
        }
    }
    cycles
}

/// Whom the task must wait for.
fn waits_for(task: &Task) -> Option<TaskId> {
    let park = task.park?;
    (park.is_owner_certain && !park.owner.is_none()).then_some(park.owner)
}

impl Cycle {
    /// The cycle that goes through this task.
    fn from(first: &Task, waiting: &HashMap<TaskId, &Task>) -> Self {
        let next = |task: &&Task| {
            let owner = waits_for(task)?;
            let next = waiting.get(&owner).copied()?;
            (next.id != first.id).then_some(next)
        };
        let tasks = std::iter::successors(Some(first), next);
        Self {
            tasks: tasks.copied().collect(),
        }
    }

    /// The tasks, each of which waits for the next.
    #[must_use]
    pub fn tasks(&self) -> &[Task] {
        &self.tasks
    }
}

impl fmt::Display for Cycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("deadlock: ")?;
        for task in &self.tasks {
            write!(f, "task {} (by {})", task.id, task.site)?;
            if let Some(park) = task.park {
                write!(f, " waits for the {}", park.reason.name())?;
                if park.reason == Reason::Join {
                    write!(f, " of ")?;
                } else {
                    write!(f, " at {:#x} of ", park.resource)?;
                }
            }
        }
        match self.tasks.first() {
            Some(first) => write!(f, "task {}", first.id),
            None => Ok(()),
        }
    }
}
