//! The end of a runtime: leftover tasks, threads, running again.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
    mpsc::channel,
};
use std::time::Duration;

use runtime::{Builder, Handle, Reason, TaskId, spawn, task};

#[test]
fn parked_tasks_are_abandoned_and_reported_by_site() {
    let finished = Builder::new().workers(2).try_run(|| {
        let started = Arc::new(AtomicUsize::new(0));
        for _ in 0..3 {
            let started = Arc::clone(&started);
            task::Builder::new().name("waits").spawn(move || {
                started.fetch_add(1, Ordering::Release);
                loop {
                    task::park(Reason::Other, 0, TaskId::NONE);
                }
            });
        }
        while started.load(Ordering::Acquire) < 3 {
            runtime::yield_now();
        }
    });
    let leftover = finished.unwrap().leftover;
    assert_eq!(leftover.len(), 1);
    assert_eq!(
        (leftover[0].tasks(), leftover[0].site().name()),
        (3, Some("waits"))
    );
    assert!(
        leftover[0].site().file().ends_with("sched_end.rs"),
        "{}",
        leftover[0]
    );
}

#[test]
fn the_body_of_a_task_that_never_ran_is_dropped() {
    struct Flag(Arc<AtomicUsize>);
    impl Drop for Flag {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Release);
        }
    }
    let (dropped, ran) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (flags, runs) = (Arc::clone(&dropped), Arc::clone(&ran));
    let finished = Builder::new().workers(1).try_run(move || {
        // Main ends first; some of these run before the worker sees that.
        for _ in 0..10_000 {
            let (flag, runs) = (Flag(Arc::clone(&flags)), Arc::clone(&runs));
            drop(spawn(move || {
                runs.fetch_add(1, Ordering::Release);
                drop(flag);
            }));
        }
    });
    assert_eq!(dropped.load(Ordering::Acquire), 10_000);
    let left: u64 = finished
        .unwrap()
        .leftover
        .iter()
        .map(runtime::Leftover::tasks)
        .sum();
    assert_eq!(left + ran.load(Ordering::Acquire) as u64, 10_000);
}

#[test]
fn whoever_joins_an_abandoned_task_gets_an_error() {
    let (sender, receiver) = channel();
    let joiner = std::thread::spawn(move || {
        let handle: runtime::JoinHandle<()> = receiver.recv().unwrap();
        handle.join().unwrap_err()
    });
    Builder::new().workers(1).run(move || {
        let started = Arc::new(AtomicBool::new(false));
        let begins = Arc::clone(&started);
        sender
            .send(spawn(move || {
                begins.store(true, Ordering::Release);
                runtime::sleep(Duration::from_secs(3600));
            }))
            .unwrap();
        while !started.load(Ordering::Acquire) {
            runtime::yield_now();
        }
    });
    let error = joiner.join().unwrap();
    assert!(error.is_cancelled(), "{error}");
    error.task().unpark();
}

#[test]
fn running_again_and_again_leaks_no_threads() {
    let threads = || std::fs::read_dir("/proc/self/task").unwrap().count();
    let run = || {
        Builder::new()
            .workers(3)
            .run(|| spawn(|| 1).join().unwrap())
    };
    run();
    let before = threads();
    for _ in 0..50 {
        assert_eq!(run(), 1);
    }
    // Other tests of this file start and end threads meanwhile.
    assert!(threads() < before + 40, "{} threads", threads());
}

#[test]
fn wakers_on_foreign_threads_may_come_late() {
    for _ in 0..50 {
        let (sender, receiver) = channel();
        let late = std::thread::spawn(move || {
            let (handle, task): (Handle, TaskId) = receiver.recv().unwrap();
            for _ in 0..100 {
                task.unpark();
                drop(handle.spawn(|| ()));
            }
        });
        Builder::new().workers(2).run(move || {
            let started = Arc::new(AtomicBool::new(false));
            let begins = Arc::clone(&started);
            let task = spawn(move || {
                begins.store(true, Ordering::Release);
                loop {
                    task::park(Reason::Other, 0, TaskId::NONE);
                }
            });
            while !started.load(Ordering::Acquire) {
                runtime::yield_now();
            }
            sender
                .send((Handle::current().unwrap(), task.id()))
                .unwrap();
        });
        late.join().unwrap();
    }
}
