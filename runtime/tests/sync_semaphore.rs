//! The semaphore between tasks and foreign threads: bounds, order, closing, permits that move.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use runtime::cancel::Token;
use runtime::sync::{AcquireError, AcquireUntilError, Semaphore, TryAcquireError};
use runtime::{Builder, chan, spawn, task, yield_now};

const ROUNDS: usize = if cfg!(miri) { 10 } else { 1_000 };

fn run<T: Send + 'static>(main: impl FnOnce() -> T + Send + 'static) -> T {
    Builder::new().workers(2).run(main)
}

fn yield_if_task() {
    if task::current().is_some() {
        yield_now();
    }
}

#[test]
fn no_more_are_inside_at_once_than_there_are_permits() {
    run(|| {
        let shared = Arc::new((Semaphore::new(3), AtomicUsize::new(0)));
        let work = |number: usize| {
            let shared = Arc::clone(&shared);
            move || {
                for round in 0..ROUNDS {
                    let wanted = 1 + (number + round) % 3;
                    let permit = shared.0.acquire_many(wanted).unwrap();
                    let inside = shared.1.fetch_add(wanted, Ordering::SeqCst) + wanted;
                    assert!(inside <= 3);
                    yield_if_task();
                    shared.1.fetch_sub(wanted, Ordering::SeqCst);
                    drop(permit);
                }
            }
        };
        let threads: Vec<_> = (0..2).map(|number| thread::spawn(work(number))).collect();
        let tasks: Vec<_> = (2..6).map(|number| spawn(work(number))).collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        assert_eq!(shared.0.available(), 3);
    });
}

#[test]
fn trying_takes_what_is_free_or_says_why_not() {
    let semaphore = Semaphore::new(2);
    let first = semaphore.try_acquire().unwrap();
    assert_eq!(
        semaphore.try_acquire_many(2).unwrap_err(),
        TryAcquireError::NoPermits
    );
    let second = semaphore.try_acquire_many(1).unwrap();
    assert_eq!(semaphore.available(), 0);
    drop((first, second));
    assert_eq!(semaphore.available(), 2);
    semaphore.close();
    assert_eq!(
        semaphore.try_acquire().unwrap_err(),
        TryAcquireError::Closed
    );
}

#[test]
fn no_permits_are_acquired_at_once_past_all_who_wait() {
    run(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let waits = Arc::clone(&semaphore);
        let waiting = spawn(move || waits.acquire().map(drop));
        drop(semaphore.acquire_many(0).unwrap());
        semaphore.add(1);
        waiting.join().unwrap().unwrap();
    });
}

#[test]
fn a_steady_stream_of_small_requests_does_not_starve_a_large_one() {
    run(|| {
        let semaphore = Arc::new(Semaphore::new(4));
        let (done, is_done) = chan::bounded::<()>(1);
        let small: Vec<_> = (0..4)
            .map(|_| {
                let (semaphore, is_done) = (Arc::clone(&semaphore), is_done.clone());
                spawn(move || {
                    // One permit is nearly always taken again before the last goes back.
                    let mut held = semaphore.acquire().unwrap();
                    while is_done
                        .try_recv()
                        .is_err_and(|error| error == chan::TryRecvError::Empty)
                    {
                        yield_now();
                        drop(held);
                        held = semaphore.acquire().unwrap();
                    }
                })
            })
            .collect();
        let large = Arc::clone(&semaphore);
        let all = spawn(move || large.acquire_many(4).map(drop));
        all.join().unwrap().unwrap();
        drop(done);
        small.into_iter().for_each(|task| task.join().unwrap());
    });
}

#[test]
fn closing_fails_whoever_waits_and_whoever_comes() {
    run(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let permit = semaphore.acquire().unwrap();
        let waits = || {
            let semaphore = Arc::clone(&semaphore);
            move || semaphore.acquire().map(drop)
        };
        let (task, thread) = (spawn(waits()), thread::spawn(waits()));
        yield_now();
        semaphore.close();
        assert_eq!(task.join().unwrap(), Err(AcquireError));
        assert_eq!(thread.join().unwrap(), Err(AcquireError));
        assert!(semaphore.is_closed());
        let error = semaphore.acquire_until(Duration::ZERO).unwrap_err();
        assert!(matches!(error, AcquireUntilError::Closed));
        drop(permit);
        assert_eq!(semaphore.available(), 1);
    });
}

