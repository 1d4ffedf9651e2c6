//! The current worker and the current task.
//!
//! A task may be on another thread after every switch. So the worker is found anew each time,
//! through `context::worker_word`, which is never inlined: no address of a thread-local can be
//! kept across a switch. A reference to the worker never leaves the closure it is lent to, and
//! the closure does not switch.

use crate::context;
use crate::sched::worker::Worker;
use crate::task::record::Record;

/// Runs `use_worker` with the worker of this thread, or returns `None` on a foreign thread.
/// `use_worker` must not switch.
#[inline]
pub(crate) fn with_worker<R>(use_worker: impl FnOnce(&Worker) -> R) -> Option<R> {
    let worker = std::ptr::with_exposed_provenance::<Worker>(context::worker_word());
    // SAFETY: the word is 0 or the address of the worker that lives on this thread's own
    // stack for as long as the word is set; all of its fields are cells.
    unsafe { worker.as_ref() }.map(use_worker)
}

/// The task that runs on this thread.
#[inline]
pub(crate) fn record() -> Option<&'static Record> {
    with_worker(Worker::current).flatten()
}

/// The task that runs on this thread, at an entry to the runtime: opens the next window of
/// its stack if little is left.
#[inline]
pub(crate) fn enter() -> Option<&'static Record> {
    let record = record()?;
    // SAFETY: the task runs here, on its own stack.
    unsafe { record.ensure_headroom() };
    Some(record)
}
