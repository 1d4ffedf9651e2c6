//! The line of those who wait for tokens, with tokens that do not come unless the test says so.

use std::sync::Arc;
use std::thread;

use super::*;
use crate::spawn;
use crate::task::place::trial::{leave_one, stop, until, until_parked};

/// An empty bucket that gets no token for a million hours.
fn empty(burst: u64) -> RateLimiter {
    let limiter = RateLimiter::new(1, Duration::from_secs(3_600_000_000), burst);
    assert!(limiter.try_acquire(burst));
    limiter
}

fn waiting(limiter: &RateLimiter, tokens: u64) -> Place<'_> {
    let mut place = Place {
        limiter,
        ticket: None,
    };
    assert!(matches!(limiter.look(tokens, &mut place), Look::Wait(_)));
    place
}

/// Puts tokens into the bucket, which is as if time had passed.
fn fill(limiter: &RateLimiter) {
    let now_ns = clock::monotonic_ns();
    limiter.with_state(|state| state.bucket = Bucket::new(1, u64::MAX, limiter.burst, now_ns));
}

fn in_line(limiter: &RateLimiter) -> usize {
    limiter.with_state(|state| state.waiting.len())
}

#[test]
fn nobody_is_served_before_whoever_came_first() {
    let limiter = empty(2);
    let (mut first, mut second) = (waiting(&limiter, 2), waiting(&limiter, 0));
    fill(&limiter);
    assert!(!limiter.try_acquire(1), "others wait");
    assert!(matches!(limiter.look(0, &mut second), Look::Wait(None)));
    let Look::Acquired(Some(_next)) = limiter.look(2, &mut first) else {
        panic!("the first is served and wakes the next");
    };
    assert!(matches!(limiter.look(0, &mut second), Look::Acquired(None)));
    assert!(!limiter.try_acquire(1), "the first has taken both");
}

#[test]
fn the_first_that_gives_up_makes_the_next_one_first_and_takes_nothing() {
    let limiter = empty(2);
    let (first, mut second) = (waiting(&limiter, 2), waiting(&limiter, 1));
    drop(first);
    assert!(matches!(limiter.look(1, &mut second), Look::Wait(Some(_))));
    fill(&limiter);
    assert!(matches!(limiter.look(1, &mut second), Look::Acquired(None)));
    assert!(limiter.try_acquire(1));
}

#[test]
fn the_first_task_that_is_cancelled_wakes_the_next() {
    let limiter = Arc::new(empty(2));
    let token = crate::cancel::Token::new();
    let (first, second) = (Arc::clone(&limiter), Arc::clone(&limiter));
    let cancelled = token.clone();
    let first = thread::spawn(move || first.acquire_until(2, &cancelled).is_err());
    while in_line(&limiter) < 1 {
        thread::yield_now();
    }
    let second = thread::spawn(move || second.acquire(1));
    while in_line(&limiter) < 2 {
        thread::yield_now();
    }
    // One token, which is not enough for the first. The second has no timer: it learns of it
    // only by being told.
    fill(&limiter);
    assert!(limiter.with_state(|state| state.bucket.take(1, clock::monotonic_ns())));
    token.cancel();
    assert!(first.join().unwrap());
    second.join().unwrap();
}

#[test]
#[cfg_attr(
    miri,
    ignore = "a whole runtime may take minutes there; see the mutex's"
)]
fn a_leftover_that_is_first_is_forgotten_and_the_next_is_told() {
    let limiter = Arc::new(empty(1));
    let behind = leave_one(move || {
        let (first, second) = (Arc::clone(&limiter), Arc::clone(&limiter));
        let task = spawn(move || first.acquire(1)).id();
        until_parked(task, limiter.address());
        let thread = thread::spawn(move || second.acquire(1));
        until(|| in_line(&limiter) == 2);
        stop();
        fill(&limiter);
        thread
    });
    behind.join().unwrap();
}
