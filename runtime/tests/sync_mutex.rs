//! The mutex between tasks and foreign threads: exclusion, hand-off, holder, poison.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, TryLockError};
use std::thread;

use runtime::sync::{Condvar, Mutex, WaitGroup};
use runtime::{Builder, TaskId, chan, spawn, task, yield_now};

/// Rounds of each task; few under Miri, which runs a thousand times slower.
const ROUNDS: u64 = if cfg!(miri) { 20 } else { 2_000 };

fn run<T: Send + 'static>(main: impl FnOnce() -> T + Send + 'static) -> T {
    Builder::new().workers(2).run(main)
}

#[test]
fn tasks_and_threads_never_hold_it_together() {
    run(|| {
        let total = Arc::new(Mutex::new(0));
        let add = |total: &Mutex<u64>| {
            for _ in 0..ROUNDS {
                let mut total = total.lock().unwrap();
                let before = *total;
                yield_if_task();
                *total = before + 1;
            }
        };
        let other = Arc::clone(&total);
        let thread = thread::spawn(move || add(&other));
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let total = Arc::clone(&total);
                spawn(move || add(&total))
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        thread.join().unwrap();
        assert_eq!(*total.lock().unwrap(), 5 * ROUNDS);
    });
}

/// Lets another task run while the mutex is held.
fn yield_if_task() {
    if task::current().is_some() {
        yield_now();
    }
}

#[test]
fn names_the_task_that_holds_it() {
    run(|| {
        let mutex = Mutex::new(());
        assert_eq!(mutex.holder(), None);
        let guard = mutex.lock().unwrap();
        assert_eq!(mutex.holder(), task::current());
        assert_ne!(mutex.holder(), Some(TaskId::NONE));
        drop(guard);
        assert_eq!(mutex.holder(), None);
    });
}

#[test]
fn a_foreign_holder_has_no_name_but_excludes() {
    let mutex = Mutex::new(1);
    let guard = mutex.lock().unwrap();
    assert_eq!(mutex.holder(), None);
    assert!(matches!(mutex.try_lock(), Err(TryLockError::WouldBlock)));
    drop(guard);
    assert_eq!(*mutex.try_lock().unwrap(), 1);
}

#[test]
fn a_task_that_takes_it_again_and_again_does_not_starve_a_waiter() {
    run(|| {
        let mutex = Arc::new(Mutex::new(()));
        let served = Arc::new(AtomicBool::new(false));
        let (held, is_held) = chan::bounded(1);
        let greedy = {
            let (mutex, served) = (Arc::clone(&mutex), Arc::clone(&served));
            spawn(move || {
                let mut guard = mutex.lock().unwrap();
                held.send(()).unwrap();
                while !served.load(Ordering::Relaxed) {
                    yield_now();
                    drop(guard);
                    guard = mutex.lock().unwrap();
                }
            })
        };
        is_held.recv().unwrap();
        let waiter = spawn(move || {
            drop(mutex.lock().unwrap());
            served.store(true, Ordering::Relaxed);
        });
        waiter.join().unwrap();
        greedy.join().unwrap();
    });
}

#[test]
fn a_panic_of_the_holder_poisons_it_for_the_next() {
    run(|| {
        let mutex = Arc::new(Mutex::new(7));
        let held = Arc::clone(&mutex);
        let holder = spawn(move || {
            let _guard = held.lock().unwrap();
            panic!("with the guard in hand");
        });
        let outcome: Result<(), _> = holder.join();
        assert!(outcome.is_err());
        assert!(mutex.is_poisoned());
        assert_eq!(*mutex.lock().unwrap_err().into_inner(), 7);
        mutex.clear_poison();
        assert_eq!(*mutex.lock().unwrap(), 7);
    });
}

#[test]
fn a_condition_wakes_one_or_all() {
    run(|| {
        let shared = Arc::new((Mutex::new(0_u64), Condvar::new()));
        let waiting: Vec<_> = (0..4)
            .map(|_| {
                let shared = Arc::clone(&shared);
                spawn(move || {
                    let guard = shared.0.lock().unwrap();
                    let mut tokens = shared.1.wait_while(guard, |tokens| *tokens == 0).unwrap();
                    *tokens -= 1;
                })
            })
            .collect();
        *shared.0.lock().unwrap() += 1;
        shared.1.notify_one();
        *shared.0.lock().unwrap() += 3;
        shared.1.notify_all();
        waiting.into_iter().for_each(|task| task.join().unwrap());
        assert_eq!(*shared.0.lock().unwrap(), 0);
    });
}

#[test]
fn a_wait_group_waits_for_tasks_and_threads() {
    run(|| {
        let done = Arc::new(Mutex::new(0));
        let group = WaitGroup::new();
        for number in 0..6 {
            let (member, done) = (group.clone(), Arc::clone(&done));
            let work = move || {
                *done.lock().unwrap() += 1;
                drop(member);
            };
            if number % 2 == 0 {
                spawn(work);
            } else {
                thread::spawn(work);
            }
        }
        group.wait();
        assert_eq!(*done.lock().unwrap(), 6);
    });
}
