//! Models of the mutex, the condition variable and the wait group: every interleaving of a
//! few threads, by loom. Its cells report two holders at once; a lost wake-up shows as a
//! deadlock. In a model a passed-over waiter asks for hand-off at once, so that both ways
//! of unlocking are explored.

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

mod until;

use super::{Condvar, Mutex, WaitGroup};

fn check(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(model);
}

fn increment(mutex: &Mutex<UnsafeCell<u32>>) {
    let guard = mutex.lock().unwrap();
    guard.with_mut(|number| {
        // SAFETY: the mutex is locked; loom reports it if another thread is here too.
        unsafe { *number += 1 };
    });
}

fn value(mutex: &Mutex<UnsafeCell<u32>>) -> u32 {
    let guard = mutex.lock().unwrap();
    guard.with(|number| {
        // SAFETY: as in `increment`.
        unsafe { *number }
    })
}

#[test]
fn two_threads_exclude_each_other() {
    check(4, || {
        let mutex = Arc::new(Mutex::new(UnsafeCell::new(0)));
        let other = Arc::clone(&mutex);
        let thread = thread::spawn(move || {
            increment(&other);
            increment(&other);
        });
        increment(&mutex);
        increment(&mutex);
        thread.join().unwrap();
        assert_eq!(value(&mutex), 4);
    });
}

#[test]
fn three_threads_pass_the_lock_on_until_nobody_waits() {
    check(2, || {
        let mutex = Arc::new(Mutex::new(UnsafeCell::new(0)));
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let mutex = Arc::clone(&mutex);
                thread::spawn(move || {
                    increment(&mutex);
                    increment(&mutex);
                })
            })
            .collect();
        increment(&mutex);
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(value(&mutex), 5);
    });
}

#[test]
fn trying_never_waits_and_never_breaks_exclusion() {
    check(3, || {
        let mutex = Arc::new(Mutex::new(UnsafeCell::new(0)));
        let other = Arc::clone(&mutex);
        let thread = thread::spawn(move || increment(&other));
        let tried = mutex.try_lock().is_ok_and(|guard| {
            guard.with_mut(|number| {
                // SAFETY: as in `increment`.
                unsafe { *number += 1 };
            });
            true
        });
        thread.join().unwrap();
        assert_eq!(value(&mutex), 1 + u32::from(tried));
    });
}

#[test]
fn a_notification_after_the_unlock_is_not_missed() {
    check(3, || {
        let shared = Arc::new((Mutex::new(false), Condvar::new()));
        let other = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            *other.0.lock().unwrap() = true;
            other.1.notify_one();
        });
        let guard = shared.0.lock().unwrap();
        assert!(*shared.1.wait_while(guard, |ready| !*ready).unwrap());
        thread.join().unwrap();
    });
}

#[test]
fn the_last_member_wakes_whoever_waits_for_the_group() {
    check(3, || {
        let group = WaitGroup::new();
        let member = group.clone();
        let thread = thread::spawn(move || drop(member));
        group.wait();
        thread.join().unwrap();
    });
}
