//! Which tasks a process has and which of their stacks are true: the pure part of a dump.
//!
//! When the `task` probe is armed, a monitor reports every task once: one *pass* over the slots, in
//! their order. A record whose slot is not above the last one's is of another pass. Records of the
//! first passes make the list of tasks, until somebody says that it is complete; those of later
//! ones say what has ended meanwhile, and which stacks are true:
//!
//! 1. a record says that a task is parked, and since when;
//! 2. its stack is copied;
//! 3. a later record, fired after the copy was made, says that it is still the same park.
//!
//! Then the task has not run between 1 and 3, so 2 is what it says. It is the same park if it has
//! the same reason, resource and registers and began at the same time. Times of parks are coarse:
//! a monitor that is late shifts them, and so does the clock's tick of 10 ms. So a park is told
//! from a later one only if it was older than [`SETTLED_NS`] at 1; younger ones are copied again
//! in the next pass.

use std::collections::{BTreeMap, BTreeSet};

use observer_ebpf_abi::Record;
use runtime_abi::{TaskState, task_slot};

/// A park is this old before its stack is trusted. A monitor that is later than this, less
/// [`JITTER_NS`], could take a new park for the old one.
const SETTLED_NS: u64 = 500_000_000;

/// By how much the begin of one park may differ between two records.
const JITTER_NS: u64 = 200_000_000;

/// What is known of a task.
#[derive(Clone, Copy, Debug)]
pub(super) struct Task {
    /// The record that counts.
    pub record: Record,
    /// Its stack.
    pub stack: StackState,
    seen_in: u32,
}

/// What is known of a task's stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StackState {
    /// It is not wanted, not parked, or could not be copied.
    None,
    /// Copied at this boot time; the task may have run meanwhile.
    Copied(u64),
    /// Copied while the task was parked.
    True,
}

/// What to do about a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Wanted {
    Nothing,
    /// A copy of the task's stack, now; then [`Census::copied`].
    Copy,
}

/// The tasks of one process, as its records tell.
#[derive(Debug, Default)]
pub(super) struct Census {
    with_stacks: bool,
    tasks: BTreeMap<u32, Task>,
    pass: u32,
    last_slot: u32,
    /// Tasks of the list that this pass has named.
    seen: usize,
    /// The pass with which the list was complete.
    listed_by: Option<u32>,
}

impl Census {
    pub fn new(with_stacks: bool) -> Self {
        Self {
            with_stacks,
            ..Self::default()
        }
    }

    /// Tasks so far.
    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    /// The addresses of the tasks' sites, each once.
    pub fn sites(&self) -> BTreeSet<u64> {
        self.tasks.values().map(|task| task.record.site).collect()
    }

    /// Takes a `task` record, in the order of the ring.
    pub fn take(&mut self, record: &Record) -> Wanted {
        let slot = task_slot(record.task);
        self.count_pass(slot);
        let Some(known) = self.tasks.get_mut(&slot) else {
            return self.add(slot, record);
        };
        if known.record.task != record.task {
            // Its task has ended, and the new one came later than the dump.
            self.seen -= usize::from(known.seen_in == self.pass);
            self.tasks.remove(&slot);
            return self.add(slot, record);
        }
        self.seen += usize::from(known.seen_in < self.pass);
        known.seen_in = self.pass;
        update(known, record, self.with_stacks)
    }

    /// A wanted copy was made, and finished at this boot time; `None` if there was nothing to copy.
    pub fn copied(&mut self, task: u64, at_ns: Option<u64>) {
        let known = self.tasks.get_mut(&task_slot(task));
        if let Some(known) = known.filter(|known| known.record.task == task) {
            known.stack = at_ns.map_or(StackState::None, StackState::Copied);
        }
    }

    /// Tasks that this pass has named so far.
    pub fn seen(&self) -> usize {
        self.seen
    }

    /// This pass is over: whoever it did not name is not there.
    ///
    /// The first time, that completes the list, and tasks that come later are not of this dump.
    pub fn pass_is_over(&mut self) {
        if self.listed_by.is_none() {
            self.listed_by = Some(self.pass);
        }
        let pass = self.pass;
        self.tasks.retain(|_, task| task.seen_in == pass);
    }

