//! When a worker that goes on to run something wakes a sleeper for the timers.
//!
//! The sleeper is an entry in the list, without a thread: whether it was woken is whether it
//! is still in there. So nothing here depends on time.

use crate::Builder;
use crate::monitor::Watched;
use crate::sched::{handoff::WatchedRuntime, shared::Shared, sleep::FAR_NS, worker::Worker};
use crate::task::{TaskId, record::Record, table};
use crate::time::Timer;

const HOUR_NS: u64 = 3_600_000_000_000;

/// A runtime whose first worker is the test's, and whose second one sleeps.
fn two_workers() -> (&'static Shared, Worker) {
    let shared = Shared::acquire(&Builder::new().workers(2).settings());
    assert!(shared.processor(0).claim() && shared.processor(1).claim());
    shared.idle.register(1, false);
    (shared, Worker::new(shared, 0))
}

fn arm_far_timer(worker: &Worker) {
    worker.insert_timer(Timer {
        deadline_ns: crate::sys::clock::monotonic_ns() + HOUR_NS,
        task: TaskId::NONE,
        sequence: 1,
    });
}

fn queue_for_all(shared: &'static Shared) -> &'static Record {
    let task = table::take_shared();
    shared.global.push(task);
    task
}

fn is_woken(shared: &Shared) -> bool {
    shared.idle.sleeping() == 0
}

#[test]
fn the_last_searcher_that_leaves_wakes_a_keeper_for_the_timers() {
    let (shared, worker) = two_workers();
    arm_far_timer(&worker);
    let task = queue_for_all(shared);
    let found = worker.wait_for_work();
    assert!(std::ptr::eq(found.unwrap(), task));
    assert!(is_woken(shared));
}

#[test]
fn the_last_searcher_that_leaves_wakes_nobody_where_a_keeper_waits_or_no_timer_is() {
    let (shared, worker) = two_workers();
    queue_for_all(shared);
    assert!(worker.wait_for_work().is_some());
    assert!(!is_woken(shared), "there is no timer");

    arm_far_timer(&worker);
    assert!(shared.idle.offer_to_keep(1, shared.next_deadline_ns()));
    queue_for_all(shared);
    assert!(worker.wait_for_work().is_some());
    assert!(!is_woken(shared), "it keeps the timer");
}

/// A runtime whose monitor is the test; a worker has left a far timer to it.
fn timer_left_to_the_monitor() -> (&'static Shared, WatchedRuntime) {
    let (shared, worker) = two_workers();
    shared.set_has_monitor();
    arm_far_timer(&worker);
    queue_for_all(shared);
    assert!(worker.wait_for_work().is_some());
    assert!(!is_woken(shared) && shared.close_watch.is_on());
    let settings = Builder::new().workers(2).settings();
    (shared, WatchedRuntime::new(shared, &settings))
}

#[test]
fn the_monitor_wakes_a_keeper_for_a_far_timer_when_nobody_has_come_back_for_two_looks() {
    let (shared, monitor) = timer_left_to_the_monitor();
    let now_ns = crate::sys::clock::monotonic_ns();
    monitor.tick(now_ns);
    assert!(!is_woken(shared) && shared.close_watch.is_on());
    monitor.tick(now_ns);
    assert!(is_woken(shared));
}

#[test]
fn the_monitor_wakes_a_keeper_at_once_when_the_timer_has_come_near() {
    let (shared, monitor) = timer_left_to_the_monitor();
    monitor.tick(shared.next_deadline_ns() - FAR_NS + 1);
    assert!(is_woken(shared));
}

#[test]
fn the_monitor_wakes_nobody_when_a_sleeper_keeps_the_timer_again() {
    let (shared, monitor) = timer_left_to_the_monitor();
    assert!(shared.idle.offer_to_keep(1, shared.next_deadline_ns()));
    let now_ns = crate::sys::clock::monotonic_ns();
    (0..3).for_each(|_| monitor.tick(now_ns));
    assert!(!is_woken(shared) && !shared.close_watch.is_on());
}

#[test]
fn a_worker_with_a_new_timer_wakes_a_keeper_before_it_runs_a_task_of_the_global_queue() {
    let (shared, worker) = two_workers();
    arm_far_timer(&worker);
    queue_for_all(shared);
    assert!(worker.next_task().is_some());
    assert!(is_woken(shared));
}

#[test]
fn a_worker_that_retires_wakes_a_keeper_for_a_new_timer() {
    let (shared, worker) = two_workers();
    arm_far_timer(&worker);
    assert!(shared.processor(0).replace());
    assert!(worker.next_task().is_none(), "it is surplus");
    worker.retire();
    assert!(is_woken(shared));
    assert_ne!(shared.next_deadline_ns(), crate::time::NEVER);
}
