//! What the process has counted when a run has ended: everything, once.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use crate::ledger::{self, Counter};
use crate::primitive::atomic::Ordering;
use crate::sched::shared::{Settings, Shared};
use crate::site::Site;
use crate::task::current;
use crate::task::place::trial::{leave_one, until_parked};
use crate::{Builder, Reason, TaskId, spawn, task, yield_now};

/// The site of the calling task.
fn own_site() -> &'static Site {
    current::record().expect("a task calls").site()
}

/// Parks for ever when it is dropped.
struct Parks(usize);

impl Drop for Parks {
    fn drop(&mut self) {
        loop {
            task::park(Reason::Other, self.0, TaskId::NONE);
        }
    }
}

/// The task of `body`, whose handle is dropped, and its site: the line of the call.
#[track_caller]
fn detached<T: Send + 'static>(
    body: impl FnOnce() -> T + Send + 'static,
) -> (TaskId, &'static Site) {
    let (sender, receiver): (Sender<&'static Site>, Receiver<_>) = channel();
    let task = spawn(move || {
        sender.send(own_site()).unwrap();
        body()
    });
    let id = task.id();
    drop(task);
    let site = loop {
        match receiver.try_recv() {
            Ok(site) => break site,
            Err(_) => yield_now(),
        }
    };
    (id, site)
}

#[test]
fn a_task_left_in_the_destructor_of_its_result_has_returned_and_is_not_cancelled_too() {
    const RESOURCE: usize = 0x1230;
    let site = leave_one(|| {
        let (task, site) = detached(|| Parks(RESOURCE));
        until_parked(task, RESOURCE);
        site
    });
    let sums = ledger::sum(site);
    let counted = [Counter::Spawned, Counter::Returned, Counter::Cancelled].map(|c| sums.get(c));
    assert_eq!(counted, [1, 1, 0]);
    assert_eq!(sums.live(), 0);
}

#[test]
fn a_task_left_in_a_destructor_of_its_body_is_cancelled_once() {
    const RESOURCE: usize = 0x1240;
    let site = leave_one(|| {
        let (task, site) = detached(|| drop(Parks(RESOURCE)));
        until_parked(task, RESOURCE);
        site
    });
    let sums = ledger::sum(site);
    let counted = [Counter::Spawned, Counter::Returned, Counter::Cancelled].map(|c| sums.get(c));
    assert_eq!(counted, [1, 0, 1]);
    assert_eq!(sums.live(), 0);
}

#[test]
fn what_an_ended_run_has_counted_stays_and_the_next_run_adds_to_it() {
    /// One site for all runs.
    fn run() -> &'static Site {
        let sites = Builder::new().workers(2).run(|| {
            let tasks: Vec<_> = (0..10)
                .map(|_| {
                    spawn(|| {
                        yield_now();
                        own_site()
                    })
                })
                .collect();
            let sites = tasks.into_iter().map(|task| task.join().unwrap());
            sites.collect::<Vec<_>>()
        });
        sites[0]
    }
    for runs in 1..=3 {
        let sums = ledger::sum(run());
        for counter in [Counter::Spawned, Counter::Returned, Counter::Yields] {
            assert_eq!(sums.get(counter), 10 * runs, "{counter:?}");
        }
    }
}

/// What a run has stolen and handed off is added to what has ended when it ends; its shared part
/// is used again.
#[test]
fn a_run_begins_without_the_steals_and_hand_offs_of_the_run_before() {
    let settings = Settings {
        // No other test runs as many, and so takes the shared part in between.
        workers: 29,
        stack_limit: 64 * 1024,
        stall_period: Duration::from_secs(1),
        thread_name: "worker".to_owned(),
        simulation: None,
        on_all_asleep: None,
    };
    let first = Shared::acquire(&settings);
    first.handoffs.store(3, Ordering::Relaxed);
    for processor in first.processors() {
        processor.steals.store(5, Ordering::Relaxed);
    }
    drop(first.global.close());
    first.release();
    let second = Shared::acquire(&settings);
    assert!(std::ptr::eq(first, second), "it is used again");
    assert_eq!(second.handoffs.load(Ordering::Relaxed), 0);
    let steals = second
        .processors()
        .iter()
        .map(|p| p.steals.load(Ordering::Relaxed));
    assert_eq!(steals.sum::<u64>(), 0);
    drop(second.global.close());
    second.release();
}