    /// Whether every task is known, and with `all_true` also that no stack is in doubt.
    pub fn is_complete(&self, all_true: bool) -> bool {
        let Some(listed_by) = self.listed_by else {
            return false;
        };
        if !self.with_stacks {
            return true;
        }
        let all_seen = self.pass > listed_by && self.seen == self.tasks.len();
        all_seen && !(all_true && self.is_any_in_doubt())
    }

    /// The tasks, by slot.
    pub fn finish(self) -> Vec<Task> {
        self.tasks.into_values().collect()
    }

    fn count_pass(&mut self, slot: u32) {
        if self.pass == 0 || slot <= self.last_slot {
            self.pass += 1;
            self.seen = 0;
        }
        self.last_slot = slot;
    }

    fn add(&mut self, slot: u32, record: &Record) -> Wanted {
        if self.listed_by.is_some() {
            return Wanted::Nothing;
        }
        self.seen += 1;
        let task = Task {
            record: *record,
            stack: StackState::None,
            seen_in: self.pass,
        };
        self.tasks.insert(slot, task);
        wanted(record, self.with_stacks)
    }

    /// Whether there is a stack that may be of another park.
    fn is_any_in_doubt(&self) -> bool {
        let mut tasks = self.tasks.values();
        tasks.any(|task| matches!(task.stack, StackState::Copied(_)))
    }
}

/// A later record of a known task.
fn update(known: &mut Task, record: &Record, with_stacks: bool) -> Wanted {
    match known.stack {
        StackState::True => Wanted::Nothing,
        StackState::Copied(at_ns)
            if record.boot_ns > at_ns && is_same_park(&known.record, record) =>
        {
            known.stack = StackState::True;
            known.record = *record;
            Wanted::Nothing
        }
        StackState::Copied(_) | StackState::None => {
            known.record = *record;
            known.stack = StackState::None;
            wanted(record, with_stacks)
        }
    }
}

fn wanted(record: &Record, with_stacks: bool) -> Wanted {
    if with_stacks && is_parked(record) && record.sp != 0 {
        Wanted::Copy
    } else {
        Wanted::Nothing
    }
}

/// Off its stack, which therefore stays as it is.
pub(super) fn is_parked(record: &Record) -> bool {
    record.state == TaskState::Parked as u64
}

/// Whether the task has not run between two records of it.
fn is_same_park(first: &Record, second: &Record) -> bool {
    let what = |record: &Record| {
        let registers = [record.pc, record.sp, record.fp];
        (record.state, record.reason, record.resource, registers)
    };
    let since = |record: &Record| record.boot_ns.saturating_sub(record.parked_ns);
    is_parked(second)
        && what(first) == what(second)
        && first.parked_ns >= SETTLED_NS
        && since(first).abs_diff(since(second)) <= JITTER_NS
}

#[cfg(test)]
mod tests {
    use super::*;
    use observer_ebpf_abi::RECORD_TASK;
    use runtime_abi::task_id;

    const SECOND: u64 = 1_000_000_000;

    /// A record of a task that has been parked since 1 s after boot.
    fn record(slot: u32, boot_ns: u64) -> Record {
        Record {
            kind: RECORD_TASK,
            boot_ns,
            task: task_id(slot, 1),
            state: TaskState::Parked as u64,
            parked_ns: boot_ns - SECOND,
            sp: 0x1000,
            ..Record::EMPTY
        }
    }

    /// Feeds a pass at this time; copies what is wanted, a millisecond later.
    fn pass(census: &mut Census, boot_ns: u64, slots: &[u32]) -> Vec<u32> {
        let mut copied = Vec::new();
        for slot in slots {
            let record = record(*slot, boot_ns);
            if census.take(&record) == Wanted::Copy {
                census.copied(record.task, Some(boot_ns + 1_000_000));
                copied.push(*slot);
            }
        }
        copied
    }

    fn states(census: Census) -> Vec<(u32, StackState)> {
        let tasks = census.finish().into_iter();
        tasks
            .map(|task| (task_slot(task.record.task), task.stack))
            .collect()
    }

    #[test]
    fn a_stack_is_true_once_a_later_pass_says_that_the_park_is_the_same() {
        let mut census = Census::new(true);
        assert_eq!(pass(&mut census, 5 * SECOND, &[1, 3]), [1, 3]);
        census.pass_is_over();
        assert!(!census.is_complete(false), "one pass is not enough");
        assert!(pass(&mut census, 6 * SECOND, &[1]).is_empty());
        assert!(!census.is_complete(true), "3 may still come");
        assert!(pass(&mut census, 6 * SECOND, &[3]).is_empty());
        assert!(census.is_complete(true));
        assert_eq!(
            states(census),
            [(1, StackState::True), (3, StackState::True)]
        );
    }

