//! Where a task waits in line, and what becomes of its place when its runtime ends.
//!
//! An abandoned task never runs again, so its destructors do not either. If it stayed in the
//! queue of a primitive that others still use, the primitive would wake it in vain, and whoever
//! waits behind it would sleep for ever; if it was woken and had not run yet, it would keep what
//! it was woken for. So a primitive parks its tasks [`in_place`], and the thread that ends the
//! runtime takes an abandoned task out of its places, the innermost first, as an unwinding task
//! leaves them by itself ([`Record::take_cell`]).
//!
//! That thread reads what lies on the task's stack, and it may: an abandoned stack is never run,
//! unwound or freed, so the places on it, and all that they borrow, are there for ever.

use std::ptr::NonNull;

use crate::task::{TaskId, current, inspection::Inspected, record::Record};

/// A place in a primitive's queue.
pub(crate) trait Place {
    /// Leaves the queue; what the task was woken for goes to the next. Called once, by a thread
    /// that runs no task, after the task has run for the last time.
    fn give_up(&self);

    /// Who holds now what the task waits for; `None` where there is no such thing as a holder.
    /// Called while the task is parked in this place, by any thread.
    fn holder(&self) -> Option<Holder> {
        None
    }
}

/// A task that holds what another waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) task: TaskId,
    /// Whether it is the only one: not one of several readers, of whom it may be another.
    pub(crate) is_only: bool,
}

/// A place on a task's stack, and the place in which the task was already when it came there.
pub(crate) struct Held<'a> {
    place: &'a dyn Place,
    outer: Option<Innermost>,
}

/// The innermost place of a task. It is in no safe code's hands, so the lifetime is a stand-in.
pub(crate) type Innermost = NonNull<Held<'static>>;

/// Runs `wait`, in which the task parks. If its runtime ends meanwhile, the place is given up.
pub(crate) fn in_place<R>(place: &dyn Place, wait: impl FnOnce() -> R) -> R {
    let Some(record) = current::record() else {
        return wait();
    };
    // SAFETY: the task runs here, and so owns itself.
    let outer = unsafe { record.exchange_place(None) };
    let held = Held { place, outer };
    let _leaving = Leaving { record, outer };
    // SAFETY: as above. What is pointed to stays where it is until `_leaving` has put back what
    // was there before, or for ever if the task is abandoned.
    unsafe { record.exchange_place(Some(NonNull::from_ref(&held).cast())) };
    wait()
}

/// Puts the outer place back, also by unwinding.
struct Leaving {
    record: &'static Record,
    outer: Option<Innermost>,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        // SAFETY: the task runs here, and so owns itself.
        unsafe { self.record.exchange_place(self.outer) };
    }
}

impl Inspected {
    /// Who holds now what the task waits for, if it waits in a place that knows. What the task
    /// noted when it parked may be outdated: the lock may have changed hands since.
    pub(crate) fn holder(&self) -> Option<Holder> {
        // SAFETY: inspecting makes us the owner of the task.
        let place = unsafe { self.record().place() };
        // SAFETY: the task is parked, and stays so: the frame that holds it is there.
        place.and_then(|held| unsafe { held.as_ref() }.place.holder())
    }
}

/// Takes an abandoned task out of all its places.
///
/// # Safety
/// The task is in these places, and never runs again.
pub(crate) unsafe fn give_up_all(innermost: Option<Innermost>) {
    let mut next = innermost;
    while let Some(held) = next {
        // SAFETY: as the caller promises, the frame that holds it is never left.
        let held = unsafe { held.as_ref() };
        held.place.give_up();
        next = held.outer;
    }
}

/// What tests need to leave a task behind in the middle of a wait.
#[cfg(all(test, not(loom)))]
pub(crate) mod trial {
    use crate::task::{TaskId, current::with_worker, table};
    use crate::{Builder, yield_now};

    /// Runs `main` in a runtime of one worker that ends with one task left; gives what it gave.
    pub(crate) fn leave_one<T: Send + 'static>(main: impl FnOnce() -> T + Send + 'static) -> T {
        let finished = Builder::new().workers(1).try_run(main).unwrap();
        let left: u64 = finished.leftover.iter().map(crate::Leftover::tasks).sum();
        assert_eq!(left, 1);
        finished.result.unwrap()
    }

    /// Stops the runtime of the calling task, which is the last one to run.
    pub(crate) fn stop() {
        with_worker(|worker| worker.shared().stop());
    }

    /// Waits until the task waits for what is at this address.
    pub(crate) fn until_parked(task: TaskId, resource: usize) {
        let is_parked = || {
            table::parked_snapshot(task.slot())
                .is_some_and(|park| park.task == task && park.resource == resource as u64)
        };
        until(is_parked);
    }

    /// Lets other tasks run until it holds.
    pub(crate) fn until(mut holds: impl FnMut() -> bool) {
        while !holds() {
            yield_now();
        }
    }
}
