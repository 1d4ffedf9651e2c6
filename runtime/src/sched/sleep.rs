//! Falling asleep, leaving a search, and who keeps the timers: the steps of `README.md` that
//! decide whether a worker may sleep, over whatever has queues, timers and parkers.
//!
//! Called by workers (`search.rs`, `schedule.rs`) with their runtime's shared part, and by the
//! models with something smaller. It never takes a task and never fires a timer.

#[cfg(all(test, loom))]
mod model;
#[cfg(all(test, not(loom)))]
mod tests;

use crate::primitive::atomic::{Ordering, fence};
use crate::sched::idle::{Cancelled, Idle};
use crate::time::NEVER;

/// A timer so far away is no reason to wake a sleeper while a worker runs one task: the monitor sees
/// to it in time, if that worker has not come back to sleep by then. Twice the time between two of
/// its looks.
pub(super) const FAR_NS: u64 = 20_000_000;

/// What the protocol asks of a runtime.
pub(super) trait Workplace {
    /// Who sleeps and who searches.
    fn idle(&self) -> &Idle;

    /// The earliest deadline of all timers; ordered by the caller's fence.
    fn next_deadline_ns(&self) -> u64;

    /// Whether a searcher would find a task; ordered by the caller's fence.
    fn is_work_visible(&self) -> bool;

    /// Whether the monitor will see in time to a timer with this deadline, for which nobody waits;
    /// behind a fence.
    fn is_left_to_monitor(&self, deadline_ns: u64) -> bool;

    /// Whether all workers are to end.
    fn is_stopping(&self) -> bool;

    /// A submitter's steps 2 to 5.
    fn wake_one(&self);

    /// Parks the worker's thread until someone wakes it.
    fn park(&self, worker: usize);

    /// The same until the deadline at most ([`NEVER`](crate::time::NEVER): without one), or until
    /// the worker has something to do by itself; whether someone woke it.
    fn park_until(&self, worker: usize, deadline_ns: u64) -> bool;
}

/// Steps 2 to 5 of a worker without work. On return it is counted as searching.
pub(super) fn sleep(place: &impl Workplace, worker: usize, searching: bool) {
    let idle = place.idle();
    // Steps 2 and 3.
    idle.register(worker, searching);
    // Step 4: what came before the registration is seen here, what comes later wakes us.
    let deadline_ns = place.next_deadline_ns();
    let woke_itself = if place.is_stopping() || place.is_work_visible() {
        true
    } else {
        let is_keeper = idle.offer_to_keep(worker, deadline_ns);
        !place.park_until(worker, if is_keeper { deadline_ns } else { NEVER })
    };
    // Step 5.
    if woke_itself && idle.cancel(worker) == Cancelled::Claimed {
        place.park(worker);
    }
}

/// A searcher found a task. Others relied on it: the submitters, and the timers if it was their
/// keeper. If it was the last searcher and there is more to do or to wait for, another is woken.
pub(super) fn leave_search(place: &impl Workplace) {
    let is_last = place.idle().stop_searching();
    if is_last && (place.is_work_visible() || is_keeper_wanted_now(place)) {
        place.wake_one();
    }
}

/// A worker that does not go to sleep has added timers that may be earlier than what the
/// sleepers wait for: one of them computes its wait anew.
#[cold]
pub(super) fn announce_timers(place: &impl Workplace) {
    // Pairs with the fence of a keeper that leaves (`Idle::stop_searching`) or falls asleep
    // again (`Idle::register`): either we see that nobody keeps, or it sees the timer.
    fence(Ordering::SeqCst);
    if is_keeper_wanted_now(place) {
        place.wake_one();
    }
}

/// Whether there is a timer for which no sleeper would wake, nor the monitor look; behind a fence.
fn is_keeper_wanted_now(place: &impl Workplace) -> bool {
    is_keeper_wanted(place) && !place.is_left_to_monitor(place.next_deadline_ns())
}

/// Whether there is a timer for which no sleeper would wake; behind a fence.
pub(super) fn is_keeper_wanted(place: &impl Workplace) -> bool {
    place.next_deadline_ns() < place.idle().keeper_until_ns()
}
