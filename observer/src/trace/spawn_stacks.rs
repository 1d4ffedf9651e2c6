//! Live tasks by the stack that spawned them: for sites inside helpers, where the line of the
//! `spawn` says little.
//!
//! Only tasks that are spawned while the trace lasts are known. Addresses are interned as they
//! come, so that a million tasks of three stacks are three stacks.

use std::collections::HashMap;
use std::sync::Arc;

use super::Life;
use crate::stacks::CallStack;

/// Live tasks that are remembered; those that come beyond are counted.
const MAX_TASKS: usize = 1 << 21;
/// Different stacks that are remembered; tasks of others are counted under none.
const MAX_STACKS: usize = 16_384;

type Key = (Arc<str>, Arc<CallStack>);

/// Live tasks by their site and the stack that spawned them.
#[derive(Debug, Default)]
pub struct SpawnStacks {
    stacks: HashMap<Key, usize>,
    groups: Vec<StackGroup>,
    /// By task: its group.
    tasks: HashMap<u64, usize>,
    left_out: u64,
}

/// The tasks of one site that one stack spawned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackGroup {
    /// The site's label.
    pub site: Arc<str>,
    /// The stack; without frames if it could not be walked.
    pub stack: Arc<CallStack>,
    /// Tasks spawned while the trace lasted.
    pub spawned: u64,
    /// Those of them that are alive.
    pub live: u64,
}

impl SpawnStacks {
    /// Takes what became of a task; returns its group if that has begun with it.
    pub fn take(&mut self, site: &Arc<str>, life: &Life) -> Option<&StackGroup> {
        match life {
            Life::Began { task, stack } => self.begin(*task, site, stack),
            Life::Ended { task } => {
                if let Some(group) = self.tasks.remove(task) {
                    self.groups[group].live -= 1;
                }
                None
            }
        }
    }

    /// Tasks that were not taken, for there were too many.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// The groups, those with most live tasks first.
    #[must_use]
    pub fn groups(&self) -> Vec<&StackGroup> {
        let mut groups: Vec<&StackGroup> = self.groups.iter().collect();
        groups.sort_by_key(|group| {
            let (live, spawned) = (group.live, group.spawned);
            (std::cmp::Reverse((live, spawned)), group.site.clone())
        });
        groups
    }

    fn begin(&mut self, task: u64, site: &Arc<str>, stack: &Arc<CallStack>) -> Option<&StackGroup> {
        if self.tasks.len() >= MAX_TASKS {
            self.left_out += 1;
            return None;
        }
        let (index, is_new) = self.group(site, stack);
        let Some(index) = index else {
            self.left_out += 1;
            return None;
        };
        // An id that is alive already had an end that was lost.
        if let Some(previous) = self.tasks.insert(task, index) {
            self.groups[previous].live -= 1;
        }
        let group = &mut self.groups[index];
        group.spawned += 1;
        group.live += 1;
        is_new.then_some(&self.groups[index])
    }

    fn group(&mut self, site: &Arc<str>, stack: &Arc<CallStack>) -> (Option<usize>, bool) {
        let key = (Arc::clone(site), Arc::clone(stack));
        if let Some(index) = self.stacks.get(&key) {
            return (Some(*index), false);
        }
        if self.groups.len() >= MAX_STACKS {
            return (None, false);
        }
        let index = self.groups.len();
        self.groups.push(StackGroup {
            site: site.clone(),
            stack: stack.clone(),
            spawned: 0,
            live: 0,
        });
        self.stacks.insert(key, index);
        (Some(index), true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn began(task: u64, frames: &[u64]) -> Life {
        let stack = CallStack {
            frames: frames.to_vec(),
            is_cut: false,
        };
        Life::Began {
            task,
            stack: Arc::new(stack),
        }
    }

    fn rows(stacks: &SpawnStacks) -> Vec<(Vec<u64>, u64, u64)> {
        let groups = stacks.groups().into_iter();
        groups
            .map(|group| (group.stack.frames.clone(), group.spawned, group.live))
            .collect()
    }

    #[test]
    fn live_tasks_are_grouped_by_the_stack_that_spawned_them() {
        let (mut stacks, site) = (SpawnStacks::default(), "x:1:1".into());
        let (one, other) = ([1, 2, 3], [1, 2, 4]);
        assert!(stacks.take(&site, &began(10, &one)).is_some());
        assert!(stacks.take(&site, &began(11, &other)).is_some());
        assert!(stacks.take(&site, &began(12, &other)).is_none());
        assert!(stacks.take(&site, &began(13, &one)).is_none());
        for ended in [10, 13, 99] {
            assert!(stacks.take(&site, &Life::Ended { task: ended }).is_none());
        }
        assert_eq!(
            rows(&stacks),
            [(other.to_vec(), 2, 2), (one.to_vec(), 2, 0)]
        );
    }

    #[test]
    fn an_id_that_comes_again_is_counted_once() {
        let (mut stacks, site) = (SpawnStacks::default(), "x:1:1".into());
        for _ in 0..2 {
            stacks.take(&site, &began(10, &[1]));
        }
        assert_eq!(rows(&stacks), [(vec![1], 2, 1)]);
    }
}
