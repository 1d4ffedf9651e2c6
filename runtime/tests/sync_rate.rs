//! The rate limiter between tasks and foreign threads. What it computes is tested beside it, with
//! times as arguments; time here is a simulation's, or is not looked at.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use runtime::cancel::Token;
use runtime::sync::RateLimiter;
use runtime::time::Instant;
use runtime::{Builder, spawn, test};

fn run<T: Send + 'static>(main: impl FnOnce() -> T + Send + 'static) -> T {
    Builder::new().workers(2).run(main)
}

#[test]
fn no_more_get_through_than_burst_and_rate_allow() {
    test::seeds(0..20, || {
        let begin = Instant::now();
        let limiter = Arc::new(RateLimiter::per_second(2_000, 4));
        let tasks: Vec<_> = (0..4).map(|_| spawn(worker(&limiter))).collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        // 60 tokens: 4 were there, and 56 came at one in half a millisecond.
        assert!(begin.elapsed() >= Duration::from_millis(28));
    });
}

#[test]
fn tasks_and_threads_all_get_through() {
    run(|| {
        let limiter = Arc::new(RateLimiter::per_second(200_000, 4));
        let thread = thread::spawn(worker(&limiter));
        let tasks: Vec<_> = (0..3).map(|_| spawn(worker(&limiter))).collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        thread.join().unwrap();
    });
}

/// Takes 15 tokens, in ones and twos.
fn worker(limiter: &Arc<RateLimiter>) -> impl FnOnce() + Send + 'static {
    let limiter = Arc::clone(limiter);
    move || (0..10).for_each(|number| limiter.acquire(1 + number % 2))
}

#[test]
fn a_wait_that_ends_takes_nothing_and_tokens_that_are_there_win() {
    run(|| {
        let limiter = RateLimiter::new(1, Duration::from_secs(3_600), 2);
        let token = Token::new();
        token.cancel();
        assert!(limiter.acquire_until(1, &token).is_ok());
        let soon = Duration::from_millis(1);
        assert!(limiter.acquire_until(2, soon).unwrap_err().is_timeout());
        assert!(!limiter.acquire_until(2, &token).unwrap_err().is_timeout());
        assert!(limiter.try_acquire(1));
        assert!(!limiter.try_acquire(1));
        assert!(limiter.try_acquire(0));
        assert_eq!(limiter.burst(), 2);
    });
}

#[test]
#[should_panic(expected = "the burst is 2")]
fn more_than_the_burst_is_refused() {
    RateLimiter::per_second(1, 2).acquire(3);
}

#[test]
#[should_panic(expected = "rate above zero")]
fn a_rate_of_zero_is_refused() {
    let _ = RateLimiter::per_second(0, 1);
}
