//! The table of task slots: dense, grown in chunks that are never freed, one per process.
//!
//! Slots go from free lists to tasks and back. Every worker keeps a [`SlotCache`]; the global
//! list takes what overflows and serves foreign threads. The monitor and dumps read the table
//! by slot while all this goes on.

use std::ptr;

use runtime_abi::{Reason, TaskState};

use crate::ledger::stall::{self, ParkWord};
use crate::primitive::{
    static_atomic::{AtomicPtr, AtomicU32, Ordering},
    static_sync::{Mutex, MutexGuard},
};
use crate::site::Site;
use crate::task::{
    Parent, TaskId,
    record::Record,
    state::{Life, View},
};

/// Slots of one chunk. Few under Miri, where one look at a slot takes a tenth of a second, and
/// the end of a runtime that leaves tasks looks at all of them.
const CHUNK: usize = if cfg!(miri) { 16 } else { 1024 };
/// Chunks of the table: 16.7 million tasks alive at once.
const CHUNKS: usize = 16 * 1024;
/// Slots that move between a cache and the global list at a time.
const BATCH: usize = 64;

static TABLE: [AtomicPtr<Record>; CHUNKS] = [const { AtomicPtr::new(ptr::null_mut()) }; CHUNKS];
/// One more than the highest slot ever handed out.
static HIGH: AtomicU32 = AtomicU32::new(0);
static FREE: Mutex<Vec<&'static Record>> = Mutex::new(Vec::new());

/// A worker's free slots, last in first out.
#[derive(Default)]
pub(crate) struct SlotCache(Vec<&'static Record>);

/// One parked task as the monitor reports it.
pub(crate) struct ParkSnapshot {
    pub(crate) task: TaskId,
    pub(crate) site: &'static Site,
    pub(crate) reason: Reason,
    pub(crate) resource: u64,
    pub(crate) owner: TaskId,
    pub(crate) pc: u64,
    pub(crate) sp: u64,
    pub(crate) fp: u64,
    pub(crate) service: bool,
}

/// One task of a dump; `park` only of one that is parked or in a blocking call.
pub(crate) struct TaskSnapshot {
    pub(crate) task: TaskId,
    pub(crate) site: &'static Site,
    pub(crate) parent: Option<Parent>,
    pub(crate) state: TaskState,
    pub(crate) park: Option<ParkSnapshot>,
}

impl SlotCache {
    /// A vacant slot.
    #[inline]
    pub(crate) fn take(&mut self) -> &'static Record {
        match self.0.pop() {
            Some(record) => record,
            None => self.refill(),
        }
    }

    /// Gives a slot back.
    #[inline]
    pub(crate) fn give(&mut self, record: &'static Record) {
        self.0.push(record);
        if self.0.len() >= 4 * BATCH {
            self.spill(BATCH);
        }
    }

    /// Gives all slots back to the global list.
    pub(crate) fn drain(&mut self) {
        self.spill(0);
    }

    #[cold]
    fn refill(&mut self) -> &'static Record {
        let mut free = lock_free();
        if free.is_empty() {
            grow(&mut free);
        }
        let keep = free.len().saturating_sub(BATCH);
        self.0.extend(free.drain(keep..));
        self.0.pop().expect("the list was filled")
    }

    #[cold]
    fn spill(&mut self, keep: usize) {
        // The oldest go: the youngest are warm.
        let spilled = self.0.len() - keep.min(self.0.len());
        lock_free().extend(self.0.drain(..spilled));
    }
}

/// A vacant slot for a foreign thread.
pub(crate) fn take_shared() -> &'static Record {
    let mut free = lock_free();
    if free.is_empty() {
        grow(&mut free);
    }
    free.pop().expect("the list was filled")
}

/// Gives a slot back from outside of any worker.
pub(crate) fn give_shared(record: &'static Record) {
    lock_free().push(record);
}

/// The record of a slot that was ever handed out.
#[inline]
pub(crate) fn get(slot: u32) -> Option<&'static Record> {
    let chunk = TABLE.get(slot as usize / CHUNK)?;
    // Acquire: pairs with `grow`'s release, for the records themselves.
    let first = chunk.load(Ordering::Acquire);
    if first.is_null() {
        return None;
    }
    // SAFETY: a chunk has CHUNK records.
    let record = unsafe { first.add(slot as usize % CHUNK) };
    // SAFETY: chunks are never freed, and only shared references exist.
    Some(unsafe { &*record })
}