#[test]
fn a_wait_that_ends_takes_nothing_and_free_permits_win_over_the_end() {
    run(|| {
        let semaphore = Arc::new(Semaphore::new(2));
        let token = Token::new();
        let waiting = {
            let (semaphore, token) = (Arc::clone(&semaphore), token.clone());
            spawn(move || semaphore.acquire_many_until(3, &token).map(drop))
        };
        token.cancel();
        let error = waiting.join().unwrap().unwrap_err();
        assert!(matches!(error, AcquireUntilError::Interrupted(why) if !why.is_timeout()));
        assert_eq!(semaphore.available(), 2);
        assert!(semaphore.acquire_many_owned_until(2, &token).is_ok());
        assert!(semaphore.acquire_until(Duration::ZERO).is_ok());
    });
}

#[test]
fn waiters_that_give_up_at_any_time_lose_no_permit() {
    run(|| {
        let semaphore = Arc::new(Semaphore::new(3));
        let tasks: Vec<_> = (0..6)
            .map(|number| {
                let semaphore = Arc::clone(&semaphore);
                spawn(move || {
                    for round in 0..ROUNDS {
                        let time = Duration::from_micros((number * 7 + round as u64 * 13) % 100);
                        let permit = semaphore.acquire_many_until(1 + round % 3, time);
                        yield_now();
                        drop(permit);
                    }
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        assert_eq!(
            semaphore.try_acquire_many(3).map(|permit| permit.count()),
            Ok(3)
        );
    });
}

#[test]
fn an_owned_permit_moves_to_another_task_and_goes_back_there() {
    run(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let permit = semaphore.acquire_owned().unwrap();
        assert!(Arc::ptr_eq(permit.semaphore(), &semaphore));
        assert!(semaphore.try_acquire_many_owned(1).is_err());
        spawn(move || drop(permit)).join().unwrap();
        assert_eq!(semaphore.available(), 1);
    });
}

#[test]
fn a_panic_gives_permits_back() {
    run(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let held = Arc::clone(&semaphore);
        let outcome: Result<(), _> = spawn(move || {
            let _permit = held.acquire().unwrap();
            panic!("with the permit in hand");
        })
        .join();
        assert!(outcome.is_err());
        assert!(semaphore.try_acquire().is_ok());
    });
}

#[test]
fn permits_are_split_merged_and_destroyed() {
    let semaphore = Arc::new(Semaphore::new(5));
    let mut three = semaphore.acquire_many(3).unwrap();
    let one = three.split(1).unwrap();
    assert!(three.split(3).is_none());
    assert_eq!((three.count(), one.count()), (2, 1));
    three.merge(one);
    assert_eq!((three.count(), semaphore.available()), (3, 2));
    three.split(1).unwrap().forget();
    drop(three);
    assert_eq!(semaphore.available(), 4);
    let mut owned = semaphore.try_acquire_many_owned(4).unwrap();
    let two = owned.split(2).unwrap();
    two.forget();
    owned.merge(semaphore.try_acquire_many_owned(0).unwrap());
    drop(owned);
    assert_eq!(semaphore.forget(9), 2);
    semaphore.add(1);
    assert_eq!(semaphore.available(), 1);
}

#[test]
#[should_panic(expected = "one semaphore")]
fn permits_of_two_semaphores_do_not_merge() {
    let (one, other) = (Semaphore::new(1), Semaphore::new(1));
    one.acquire().unwrap().merge(other.acquire().unwrap());
}

#[test]
#[should_panic(expected = "more permits")]
fn more_permits_than_can_be_counted_are_refused() {
    Semaphore::new(1).add(Semaphore::MAX_PERMITS);
}
