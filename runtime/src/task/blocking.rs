//! Declared blocking: what a task does around a call that blocks its thread.
//!
//! The protocol is in `sched/blocking.rs`; here is the task's side of it.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use runtime_abi::Reason;

use crate::context;
use crate::ledger;
use crate::sched::ownership::Release;
use crate::sys::registers;
use crate::task::{TaskId, current, local, record::Record, wait::leave, wait_fields::Wait};

/// Calls `f`, which may block its thread, while other tasks go on.
///
/// For calls that wait outside of the runtime's sight: files, pipes, `std`'s channels and
/// locks, name resolution, C libraries; and for long computations. Without it they are found
/// by the monitor after 10 to 20 ms, and the tasks behind them wait for so long; with it, some
/// 20 µs (two cores, measured). The price is 30 ns, and waking the monitor if tasks wait and all
/// workers are busy. Each call that waits holds a thread: a thousand at once are a thousand
/// threads, without a bound but the system's.
///
/// Observers see the task with the reason [`Reason::Blocking`] for as long as `f` runs.
///
/// Inside `f` the thread counts as one that **runs no task**: [`task::current`](current()) is
/// `None`, [`spawn`](crate::spawn) panics (take a [`Handle`](crate::Handle) before), channels
/// and locks of this crate block the thread, and a [`Waiter`](crate::task::Waiter) must have
/// been made in there to be of use in there; but the task's [`TaskLocal`](crate::task::TaskLocal)s
/// are there. On a thread that runs no task, in a call of
/// `blocking`, and while unwinding, it only calls `f`.
///
/// Afterwards the task **may go on on another thread**, as after every park.
/// [`Runtime::run`](crate::Runtime::run) returns only when all these calls have.
///
/// # Panics
///
/// If `f` does, with its payload.
///
/// # Example
///
/// ```
/// use std::sync::mpsc::channel;
///
/// runtime::Builder::new().workers(1).run(|| {
///     let (sender, receiver) = channel();
///     let sends = runtime::spawn(move || sender.send(7).unwrap());
///     // The only worker's thread blocks here, and yet the other task runs.
///     assert_eq!(runtime::blocking(|| receiver.recv()), Ok(7));
///     sends.join().unwrap();
/// });
/// ```
pub fn blocking<R>(f: impl FnOnce() -> R) -> R {
    let task = match current::enter() {
        Some(task) if !std::thread::panicking() => task,
        _ => return f(),
    };
    // Here, because this frame is alive for as long as the call.
    task.registers.store(registers::capture());
    let locals = local::inherited();
    let absence = begin(task);
    let result = catch_unwind(AssertUnwindSafe(|| local::with_all(locals, f)));
    end(task, absence);
    // Not before: the task may have moved, and panic counters belong to threads.
    result.unwrap_or_else(|payload| resume_unwind(payload))
}

/// A thread's way back into the runtime.
struct Absence {
    worker_word: usize,
    release: Release,
}

#[inline(never)]
fn begin(task: &'static Record) -> Absence {
    task.wait
        .write(Wait::new(Reason::Blocking, 0, TaskId::NONE));
    ledger::stall::park(task.slot, Reason::Blocking);
    let worker_word = context::worker_word();
    let release = current::with_worker(|worker| worker.release_processor());
    context::set_worker_word(0);
    Absence {
        worker_word,
        release: release.expect("a task runs on a worker"),
    }
}

#[inline(never)]
fn end(task: &'static Record, absence: Absence) {
    context::set_worker_word(absence.worker_word);
    ledger::stall::unpark(task.slot);
    let release = absence.release;
    let is_back = current::with_worker(|worker| worker.regain_processor(release));
    if is_back == Some(false) {
        leave(task);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::{Builder, ledger::stall, task::table};

    #[test]
    fn a_task_in_a_blocking_call_is_seen_as_such_and_not_afterwards() {
        Builder::new().workers(1).run(|| {
            let task = crate::task::current().unwrap();
            let reason = || stall::word(task.slot()).reason();
            let (reason_inside, park) =
                blocking(|| (reason(), table::parked_snapshot(task.slot())));
            assert_eq!(reason_inside, Some(Reason::Blocking));
            let park = park.unwrap();
            assert_eq!((park.task, park.reason), (task, Reason::Blocking));
            assert_eq!((park.resource, park.owner), (0, TaskId::NONE));
            if !cfg!(miri) {
                let here = registers::stack_pointer() as u64;
                assert!(park.sp.abs_diff(here) < 16 * 1024, "a frame of this stack");
            }
            assert_eq!(reason(), None);
            assert!(table::parked_snapshot(task.slot()).is_none());
        });
    }
}