    #[test]
    fn a_task_that_ran_on_is_copied_again_and_never_taken_for_parked() {
        let mut census = Census::new(true);
        pass(&mut census, 5 * SECOND, &[1]);
        census.pass_is_over();
        let again = Record {
            parked_ns: SECOND / 2,
            ..record(1, 6 * SECOND)
        };
        assert_eq!(census.take(&again), Wanted::Copy);
        census.copied(again.task, Some(again.boot_ns + 1));
        assert!(!census.is_complete(true));
        assert!(census.is_complete(false), "who gives up");
        let later = Record {
            parked_ns: SECOND / 2 + SECOND,
            ..record(1, 7 * SECOND)
        };
        assert_eq!(census.take(&later), Wanted::Nothing);
        assert_eq!(states(census), [(1, StackState::True)]);
    }

    #[test]
    fn a_park_that_is_young_or_elsewhere_is_not_trusted() {
        let young = |boot_ns| Record {
            parked_ns: SECOND / 10,
            ..record(1, boot_ns)
        };
        let soon = Record {
            parked_ns: SECOND / 5,
            ..young(5 * SECOND + SECOND / 10)
        };
        assert!(!is_same_park(&young(5 * SECOND), &soon));
        let first = record(1, 5 * SECOND);
        let second = record(1, 6 * SECOND);
        assert!(is_same_park(&first, &second));
        for other in [
            Record { pc: 1, ..second },
            Record { sp: 8, ..second },
            Record {
                reason: 9,
                ..second
            },
            Record {
                resource: 9,
                ..second
            },
            Record {
                state: TaskState::Running as u64,
                ..second
            },
        ] {
            assert!(!is_same_park(&first, &other), "{other:?}");
        }
    }

    #[test]
    fn a_record_from_before_the_copy_confirms_nothing() {
        let mut census = Census::new(true);
        assert_eq!(census.take(&record(1, 5 * SECOND)), Wanted::Copy);
        census.copied(task_id(1, 1), Some(8 * SECOND));
        assert_eq!(census.take(&record(1, 6 * SECOND)), Wanted::Copy);
    }

    #[test]
    fn tasks_that_ended_are_left_out_and_those_that_came_later_too() {
        let mut census = Census::new(true);
        pass(&mut census, 5 * SECOND, &[1, 3, 5, 9]);
        census.pass_is_over();
        pass(&mut census, 6 * SECOND, &[1, 2, 5]);
        assert!(!census.is_complete(true), "9 may still come");
        census.pass_is_over();
        assert!(census.is_complete(true));
        assert_eq!(
            states(census),
            [(1, StackState::True), (5, StackState::True)]
        );
    }

    #[test]
    fn a_slot_with_a_new_task_has_lost_the_old_one() {
        let mut census = Census::new(true);
        pass(&mut census, 5 * SECOND, &[1, 3]);
        census.pass_is_over();
        pass(&mut census, 6 * SECOND, &[1]);
        let newer = Record {
            task: task_id(3, 2),
            ..record(3, 6 * SECOND)
        };
        assert_eq!(census.take(&newer), Wanted::Nothing);
        assert!(census.is_complete(true));
        assert_eq!(states(census), [(1, StackState::True)]);
    }

    #[test]
    fn the_list_grows_until_it_is_said_to_be_complete() {
        let mut census = Census::new(false);
        // The rest of somebody else's pass, and then a whole one.
        pass(&mut census, 5 * SECOND, &[7, 9]);
        pass(&mut census, 5 * SECOND, &[1, 3, 7, 9]);
        assert_eq!((census.seen(), census.is_complete(true)), (4, false));
        census.pass_is_over();
        assert!(census.is_complete(true));
        pass(&mut census, 6 * SECOND, &[2]);
        assert_eq!(census.finish().len(), 4);
    }

    #[test]
    fn without_stacks_nothing_is_copied_and_one_pass_is_enough() {
        let mut census = Census::new(false);
        assert!(pass(&mut census, 5 * SECOND, &[1, 3]).is_empty());
        assert!(!census.is_complete(true));
        census.pass_is_over();
        assert!(census.is_complete(true));
        assert_eq!(census.finish().len(), 2);
    }
}
