//! Permits between threads that acquire, release, give up and close: every interleaving, by loom.
//! Permits that get lost, or a waiter that is not told, show as a deadlock.

use loom::sync::Arc;
use loom::thread;

use super::*;
use crate::cancel::Token;

fn check(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(model);
}

fn acquire(semaphore: &RawSemaphore, permits: usize) {
    semaphore.acquire(permits, Until::FOREVER).unwrap();
}

#[test]
fn one_permit_excludes_and_is_passed_on() {
    check(3, || {
        let shared = Arc::new((RawSemaphore::new(1), loom::cell::UnsafeCell::new(0)));
        let increment = |(semaphore, number): &(RawSemaphore, loom::cell::UnsafeCell<u32>)| {
            acquire(semaphore, 1);
            number.with_mut(|number| {
                // SAFETY: there is one permit; loom reports it if another thread is here too.
                unsafe { *number += 1 };
            });
            semaphore.release(1);
        };
        let other = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            increment(&other);
            increment(&other);
        });
        increment(&shared);
        thread.join().unwrap();
        assert_eq!(shared.0.try_acquire(1), Ok(()));
        // SAFETY: the other thread has ended.
        shared.1.with(|number| assert_eq!(unsafe { *number }, 3));
    });
}

#[test]
fn a_large_request_and_a_small_one_are_both_served() {
    check(3, || {
        let semaphore = Arc::new(RawSemaphore::new(2));
        let (large, small) = (Arc::clone(&semaphore), Arc::clone(&semaphore));
        acquire(&semaphore, 1);
        let large = thread::spawn(move || {
            acquire(&large, 2);
            large.release(2);
        });
        let small = thread::spawn(move || {
            acquire(&small, 1);
            small.release(1);
        });
        semaphore.release(1);
        large.join().unwrap();
        small.join().unwrap();
        assert_eq!(semaphore.try_acquire(2), Ok(()));
    });
}

#[test]
fn a_waiter_that_is_cancelled_keeps_neither_permits_nor_those_behind_it() {
    check(3, || {
        let semaphore = Arc::new(RawSemaphore::new(0));
        let token = Token::new();
        let cancelled = {
            let (semaphore, token) = (Arc::clone(&semaphore), token.clone());
            thread::spawn(move || {
                if semaphore.acquire(2, Until::from(&token)).is_ok() {
                    semaphore.release(2);
                }
            })
        };
        let behind = {
            let semaphore = Arc::clone(&semaphore);
            thread::spawn(move || acquire(&semaphore, 1))
        };
        semaphore.release(1);
        token.cancel();
        cancelled.join().unwrap();
        behind.join().unwrap();
        assert_eq!(semaphore.free(), 0);
    });
}

#[test]
fn closing_tells_whoever_waits() {
    check(3, || {
        let semaphore = Arc::new(RawSemaphore::new(0));
        let waits = Arc::clone(&semaphore);
        let thread = thread::spawn(move || waits.acquire(1, Until::FOREVER).is_ok());
        semaphore.release(1);
        semaphore.close();
        let acquired = thread.join().unwrap();
        assert_eq!(semaphore.free(), usize::from(!acquired));
    });
}
