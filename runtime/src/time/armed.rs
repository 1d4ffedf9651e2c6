//! Arming and firing: how a timer and a task find each other, and lose each other safely.
//!
//! Which of the two was first is decided in the task's record, by its [`TimerWord`]; the heap
//! holds what may be stale.
//!
//! [`TimerWord`]: crate::time::TimerWord

use crate::sched::shared::Shared;
use crate::task::{current::with_worker, record::Record, table, wake_from_timer};
use crate::time::Timer;

/// A timer that the current task armed.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub(crate) struct Armed {
    sequence: u32,
    /// Where its entry lies.
    processor: usize,
}

/// Arms a timer for the current task; a task has one at a time.
pub(crate) fn arm(record: &'static Record, deadline_ns: u64) -> Armed {
    let sequence = record.timer.arm();
    let timer = Timer {
        deadline_ns,
        task: record.id(),
        sequence,
    };
    let processor = with_worker(|worker| worker.insert_timer(timer));
    Armed {
        sequence,
        processor: processor.expect("a task runs on a worker"),
    }
}

impl Armed {
    /// Whether it has not fired.
    pub(crate) fn is_armed(self, record: &Record) -> bool {
        record.timer.is_armed(self.sequence)
    }

    /// The task no longer waits for it.
    pub(crate) fn disarm(self, record: &Record) {
        if !record.timer.clear(self.sequence) {
            return;
        }
        let timers = &record.shared().processor(self.processor).timers;
        timers.note_stale(is_wanted);
    }
}

/// Fires a timer that was taken from a heap: wakes the task if it still waits for it.
pub(crate) fn fire(timer: Timer) {
    let Some(record) = table::get(timer.task.slot()) else {
        return;
    };
    if record.timer.clear(timer.sequence) {
        wake_from_timer(timer.task);
    }
}

/// Fires what is due in all heaps of a runtime, some of each; whether anything was.
pub(crate) fn fire_due(shared: &Shared, now_ns: u64) -> bool {
    let mut fired = false;
    for processor in shared.processors() {
        for timer in processor.timers.take_due(now_ns) {
            fired = true;
            fire(timer);
        }
    }
    fired
}

fn is_wanted(timer: &Timer) -> bool {
    table::get(timer.task.slot()).is_some_and(|record| record.timer.is_armed(timer.sequence))
}
