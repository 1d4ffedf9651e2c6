//! All tasks as text, those that do the same together.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::time::Duration;

use super::stack::Code;
use super::{Stack, State, Task, cycles, overdue, tasks};
use crate::{Reason, TaskId};

/// All tasks of the process as text: the most numerous of one kind first, and what they wait for
/// behind them. What a goroutine dump is in Go.
///
/// ```text
/// 1002 tasks
/// 1000 parked: chan_send at 0x7f21c4000b70, for 12.5 to 61.0 s, by src/feed.rs:41:9
/// 1 running, by src/main.rs:7:5 "main" (service)
/// 1 parked: join at 0x55d0e2f3a010, for 61.0 s, last held by task 4.1, by src/main.rs:19:13
/// ```
#[derive(Clone, Debug)]
pub struct Dump {
    tasks: Vec<Task>,
    /// Where the first task of each line is.
    stacks: HashMap<TaskId, Stack>,
}

/// What tasks of one line of the dump have in common.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Kind {
    site: u32,
    /// 0 runnable, 1 running, 2 parked.
    state: u8,
    park: Option<(Reason, u64, TaskId)>,
}

struct Group<'a> {
    first: &'a Task,
    tasks: usize,
    shortest: Duration,
    longest: Duration,
}

impl Dump {
    /// The tasks as they are now.
    #[must_use]
    pub fn new() -> Self {
        Self::of(tasks())
    }

    /// The tasks as they are now, and for each line of the dump where one of its tasks is.
    #[must_use]
    pub fn with_stacks() -> Self {
        Self::new().add_stacks()
    }

    /// The tasks.
    #[must_use]
    pub fn tasks(&self) -> &[Task] {
        &self.tasks
    }

    pub(crate) fn of(tasks: Vec<Task>) -> Self {
        Self {
            tasks,
            stacks: HashMap::new(),
        }
    }

    pub(crate) fn add_stacks(mut self) -> Self {
        let code = Code::now();
        let groups = self.groups().into_iter();
        let stack_of = |group: Group<'_>| Some((group.first.id, code.stack_of(group.first)?));
        self.stacks = groups.filter_map(stack_of).collect();
        self
    }

    fn groups(&self) -> Vec<Group<'_>> {
        let mut groups = BTreeMap::<Kind, Group<'_>>::new();
        for task in &self.tasks {
            let since = task.park.map_or(Duration::ZERO, |park| park.since);
            let group = groups.entry(Kind::of(task)).or_insert(Group {
                first: task,
                tasks: 0,
                shortest: since,
                longest: since,
            });
            group.tasks += 1;
            group.shortest = group.shortest.min(since);
            group.longest = group.longest.max(since);
        }
        let mut groups: Vec<_> = groups.into_values().collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.tasks));
        groups
    }
}

impl Kind {
    fn of(task: &Task) -> Self {
        Self {
            site: task.site.index(),
            state: task.state as u8,
            park: task
                .park
                .map(|park| (park.reason, park.resource, park.owner)),
        }
    }
}

impl Default for Dump {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for Dump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} tasks", self.tasks.len())?;
        for group in self.groups() {
            writeln!(f, "{group}")?;
            if let Some(stack) = self.stacks.get(&group.first.id) {
                write!(f, "{stack}")?;
            }
        }
        for overdue in overdue::of(&self.tasks) {
            writeln!(f, "{overdue}")?;
        }
        for cycle in cycles::of(&self.tasks) {
            writeln!(f, "{cycle}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Group<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let task = self.first;
        let state = match task.state {
            State::Runnable => "runnable",
            State::Running => "running",
            State::Parked => "parked",
        };
        write!(f, "{} {state}", self.tasks)?;
        if let Some(park) = task.park {
            write!(f, ": {}", park.reason.name())?;
            if park.resource != 0 {
                write!(f, " at {:#x}", park.resource)?;
            }
            let (shortest, longest) = (self.shortest.as_secs_f64(), self.longest.as_secs_f64());
            if self.tasks > 1 {
                write!(f, ", for {shortest:.1} to {longest:.1} s")?;
            } else {
                write!(f, ", for {longest:.1} s")?;
            }
            if !park.owner.is_none() {
                write!(f, ", last held by task {}", park.owner)?;
            }
        }
        write!(f, ", by {}", task.site)?;
        if let Some(name) = task.site.name() {
            write!(f, " {name:?}")?;
        }
        if task.site.is_service() {
            f.write_str(" (service)")?;
        }
        Ok(())
    }
}
