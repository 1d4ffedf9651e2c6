//! The root of every task: the frame under its body, which catches what the body throws.

use runtime_abi::Outcome;

use crate::context::Suspender;
use crate::ledger::Counter;
use crate::probe;
use crate::task::{cell, current::with_worker, record::Record};

/// Runs a task from its first instruction to its last, on its own stack.
pub(crate) fn run(record: &'static Record, suspender: Suspender) {
    // SAFETY: this is the task's stack.
    unsafe { record.set_suspender(suspender) };
    // SAFETY: the running task owns itself; the original is finished below.
    let cell = unsafe { record.alias_cell() }.expect("a started task has a cell");
    let outcome = cell.run();
    note_exit(record, outcome);
    // SAFETY: the running task owns itself.
    let cell = unsafe { record.take_cell() }.expect("the cell stays until here");
    // A result that nobody wants is dropped here, and its drop may panic or park.
    cell::contain(|| cell.finish());
}

/// Counts the exit before anyone can know of it by joining.
fn note_exit(record: &Record, outcome: Outcome) {
    let site = record.site();
    with_worker(|worker| worker.shard().add(site, counter(outcome), 1));
    probe::exit(record.id().as_u64(), site.address(), outcome as u64);
}

/// The counter of an outcome.
pub(crate) fn counter(outcome: Outcome) -> Counter {
    match outcome {
        Outcome::Returned => Counter::Returned,
        Outcome::Panicked => Counter::Panicked,
        Outcome::Cancelled => Counter::Cancelled,
    }
}
