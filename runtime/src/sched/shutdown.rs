//! The end of a runtime: what becomes of tasks that are alive when `run` returns.
//!
//! Called by the thread that called `run`, after all workers have ended. Nothing of the
//! runtime runs any more; only wakers on foreign threads may still be on their way, and find
//! either the task abandoned or the global queue closed.
//!
//! | the task | becomes |
//! |---|---|
//! | queued, has never run | its body is dropped, its slot is free again |
//! | suspended: parked, or queued after it had run | abandoned: it never runs again, its stack and what lies on it are leaked, never unwound or freed: others may hold references into it |
//!
//! Both are counted as cancelled, and joiners (in other runtimes, on threads) get an error.
//!
//! Before that, while the workers still run, `drain.rs` gives tasks the time to end by themselves, if
//! the builder has a grace period.

use std::collections::HashMap;

use crate::ledger;
use crate::primitive::static_atomic::Ordering;
use crate::sched::{
    shared::Shared,
    worker::{note_cancelled, recycle_outside},
};
use crate::site::Site;
use crate::task::{cell::TaskCell, join::RUNTIME_ENDED, record::Record, state::Life, table};

/// How many tasks of each site were alive.
pub(crate) type LeftoverBySite = HashMap<u32, (&'static Site, u64)>;

/// Ends what is left of a runtime whose workers have ended.
pub(crate) fn end_leftover(shared: &'static Shared) -> LeftoverBySite {
    let mut leftover = LeftoverBySite::new();
    // Dropping bodies may spawn or wake; the queue is closed, so that ends.
    for task in shared.global.close() {
        if task.state.read().life() == Life::Active {
            end_task(task, &mut leftover);
        }
    }
    for processor in shared.processors() {
        drop(processor.timers.take_all());
    }
    if live(shared) > leftover.values().map(|(_, tasks)| *tasks).sum::<u64>() {
        for slot in 0..table::slots() {
            abandon_if_ours(slot, shared, &mut leftover);
        }
    }
    leftover
}

/// Tasks of this run that are alive. Exact if no worker runs.
pub(super) fn live(shared: &Shared) -> u64 {
    let processors = shared.processors().iter();
    let local: i64 = processors.map(|p| p.live.load(Ordering::Relaxed)).sum();
    (local + shared.live.load(Ordering::Relaxed))
        .max(0)
        .cast_unsigned()
}

fn end_task(task: &'static Record, leftover: &mut LeftoverBySite) {
    // SAFETY: the task came out of the queue, no worker runs: the caller owns it.
    if unsafe { task.context() }.is_some() {
        return abandon(task, leftover);
    }
    // SAFETY: as above.
    let cell = unsafe { task.take_cell() };
    cancel(task, cell, leftover);
    recycle_outside(task);
}

fn abandon_if_ours(slot: u32, shared: &'static Shared, leftover: &mut LeftoverBySite) {
    let Some(task) = table::get(slot) else { return };
    let life = task.state.read().life();
    let is_alive = matches!(life, Life::Active | Life::Parked);
    if is_alive && std::ptr::eq(task.shared(), shared) {
        abandon(task, leftover);
    }
}

fn abandon(task: &'static Record, leftover: &mut LeftoverBySite) {
    if !task.state.abandon() {
        return;
    }
    ledger::stall::unpark(task.slot);
    // SAFETY: abandoned: it never runs again, and the winner of `abandon` owns it.
    let cell = unsafe { task.take_cell() };
    cancel(task, cell, leftover);
}

/// Counts a task among the leftover and gives its joiner an error. One without a cell has
/// returned, been counted, and parked in its result's destructor.
fn cancel(task: &'static Record, cell: Option<TaskCell>, leftover: &mut LeftoverBySite) {
    if let Some(cell) = cell {
        note_cancelled(task);
        cell.cancel(RUNTIME_ENDED.into());
    }
    leftover
        .entry(task.site().index())
        .or_insert((task.site(), 0))
        .1 += 1;
}
