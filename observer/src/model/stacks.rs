//! Where stalled tasks are parked, as far as a detector wanted to know.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::stalls::{NamedStall, Stalls};

/// Stacks that are kept of a process; no more are wanted beyond.
const MAX_STACKS: usize = 1_024;

/// How a stack was walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WalkedBy {
    /// By its frame pointers, in the kernel, when the stall was first reported.
    FramePointers,
    /// By call frame information, from a copy of the stack.
    Copy,
}

/// The stack of a task, with names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedStack {
    /// Its functions, the innermost first, as text; empty if nothing could be told.
    pub frames: Vec<String>,
    /// How it was walked.
    pub walked_by: WalkedBy,
    /// Boot time in nanoseconds of the first look at the task or its stack.
    pub from_ns: u64,
    /// Boot time in nanoseconds of the last.
    pub until_ns: u64,
}

/// Stacks by task.
#[derive(Debug, Default)]
pub(super) struct Stacks {
    by_task: HashMap<u64, NamedStack>,
}

impl WalkedBy {
    /// The name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::FramePointers => "frame_pointers",
            Self::Copy => "copy",
        }
    }
}

impl NamedStack {
    /// Whether the park that is stalled had begun when the task was first looked at.
    fn may_be_of(&self, stall: &NamedStall) -> bool {
        stall.since_ns <= self.from_ns
    }

    /// Whether it was the same park all the while: that was reported again since. A task that had
    /// gone on meanwhile would have to stall anew, later than it was looked at.
    fn is_of(&self, stall: &NamedStall) -> bool {
        self.may_be_of(stall) && stall.seen_ns > self.until_ns
    }
}

impl Stacks {
    /// Whether somebody should find out the stack of this stall.
    pub(super) fn is_wanted(&self, task: u64, stall: &NamedStall) -> bool {
        match self.by_task.get(&task) {
            Some(known) => !known.may_be_of(stall),
            None => self.by_task.len() < MAX_STACKS,
        }
    }

    /// Learns a task's stack.
    pub(super) fn learn(&mut self, task: u64, stack: NamedStack) {
        if self.by_task.len() < MAX_STACKS || self.by_task.contains_key(&task) {
            self.by_task.insert(task, stack);
        }
    }

    /// The stack of this stall, once it is sure that it is its.
    pub(super) fn of(&self, task: u64, stall: &NamedStall) -> Option<&NamedStack> {
        self.by_task.get(&task).filter(|stack| stack.is_of(stall))
    }

    /// Forgets those of tasks that are not stalled any more.
    pub(super) fn retain(&mut self, stalls: &Stalls) {
        self.by_task.retain(|task, _| stalls.get(*task).is_some());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::TellsOfTask as _;
    use crate::model::model::fixtures::{stall, unstall};

    const SECOND: u64 = 1_000_000_000;
    const TASK: u64 = 7;

    fn stack(from_ns: u64, until_ns: u64) -> NamedStack {
        NamedStack {
            frames: vec!["shop::take".to_owned()],
            walked_by: WalkedBy::Copy,
            from_ns,
            until_ns,
        }
    }

    /// A task that parked at 10 s, as it was reported at this time.
    fn reported(at_ns: u64) -> Stalls {
        let mut stalls = Stalls::default();
        let record = stall(TASK, 2, at_ns, at_ns - 10 * SECOND);
        assert!(stalls.take(&record.task_report().expect("it is about a task")));
        stalls
    }

    fn is_told(stacks: &Stacks, stalls: &Stalls) -> bool {
        let stall = stalls.get(TASK).expect("it is stalled");
        stacks.of(TASK, stall).is_some()
    }

    #[test]
    fn a_stack_is_told_once_the_same_park_was_reported_after_the_walk() {
        let mut stacks = Stacks::default();
        stacks.learn(TASK, stack(20 * SECOND, 21 * SECOND));
        assert!(!is_told(&stacks, &reported(20 * SECOND)));
        assert!(!is_told(&stacks, &reported(21 * SECOND)));
        assert!(is_told(&stacks, &reported(22 * SECOND)));
    }

    #[test]
    fn a_stack_of_an_earlier_park_is_never_told_and_another_is_wanted() {
        let mut stacks = Stacks::default();
        let stalls = reported(22 * SECOND);
        let stall = stalls.get(TASK).expect("it is stalled");
        assert!(stacks.is_wanted(TASK, stall));
        stacks.learn(TASK, stack(9 * SECOND, 21 * SECOND));
        assert!(!is_told(&stacks, &stalls));
        assert!(stacks.is_wanted(TASK, stall));
        stacks.learn(TASK, stack(20 * SECOND, 21 * SECOND));
        assert!(!stacks.is_wanted(TASK, stall));
    }

    #[test]
    fn a_task_that_goes_on_has_no_stack_any_more() {
        let (mut stacks, mut stalls) = (Stacks::default(), reported(22 * SECOND));
        stacks.learn(TASK, stack(20 * SECOND, 21 * SECOND));
        stacks.retain(&stalls);
        assert!(is_told(&stacks, &stalls));
        let end = unstall(TASK, 2, 23 * SECOND).task_report();
        assert!(stalls.take(&end.expect("it is about a task")));
        stacks.retain(&stalls);
        assert!(stacks.by_task.is_empty());
    }

    #[test]
    fn stacks_are_bounded() {
        let mut stacks = Stacks::default();
        let most = MAX_STACKS as u64;
        (0..2 * most).for_each(|task| stacks.learn(task, stack(0, 1)));
        assert_eq!(stacks.by_task.len(), MAX_STACKS);
        let stalls = reported(22 * SECOND);
        let stall = stalls.get(TASK).expect("it is stalled");
        assert!(!stacks.is_wanted(most, stall), "there is no room");
        assert!(stacks.is_wanted(TASK, stall), "there is: it has one");
    }
}
