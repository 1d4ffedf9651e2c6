//! Notices that no task of the process can ever run again, and tells those who asked.
//!
//! It is certain only where nobody but tasks could wake one. So it is not told while
//!
//! * a worker runs, or searches for, a task; something is queued; a timer is set (the runtimes say
//!   so: `Watched::rest`);
//! * a task waits for time or for the world (the reasons of class *idle*: sleep, I/O, blocking calls);
//! * the process has a thread that is not the runtime's: it may have a handle, a sender, a waker.
//!
//! Two looks at the runtimes enclose that at the tasks: where no worker has run a task in between, and
//! none was queued, all of it was so at one time.

use super::watch::{Rest, watches};
use crate::introspect::{AllAsleep, all_wait_for_tasks, tasks};
use crate::sys::thread;

/// What was told of, and need not be again.
#[derive(Default)]
pub(super) struct Asleep {
    told: Option<u64>,
}

impl Asleep {
    /// One look, by the monitor.
    pub(super) fn look(&mut self) {
        // The lock is not held on: a report may take its time.
        let rest = watches().rest();
        let Some(rest) = rest.filter(|rest| self.told != Some(rest.turns)) else {
            return;
        };
        if let Some(tasks) = hopeless(&rest) {
            self.told = Some(rest.turns);
            let asleep = AllAsleep::of(tasks);
            rest.reports.iter().for_each(|report| report(&asleep));
        }
    }
}

/// The tasks, if none of them will run again.
fn hopeless(rest: &Rest) -> Option<Vec<crate::introspect::Task>> {
    if thread::count()? > rest.threads + 1 {
        return None;
    }
    let tasks = tasks();
    let is_over = all_wait_for_tasks(&tasks) && watches().rest().as_ref() == Some(rest);
    is_over.then_some(tasks)
}
