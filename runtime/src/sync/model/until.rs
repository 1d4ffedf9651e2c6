//! Waits that a token ends while what they wait for comes: every interleaving, by loom. What
//! comes must reach somebody; else a thread waits for ever, which shows as a deadlock.

use loom::sync::Arc;
use loom::thread;

use super::{check, increment, value};
use crate::cancel::Token;
use crate::sync::{Barrier, Condvar, Mutex, WaitGroup};
use loom::cell::UnsafeCell;

#[test]
fn one_that_no_longer_waits_for_the_mutex_leaves_it_to_the_other() {
    check(3, || {
        let mutex = Arc::new(Mutex::new(UnsafeCell::new(0)));
        let token = Token::new();
        let guard = mutex.lock().unwrap();
        let cancelled = {
            let (mutex, token) = (Arc::clone(&mutex), token.clone());
            thread::spawn(move || mutex.lock_until(&token).map(drop).is_ok())
        };
        let waits = {
            let mutex = Arc::clone(&mutex);
            thread::spawn(move || increment(&mutex))
        };
        token.cancel();
        drop(guard);
        cancelled.join().unwrap();
        waits.join().unwrap();
        assert_eq!(value(&mutex), 1);
    });
}

/// The token is cancelled before, and each waits with a mutex of its own: loom's `unpark` must not
/// meet a thread that is blocked by a lock, which it would let through.
#[test]
fn one_that_no_longer_waits_for_the_condition_leaves_the_notification_to_the_other() {
    check(3, || {
        let stock = Arc::new((Mutex::new(0), Condvar::new()));
        let token = Token::new();
        token.cancel();
        let cancelled = {
            let stock = Arc::clone(&stock);
            thread::spawn(move || {
                let own = Mutex::new(());
                let guard = own.lock().unwrap();
                let (_guard, waited) = stock.1.wait_until(guard, &token).unwrap();
                if waited.is_ok() {
                    // It was told, and does not want it.
                    stock.1.notify_one();
                }
            })
        };
        let waits = {
            let stock = Arc::clone(&stock);
            thread::spawn(move || {
                let things = stock.0.lock().unwrap();
                let mut things = stock.1.wait_while(things, |things| *things == 0).unwrap();
                *things -= 1;
            })
        };
        *stock.0.lock().unwrap() = 1;
        stock.1.notify_one();
        cancelled.join().unwrap();
        waits.join().unwrap();
    });
}

#[test]
fn one_that_no_longer_waits_for_the_group_is_a_member_or_the_group_has_ended() {
    check(3, || {
        let group = WaitGroup::new();
        let (member, waits) = (group.clone(), group.clone());
        let token = Token::new();
        let member = thread::spawn(move || drop(member));
        let waits = thread::spawn(move || waits.wait());
        token.cancel();
        if let Err(error) = group.wait_until(&token) {
            drop(error.group);
        }
        member.join().unwrap();
        waits.join().unwrap();
    });
}

#[test]
fn two_pass_the_barrier_also_if_a_third_gives_up() {
    check(3, || {
        let barrier = Arc::new(Barrier::new(2));
        let token = Token::new();
        let (gives_up, waits) = (Arc::clone(&barrier), Arc::clone(&barrier));
        let cancelled = token.clone();
        let gives_up = thread::spawn(move || gives_up.wait_until(&cancelled).is_ok());
        let waits = thread::spawn(move || waits.wait());
        token.cancel();
        // If the one with the token has passed, its partner was one of the two others.
        if !gives_up.join().unwrap() {
            barrier.wait();
        }
        waits.join().unwrap();
    });
}
