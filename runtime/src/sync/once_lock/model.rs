//! Threads that make, set and wait for one value: every interleaving, by loom. A value that is made
//! twice shows as a count, somebody who is not told as a deadlock. The cell of the value is the
//! standard library's and not explored.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU32, Ordering};
use loom::thread;

use super::*;
use crate::cancel::Token;

fn check(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

#[test]
fn one_of_those_who_come_at_once_makes_the_value() {
    check(|| {
        let shared = Arc::new((OnceLock::new(), AtomicU32::new(0)));
        let make = |(cell, made): &(OnceLock<u32>, AtomicU32)| {
            *cell.get_or_init(|| made.fetch_add(1, Ordering::Relaxed) + 1)
        };
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let shared = Arc::clone(&shared);
                thread::spawn(move || make(&shared))
            })
            .collect();
        assert_eq!(make(&shared), 1);
        for thread in threads {
            assert_eq!(thread.join().unwrap(), 1);
        }
    });
}

#[test]
fn if_one_fails_the_next_makes_it() {
    check(|| {
        let cell = Arc::new(OnceLock::new());
        let (fails, makes) = (Arc::clone(&cell), Arc::clone(&cell));
        let fails = thread::spawn(move || fails.get_or_try_init(|| Err::<u32, ()>(())).is_err());
        let makes = thread::spawn(move || *makes.get_or_init(|| 2));
        assert_eq!(makes.join().unwrap(), 2);
        fails.join().unwrap();
        assert_eq!(cell.get(), Some(&2));
    });
}

#[test]
fn who_waits_is_told_or_gives_up() {
    check(|| {
        let cell = Arc::new(OnceLock::new());
        let token = Token::new();
        let (waits, leaves) = (Arc::clone(&cell), Arc::clone(&cell));
        let cancelled = token.clone();
        let waits = thread::spawn(move || *waits.wait());
        let leaves = thread::spawn(move || {
            let waited = leaves.wait_until(&cancelled);
            assert!(waited.is_err() || waited.is_ok_and(|value| *value == 5));
        });
        token.cancel();
        assert_eq!(cell.set(5), Ok(()));
        assert_eq!(waits.join().unwrap(), 5);
        leaves.join().unwrap();
    });
}