/// One more than the highest slot ever used.
pub(crate) fn slots() -> u32 {
    HIGH.load(Ordering::Acquire)
}

/// The park of the task in a slot, if it is parked now or in a blocking call; all of one.
pub(crate) fn parked_snapshot(slot: u32) -> Option<ParkSnapshot> {
    task_snapshot(slot)?.park
}

/// The task in a slot, if there is one.
pub(crate) fn task_snapshot(slot: u32) -> Option<TaskSnapshot> {
    let record = get(slot)?;
    loop {
        let before = Sequence::of(record);
        let snapshot = read(record, before)?;
        if before.is_still_that_of(record) {
            return Some(snapshot);
        }
    }
}

/// What changes with every park of a slot's task, and every declared blocking call: the sequence
/// of the seqlock that `wait_fields.rs` explains.
#[derive(Clone, Copy)]
struct Sequence {
    view: View,
    /// The state does not change around a blocking call, nor where a park finds its token.
    park: ParkWord,
}

impl Sequence {
    fn of(record: &Record) -> Self {
        Self {
            view: record.state.read(),
            park: stall::word(record.slot),
        }
    }

    /// Whether what was read since belongs together.
    fn is_still_that_of(self, record: &Record) -> bool {
        record.state.is_still(self.view) && stall::word(record.slot) == self.park
    }
}

fn read(record: &Record, sequence: Sequence) -> Option<TaskSnapshot> {
    let view = sequence.view;
    let task = TaskId::new(record.slot, view.generation());
    let site = record.try_site()?;
    let state = match view.life() {
        Life::Vacant | Life::Abandoned => return None,
        Life::Parked => TaskState::Parked,
        Life::Active if record.running.load(Ordering::Relaxed) => TaskState::Running,
        Life::Active => TaskState::Runnable,
    };
    let is_blocking = sequence.park.reason() == Some(Reason::Blocking);
    let is_waiting = state == TaskState::Parked || is_blocking;
    let park = is_waiting.then(|| read_park(record, task, site));
    Some(TaskSnapshot {
        task,
        site,
        parent: record.parent(),
        state,
        park,
    })
}

fn read_park(record: &Record, task: TaskId, site: &'static Site) -> ParkSnapshot {
    let wait = record.wait.read();
    let registers = record.registers.load();
    ParkSnapshot {
        task,
        site,
        reason: wait.reason,
        resource: wait.resource,
        owner: wait.owner,
        pc: registers.pc,
        sp: registers.sp,
        fp: registers.fp,
        service: site.is_service(),
    }
}

/// Adds a chunk; the caller holds the free list's lock, which also guards growth.
#[cold]
fn grow(free: &mut Vec<&'static Record>) {
    let first = HIGH.load(Ordering::Relaxed);
    let chunk = first as usize / CHUNK;
    assert!(
        chunk < CHUNKS,
        "more than {} tasks are alive",
        CHUNKS * CHUNK
    );
    let records: Vec<Record> = (first..first + CHUNK as u32).map(Record::new).collect();
    let records: &'static [Record] = Vec::leak(records);
    // Release: pairs with the acquire in `get`.
    TABLE[chunk].store(records.as_ptr().cast_mut(), Ordering::Release);
    HIGH.store(first + CHUNK as u32, Ordering::Release);
    // Low slots first: tables by slot stay dense.
    free.extend(records.iter().rev());
}

fn lock_free() -> MutexGuard<'static, Vec<&'static Record>> {
    FREE.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::{Builder, blocking};

    #[test]
    fn a_look_that_began_in_a_blocking_call_is_thrown_away_after_it() {
        Builder::new().workers(1).run(|| {
            let record = get(crate::task::current().unwrap().slot()).unwrap();
            let inside = blocking(|| {
                let sequence = Sequence::of(record);
                assert!(sequence.is_still_that_of(record));
                sequence
            });
            assert!(!inside.is_still_that_of(record));
            // Nor in the next one, although the state is the same.
            blocking(|| assert!(!inside.is_still_that_of(record)));
        });
    }
}
