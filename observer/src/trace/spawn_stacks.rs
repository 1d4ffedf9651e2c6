//! Live tasks by the stack that spawned them: for sites inside helpers, where the line of the
//! `spawn` says little.
//!
//! Only tasks that are spawned while the trace lasts are known. Addresses are interned as they
//! come, so that a million tasks of three stacks are three stacks.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use observer_ebpf_abi::{StackRecord, TRACE_FRAMES};
use runtime_abi::ProbeId;

/// Live tasks that are remembered; those that come beyond are counted.
const MAX_TASKS: usize = 1 << 21;
/// Different stacks that are remembered; tasks of others are counted under none.
const MAX_STACKS: usize = 16_384;

type Key = (Arc<str>, Vec<u64>);

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
    /// Addresses in the code, the innermost first; empty if the stack could not be walked.
    pub frames: Vec<u64>,
    /// Tasks spawned while the trace lasted.
    pub spawned: u64,
    /// Those of them that are alive.
    pub live: u64,
}

impl SpawnStacks {
    /// Takes a record; says whether it brought a stack that was not known.
    pub fn take(&mut self, site: &Arc<str>, record: &StackRecord) -> Option<&StackGroup> {
        if record.probe == ProbeId::Spawn as u32 {
            return self.spawn(site, record);
        }
        if let Some(group) = self.tasks.remove(&record.task) {
            self.groups[group].live -= 1;
        }
        None
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

    /// Every address in the stacks, once.
    #[must_use]
    pub fn addresses(&self) -> HashSet<u64> {
        let frames = self.groups.iter().flat_map(|group| &group.frames);
        frames.copied().collect()
    }

    fn spawn(&mut self, site: &Arc<str>, record: &StackRecord) -> Option<&StackGroup> {
        if self.tasks.len() >= MAX_TASKS {
            self.left_out += 1;
            return None;
        }
        let (index, is_new) = self.group(site, frames(record));
        let Some(index) = index else {
            self.left_out += 1;
            return None;
        };
        // An id that is alive already had an end that was lost.
        if let Some(previous) = self.tasks.insert(record.task, index) {
            self.groups[previous].live -= 1;
        }
        let group = &mut self.groups[index];
        group.spawned += 1;
        group.live += 1;
        is_new.then_some(&self.groups[index])
    }

    fn group(&mut self, site: &Arc<str>, frames: &[u64]) -> (Option<usize>, bool) {
        let key = (site.clone(), frames.to_vec());
        if let Some(index) = self.stacks.get(&key) {
            return (Some(*index), false);
        }
        if self.groups.len() >= MAX_STACKS {
            return (None, false);
        }
        let index = self.groups.len();
        self.groups.push(StackGroup {
            site: site.clone(),
            frames: key.1.clone(),
            spawned: 0,
            live: 0,
        });
        self.stacks.insert(key, index);
        (Some(index), true)
    }
}

fn frames(record: &StackRecord) -> &[u64] {
    let count = (record.frame_count as usize).min(TRACE_FRAMES);
    let frames = &record.frames[..count];
    // The walk ends at a return address of 0, where the stack has such a bottom.
    let end = frames.iter().position(|frame| *frame == 0);
    &frames[..end.unwrap_or(count)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(probe: ProbeId, task: u64, frames: &[u64]) -> StackRecord {
        let mut record = StackRecord {
            probe: probe as u32,
            frame_count: frames.len() as u32,
            task,
            site: 4_096,
            frames: [7; TRACE_FRAMES],
        };
        record.frames[..frames.len()].copy_from_slice(frames);
        record
    }

    fn rows(stacks: &SpawnStacks) -> Vec<(Vec<u64>, u64, u64)> {
        let groups = stacks.groups().into_iter();
        groups
            .map(|group| (group.frames.clone(), group.spawned, group.live))
            .collect()
    }

    #[test]
    fn live_tasks_are_grouped_by_the_stack_that_spawned_them() {
        let (mut stacks, site) = (SpawnStacks::default(), "x:1:1".into());
        let (one, other) = ([1, 2, 3], [1, 2, 4]);
        assert!(
            stacks
                .take(&site, &record(ProbeId::Spawn, 10, &one))
                .is_some()
        );
        assert!(
            stacks
                .take(&site, &record(ProbeId::Spawn, 11, &other))
                .is_some()
        );
        assert!(
            stacks
                .take(&site, &record(ProbeId::Spawn, 12, &other))
                .is_none()
        );
        assert!(
            stacks
                .take(&site, &record(ProbeId::Spawn, 13, &one))
                .is_none()
        );
        for ended in [10, 13, 99] {
            assert!(
                stacks
                    .take(&site, &record(ProbeId::Exit, ended, &[]))
                    .is_none()
            );
        }
        assert_eq!(
            rows(&stacks),
            [(other.to_vec(), 2, 2), (one.to_vec(), 2, 0)]
        );
        assert_eq!(stacks.addresses().len(), 4);
    }

    #[test]
    fn an_id_that_comes_again_is_counted_once() {
        let (mut stacks, site) = (SpawnStacks::default(), "x:1:1".into());
        for _ in 0..2 {
            stacks.take(&site, &record(ProbeId::Spawn, 10, &[1]));
        }
        assert_eq!(rows(&stacks), [(vec![1], 2, 1)]);
    }

    #[test]
    fn a_lying_count_of_frames_and_a_bottom_of_zero_end_the_stack() {
        let mut lying = record(ProbeId::Spawn, 10, &[1, 2, 0, 9]);
        assert_eq!(frames(&lying), [1, 2]);
        lying.frame_count = u32::MAX;
        lying.frames = [5; TRACE_FRAMES];
        assert_eq!(frames(&lying).len(), TRACE_FRAMES);
    }
}
