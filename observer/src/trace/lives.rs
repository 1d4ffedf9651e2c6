//! From records of spawns and exits to what they say of tasks.

use std::collections::HashMap;
use std::sync::Arc;

use observer_ebpf_abi::{CopyRecord, MAX_TRACE_KNOWN, StackRecord, TRACE_FRAMES};
use runtime_abi::ProbeId;

use crate::stacks::{CallStack, Callers, Recorded, Registers, StackCopy};
use crate::sys::plain::from_bytes;

/// What became of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Life {
    /// It was spawned.
    Began {
        /// The task's id.
        task: u64,
        /// The stack that spawned it, without frames if it could not be walked.
        stack: Arc<CallStack>,
    },
    /// It has ended.
    Ended {
        /// The task's id.
        task: u64,
    },
}

/// One record of the ring: an exit, or a spawn, which may have a copy of its stack.
#[derive(Debug)]
pub(super) struct LifeRecord {
    stack: StackRecord,
    copy: Option<Box<CopyRecord>>,
}

/// What was copied for a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Copied {
    /// The stack, and every stack with this key is the same: it need not be copied again.
    ForAll(u64),
    /// The stack.
    ForThis,
    /// Nothing, though the stack is not known: there was no room.
    Missing,
    /// Nothing, and nothing is missing.
    Unneeded,
}

/// The stacks that are known, and the one to ask for others.
pub(super) struct Lives {
    callers: Callers,
    known: HashMap<u64, Arc<CallStack>>,
}

impl LifeRecord {
    /// The record of these bytes; `None` if it has no record's length.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        const PLAIN: usize = size_of::<StackRecord>();
        const WITH_COPY: usize = size_of::<CopyRecord>();
        let copy = match bytes.len() {
            PLAIN => None,
            WITH_COPY => Some(Box::new(from_bytes(bytes))),
            _ => return None,
        };
        let stack = from_bytes(&bytes[..PLAIN]);
        Some(Self { stack, copy })
    }

    /// The address of the task's site.
    pub(super) fn site(&self) -> u64 {
        self.stack.site
    }
}

impl Lives {
    /// Of a process's tasks.
    pub(super) fn of(pid: u32) -> Self {
        Self {
            callers: Callers::of(pid),
            known: HashMap::new(),
        }
    }

    /// What a record says, and what was copied for it.
    pub(super) fn take(&mut self, record: &LifeRecord) -> (Life, Copied) {
        if let Some(copy) = &record.copy {
            return self.unwind(copy);
        }
        let record = &record.stack;
        let task = record.task;
        if record.probe != ProbeId::Spawn as u32 {
            return (Life::Ended { task }, Copied::Unneeded);
        }
        let (stack, copied) = match self.known.get(&record.key) {
            Some(stack) => (Arc::clone(stack), Copied::Unneeded),
            None => (Arc::default(), Copied::Missing),
        };
        (Life::Began { task, stack }, copied)
    }

    fn unwind(&mut self, record: &CopyRecord) -> (Life, Copied) {
        let registers = Registers {
            pc: record.pc,
            sp: record.sp,
            fp: record.fp,
            link: record.link,
        };
        let (stack, is_told_by_pointers) = self.callers.unwind(Recorded {
            registers,
            copy: &copy(record),
            pointers: pointers(&record.stack),
            pointers_limit: TRACE_FRAMES,
        });
        let (task, key) = (record.stack.task, record.stack.key);
        let stack = Arc::new(stack);
        let has_room = self.known.len() < MAX_TRACE_KNOWN as usize;
        let copied = if is_told_by_pointers && has_room {
            self.known.insert(key, Arc::clone(&stack));
            Copied::ForAll(key)
        } else {
            Copied::ForThis
        };
        (Life::Began { task, stack }, copied)
    }
}

fn copy(record: &CopyRecord) -> StackCopy {
    let copied = usize::try_from(record.copied).unwrap_or(usize::MAX);
    let bytes = &record.bytes[..copied.min(record.bytes.len())];
    StackCopy::new(record.start, bytes, bytes.len() == record.bytes.len())
}

fn pointers(record: &StackRecord) -> &[u64] {
    let count = (record.frame_count as usize).min(TRACE_FRAMES);
    let frames = &record.frames[..count];
    // The walk ends at a return address of 0, where the stack has such a bottom.
    let end = frames.iter().position(|frame| *frame == 0);
    &frames[..end.unwrap_or(count)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::plain::bytes_of;
    use observer_ebpf_abi::COPY_BYTES;

    fn stack(probe: ProbeId, task: u64, frames: &[u64]) -> StackRecord {
        let mut record = StackRecord {
            probe: probe as u32,
            frame_count: frames.len() as u32,
            task,
            site: 4_096,
            key: 9,
            frames: [7; TRACE_FRAMES],
        };
        record.frames[..frames.len()].copy_from_slice(frames);
        record
    }

    fn with_copy(stack: StackRecord, copied: u64) -> CopyRecord {
        CopyRecord {
            stack,
            pc: 17,
            sp: 8_200,
            fp: 0,
            link: 0,
            start: 8_192,
            copied,
            bytes: [1; COPY_BYTES],
        }
    }

    #[test]
    fn records_are_told_apart_by_their_lengths() {
        let exit = stack(ProbeId::Exit, 5, &[]);
        let read = LifeRecord::read(bytes_of(&exit)).expect("a record");
        assert_eq!(read.site(), 4_096);
        let mut lives = Lives::of(std::process::id());
        assert_eq!(
            lives.take(&read),
            (Life::Ended { task: 5 }, Copied::Unneeded)
        );
        let spawn = with_copy(stack(ProbeId::Spawn, 6, &[17]), 0);
        let read = LifeRecord::read(bytes_of(&spawn)).expect("a record");
        let nowhere = |task| Life::Began {
            task,
            stack: Arc::default(),
        };
        assert_eq!(lives.take(&read), (nowhere(6), Copied::ForThis), "no code");
        let short = stack(ProbeId::Spawn, 7, &[17]);
        let read = LifeRecord::read(bytes_of(&short)).expect("a record");
        assert_eq!(lives.take(&read), (nowhere(7), Copied::Missing));
        assert!(LifeRecord::read(&bytes_of(&exit)[1..]).is_none());
    }

    #[test]
    fn a_lying_count_of_frames_and_a_bottom_of_zero_end_the_stack() {
        let mut lying = stack(ProbeId::Spawn, 10, &[1, 2, 0, 9]);
        assert_eq!(pointers(&lying), [1, 2]);
        lying.frame_count = u32::MAX;
        lying.frames = [5; TRACE_FRAMES];
        assert_eq!(pointers(&lying).len(), TRACE_FRAMES);
    }

    #[test]
    fn a_lying_length_of_a_copy_is_the_bound() {
        let record = with_copy(stack(ProbeId::Spawn, 10, &[]), u64::MAX);
        let copy = copy(&record);
        assert!(copy.word(8_192 + COPY_BYTES as u64 - 8).is_some());
        assert!(copy.is_cut_before(8_192 + COPY_BYTES as u64));
    }
}
