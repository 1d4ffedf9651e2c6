//! The rate limiter between tasks and foreign threads. What it computes is tested beside it, with
//! times as arguments; here only lower bounds of real time are looked at.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use runtime::cancel::Token;
use runtime::sync::RateLimiter;
use runtime::{Builder, spawn};

fn run<T: Send + 'static>(main: impl FnOnce() -> T + Send + 'static) -> T {
    Builder::new().workers(2).run(main)
}

#[test]
fn no_more_get_through_than_burst_and_rate_allow() {
    run(|| {
        let begin = Instant::now();
        let limiter = Arc::new(RateLimiter::per_second(2_000, 4));
        let work = || {
            let limiter = Arc::clone(&limiter);
            move || (0..10).for_each(|number| limiter.acquire(1 + number % 2))
        };
        let thread = thread::spawn(work());
        let tasks: Vec<_> = (0..3).map(|_| spawn(work())).collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        thread.join().unwrap();
        // 60 tokens: 4 were there, and 56 came at one in half a millisecond.
        assert!(begin.elapsed() >= Duration::from_millis(28));
    });
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
