//! Workers that do not come back: others run what is queued behind them.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
    mpsc::channel,
};

use runtime::{Builder, spawn, task};

/// Computes, without ever entering the runtime, until another task of the same and only
/// worker has run.
#[test]
fn a_task_behind_a_hog_runs_on_a_spare_worker() {
    Builder::new().workers(1).run(|| {
        let ran = Arc::new(AtomicBool::new(false));
        let child = {
            let ran = Arc::clone(&ran);
            spawn(move || ran.store(true, Ordering::Release))
        };
        while !ran.load(Ordering::Acquire) {
            std::hint::spin_loop();
        }
        child.join().unwrap();
    });
}

/// Blocks its thread, undeclared, until another task of the same and only worker has run.
#[test]
fn a_task_behind_a_blocked_thread_runs_on_a_spare_worker() {
    Builder::new().workers(1).run(|| {
        let (sender, receiver) = channel();
        let child = spawn(move || sender.send(7).unwrap());
        assert_eq!(receiver.recv().unwrap(), 7);
        child.join().unwrap();
    });
}

#[test]
fn a_sleeper_behind_a_hog_wakes() {
    Builder::new().workers(1).run(|| {
        let (started, woke) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicBool::new(false)),
        );
        let child = {
            let (started, woke) = (Arc::clone(&started), Arc::clone(&woke));
            spawn(move || {
                started.store(true, Ordering::Release);
                runtime::sleep(std::time::Duration::from_millis(3));
                woke.store(true, Ordering::Release);
            })
        };
        while !started.load(Ordering::Acquire) {
            runtime::yield_now();
        }
        while !woke.load(Ordering::Acquire) {
            std::hint::spin_loop();
        }
        child.join().unwrap();
    });
}

#[test]
fn the_hog_goes_on_after_the_spare_took_its_place() {
    Builder::new().workers(2).run(|| {
        for _ in 0..3 {
            let (sender, receiver) = channel();
            let hogs: Vec<_> = (0..2)
                .map(|_| {
                    let sender = sender.clone();
                    spawn(move || {
                        let (inner, wait) = channel();
                        let child = spawn(move || inner.send(()).unwrap());
                        wait.recv().unwrap();
                        child.join().unwrap();
                        sender.send(task::current()).unwrap();
                    })
                })
                .collect();
            hogs.into_iter().for_each(|hog| hog.join().unwrap());
            assert_eq!(receiver.try_iter().count(), 2);
        }
    });
}
