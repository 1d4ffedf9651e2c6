//! Where the poller stands among what workers and the monitor do: when they look for events, who
//! waits for them, and where the tasks go that were woken.
//!
//! The poller itself is in `netpoll/`, which says who polls when and why.

use std::time::Duration;

use crate::sched::{shared::Shared, worker::Worker};
use crate::task::{record::Record, wake_from_poller};

/// How long nobody may have polled before the monitor sees to it.
const NEGLECT_NS: u64 = 10_000_000;

impl Worker {
    /// A task that an event made runnable; others of the same batch go into the ring. For a
    /// searcher.
    pub(super) fn take_ready(&self) -> Option<&'static Record> {
        if self.shared.poller.is_unattended() && self.shared.poller.poll(queue_here) {
            return self.take_local();
        }
        None
    }

    /// A busy worker's round: queues what events made runnable.
    pub(super) fn look_at_poller(&self) {
        if self.shared.poller.is_unattended() && self.shared.poller.poll(queue_here) {
            self.shared.wake_one();
        }
    }
}

impl Shared {
    /// Parks a sleeper's thread until somebody wakes it, for this long at most; in the poller, if
    /// there is one and nobody sits there. Whether somebody woke it.
    pub(super) fn park_for(&self, worker: usize, wait_ns: Option<u64>) -> bool {
        let parker = &self.processor(worker).parker;
        let Some(seat) = self.poller.sit_down(worker) else {
            self.end_close_watch_if_all_sleep();
            let Some(wait_ns) = wait_ns else {
                parker.park();
                return true;
            };
            return parker.park_timeout(Duration::from_nanos(wait_ns));
        };
        self.idle.note_seat(worker);
        // Step 3 of `netpoll/seat.rs`.
        if parker.take_permit() {
            return true;
        }
        self.end_close_watch_if_all_sleep();
        seat.wait(wait_ns, queue_here);
        drop(seat);
        // Nobody waits there now, and what this worker finds to do may take long.
        self.watch_closely();
        parker.take_permit()
    }

    /// Queues for all what events made runnable; by the monitor.
    fn poll_for_all(&'static self) {
        let mut ours = Vec::new();
        self.poller.poll(|slot| match wake_from_poller(slot) {
            Some(task) if std::ptr::eq(task.shared(), self) => ours.push(task),
            Some(task) => task.shared().make_runnable_behind(task),
            None => {}
        });
        if !ours.is_empty() {
            self.global.push_batch(ours);
            // Not `wake_one`: that may kick this very thread.
            self.wake_sleeper();
        }
    }
}

/// Wakes the task in this slot and queues it behind the others of this worker; one of another
/// runtime goes there.
fn queue_here(slot: u32) {
    if let Some(task) = wake_from_poller(slot) {
        task.shared().make_runnable_behind(task);
    }
}

/// What the monitor's last look at a poller saw.
#[derive(Debug, Default)]
pub(super) struct PollLook {
    polls: u64,
    /// When this number was first seen, or somebody waited in the poller last.
    since_ns: u64,
}

impl PollLook {
    /// One look: sees to a poller at which nobody has looked for long. Whether nobody waits in it
    /// now: then the monitor is to look again soon.
    pub(super) fn attend(&mut self, shared: &'static Shared, now_ns: u64) -> bool {
        let polls = shared.poller.polls();
        let is_unattended = shared.poller.is_unattended();
        if !is_unattended || self.polls != polls {
            self.polls = polls;
            self.since_ns = now_ns;
        } else if now_ns.saturating_sub(self.since_ns) >= NEGLECT_NS {
            self.since_ns = now_ns;
            // A sleeper, once woken, stays with it; the queues of the busy are the last resort.
            if !shared.wake_sleeper() {
                shared.poll_for_all();
            }
        }
        is_unattended
    }
}
