//! Who gets a notification when the runtime of the task that it woke ends.

use std::sync::Arc;
use std::thread;

use super::super::Mutex;
use super::*;
use crate::spawn;
use crate::task::place::trial::{leave_one, stop, until, until_parked};

/// A number of things to take, and the word that there are more.
struct Stock {
    things: Mutex<u32>,
    more: Condvar,
}

impl Stock {
    fn empty() -> Arc<Self> {
        Arc::new(Self {
            things: Mutex::new(0),
            more: Condvar::new(),
        })
    }

    fn take(&self) {
        let things = self.things.lock().unwrap();
        let mut things = self.more.wait_while(things, |things| *things == 0).unwrap();
        *things -= 1;
    }

    fn waiting(&self) -> usize {
        self.more.with_queue(|queue| queue.len())
    }

    fn taking_task(self: &Arc<Self>) -> TaskId {
        let stock = Arc::clone(self);
        let task = spawn(move || stock.take()).id();
        until_parked(task, self.more.address());
        task
    }

    /// A thread that waits already.
    fn taking_thread(self: &Arc<Self>) -> thread::JoinHandle<()> {
        let (stock, before) = (Arc::clone(self), self.waiting());
        let thread = thread::spawn(move || stock.take());
        until(|| self.waiting() > before);
        thread
    }
}

#[test]
fn a_leftover_that_waits_is_forgotten() {
    let stock = Stock::empty();
    let shared = Arc::clone(&stock);
    let behind = leave_one(move || {
        shared.taking_task();
        shared.taking_thread()
    });
    assert_eq!(stock.waiting(), 1);
    *stock.things.lock().unwrap() = 1;
    stock.more.notify_one();
    behind.join().unwrap();
}

#[test]
fn a_leftover_that_was_notified_and_has_not_run_passes_it_on() {
    let stock = Stock::empty();
    let behind = leave_one(move || {
        stock.taking_task();
        let behind = stock.taking_thread();
        *stock.things.lock().unwrap() = 1;
        stop();
        stock.more.notify_one();
        behind
    });
    behind.join().unwrap();
}

#[test]
fn a_leftover_that_was_notified_and_waits_for_the_mutex_passes_it_on() {
    let stock = Stock::empty();
    let behind = leave_one(move || {
        let task = stock.taking_task();
        let behind = stock.taking_thread();
        let mut things = stock.things.lock().unwrap();
        *things = 1;
        stock.more.notify_one();
        until(|| {
            let park = crate::task::table::parked_snapshot(task.slot());
            park.is_some_and(|park| park.reason == Reason::Mutex)
        });
        stop();
        drop(things);
        behind
    });
    behind.join().unwrap();
}
