//! Running a pinned task: the worker's side of `seat.rs`, and the only loop in which a task that is
//! pinned is resumed. Entered by a switch of the task that pins itself (`Request::Pin`), left when
//! the task has ended or is pinned no more; so other tasks pay nothing.

use crate::context::Switch;
use crate::ledger;
use crate::primitive::atomic::Ordering;
use crate::sched::{
    ownership::Release,
    seat::{Stall, Turn},
    worker::{Request, Served, Worker},
};
use crate::task::{
    record::Record,
    state::{Life, Parking},
};
use crate::time;

impl Worker {
    /// What comes out of a queue and is not for any worker: a task that a shutdown abandoned (a
    /// late waker's push), or one that is pinned to another thread, which then is called. False if
    /// that took our processor: the worker is to end.
    #[cold]
    pub(super) fn pass_on(&self, task: &'static Record) -> bool {
        if task.state.read().life() == Life::Abandoned {
            return true;
        }
        // SAFETY: the task came out of a queue: the worker owns it.
        let seat = unsafe { task.seat() };
        let is_taken = seat.offer(self.index);
        self.has_processor.set(!is_taken);
        !is_taken
    }

    /// Runs a task that is pinned to this thread, until it ends or is pinned no more.
    #[cold]
    pub(super) fn run_pinned(&self, task: &'static Record) -> Served {
        loop {
            let switch = self.resume(task).expect("a pinned task has its stack");
            if switch == Switch::Finished {
                // A guard that was forgotten.
                // SAFETY: the task has ended; the worker owns what is left.
                unsafe { task.unpin() };
                self.recycle(task);
                return Served::Done;
            }
            if !task.state.read().is_pinned() {
                return self.serve(task);
            }
            if !self.wait_for_turn(task) {
                return Served::End;
            }
        }
    }

    /// The pinned task has left its stack: others may have the processor until it is to run
    /// again. False: the worker is to end.
    fn wait_for_turn(&self, task: &'static Record) -> bool {
        let request = self.request();
        if request == Request::Pin {
            // Perhaps while it unwinds: nothing may come between.
            return true;
        }
        let is_surplus = self.has_processor.get() && self.is_surplus_after_hog();
        let keeps = request == Request::Yield && !is_surplus && !self.is_anything_queued();
        if keeps {
            self.note_run(task);
            return !self.shared.is_stopping();
        }
        // SAFETY: the task has left its stack to this worker, which owns it.
        let seat = unsafe { task.seat() };
        // Step 1.
        seat.set_comes_by_itself(self.has_processor.get() && !is_surplus);
        // Step 2. From a park on, the task may be another's.
        let is_woken = request == Request::Park && task.state.park() == Parking::Token;
        if is_woken {
            ledger::stall::unpark(task.slot);
            task.since_ns.store(0, Ordering::Relaxed);
            if !is_surplus {
                return true;
            }
        }
        // Step 3.
        let release = self.let_go(is_surplus);
        if is_woken || request != Request::Park {
            self.shared.inject(task);
        }
        match seat.wait(release, &Waiting { worker: self, task }) {
            Turn::Back => {
                self.note_run(task);
                !self.shared.is_stopping()
            }
            Turn::Given(processor) => {
                self.given.set(Some((processor, task)));
                false
            }
            Turn::Stopped => false,
        }
    }

    /// Releases the processor, if there is one; leaves it for good if a spare worker has taken
    /// our place.
    fn let_go(&self, is_surplus: bool) -> Option<Release> {
        if !self.has_processor.get() {
            return None;
        }
        if is_surplus {
            self.leave_processor();
            return None;
        }
        self.has_processor.set(false);
        Some(self.release_processor())
    }

    /// Whether anybody would run if the pinned task did not. Timers are seen to here, because a
    /// task that yields until one fires may be all there is.
    fn is_anything_queued(&self) -> bool {
        if self.shared.next_deadline_ns() != time::NEVER {
            time::fire_due(self.shared, self.shared.now_ns());
        }
        self.processor.queued() > 0 || self.shared.global.len() > 0
    }
}

/// A worker without a processor.
struct Waiting<'a> {
    worker: &'a Worker,
    task: &'static Record,
}

impl Stall for Waiting<'_> {
    fn take_back(&self, release: Release) -> bool {
        let worker = self.worker;
        let is_back = worker.shared.take_released(worker.index, release);
        worker.has_processor.set(is_back);
        is_back
    }

    fn queue(&self) {
        self.worker.shared.inject(self.task);
    }

    fn is_stopping(&self) -> bool {
        self.worker.shared.is_stopping()
    }
}
