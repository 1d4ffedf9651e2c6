//! Waits for locks, conditions and groups that end early: by time, by a token, or not at all
//! because what is there already wins.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use runtime::cancel::{Interrupted, Token, Until};
use runtime::sync::{Condvar, LockUntilError, Mutex, WaitGroup};
use runtime::{Builder, spawn, yield_now};

/// Long enough that a test which waits for it has failed.
const NEVER: Duration = Duration::from_secs(600);
const SOON: Duration = Duration::from_millis(2);

fn run<T: Send + 'static>(main: impl FnOnce() -> T + Send + 'static) -> T {
    Builder::new().workers(2).run(main)
}

fn cancelled() -> Token {
    let token = Token::new();
    token.cancel();
    token
}

fn is_cancel(interrupted: &Interrupted) -> bool {
    matches!(interrupted, Interrupted::Cancelled(_))
}

#[test]
fn a_free_mutex_is_locked_also_when_the_time_is_over() {
    let mutex = Mutex::new(3);
    assert_eq!(*mutex.lock_until(Duration::ZERO).unwrap(), 3);
    assert_eq!(*mutex.lock_until(&cancelled()).unwrap(), 3);
}

#[test]
fn a_held_mutex_is_given_up_when_the_time_is_over_and_works_on() {
    run(|| {
        let mutex = Arc::new(Mutex::new(0));
        let guard = mutex.lock().unwrap();
        let shared = Arc::clone(&mutex);
        let waiting = spawn(move || shared.lock_until(SOON).map(drop).is_err());
        assert!(waiting.join().unwrap());
        drop(guard);
        *mutex.lock().unwrap() += 1;
        assert_eq!(*mutex.try_lock().unwrap(), 1);
    });
}

#[test]
fn a_token_ends_the_wait_of_a_task_and_of_a_thread() {
    run(|| {
        let mutex = Arc::new(Mutex::new(()));
        let token = Token::new();
        let guard = mutex.lock().unwrap();
        let wait = {
            let (mutex, token) = (Arc::clone(&mutex), token.clone());
            move || match mutex.lock_until(Until::from(&token).or_after(NEVER)) {
                Err(LockUntilError::Interrupted(why)) => is_cancel(&why),
                Ok(_) | Err(LockUntilError::Poisoned(_)) => false,
            }
        };
        let (task, thread) = (spawn(wait.clone()), thread::spawn(wait));
        token.cancel();
        assert!(task.join().unwrap());
        assert!(thread.join().unwrap());
        drop(guard);
    });
}

#[test]
fn a_waiter_with_an_end_gets_the_mutex_when_it_is_freed() {
    run(|| {
        let mutex = Arc::new(Mutex::new(()));
        let guard = mutex.lock().unwrap();
        let shared = Arc::clone(&mutex);
        let waiting = spawn(move || shared.lock_until(NEVER).map(drop).is_ok());
        yield_now();
        drop(guard);
        assert!(waiting.join().unwrap());
    });
}

#[test]
fn a_poisoned_mutex_is_locked_with_an_error() {
    run(|| {
        let mutex = Arc::new(Mutex::new(5));
        let shared = Arc::clone(&mutex);
        let holder = spawn(move || {
            let _guard = shared.lock().unwrap();
            panic!("with the guard in hand");
        });
        let outcome: Result<(), _> = holder.join();
        assert!(outcome.is_err());
        match mutex.lock_until(SOON) {
            Err(LockUntilError::Poisoned(error)) => assert_eq!(*error.into_inner(), 5),
            Ok(_) | Err(LockUntilError::Interrupted(_)) => panic!("not poisoned"),
        };
    });
}

#[test]
fn waiters_that_give_up_at_any_time_leave_the_mutex_to_the_others() {
    const ROUNDS: u64 = if cfg!(miri) { 5 } else { 500 };
    run(|| {
        let total = Arc::new(Mutex::new(0));
        let tasks: Vec<_> = (0..6_u64)
            .map(|number| {
                let total = Arc::clone(&total);
                spawn(move || {
                    let mut taken = 0;
                    for round in 0..ROUNDS {
                        let time = Duration::from_micros((number * 7 + round * 13) % 100);
                        if let Ok(mut total) = total.lock_until(time) {
                            *total += 1;
                            taken += 1;
                            yield_now();
                        }
                    }
                    taken
                })
            })
            .collect();
        let taken: u64 = tasks.into_iter().map(|task| task.join().unwrap()).sum();
        assert_eq!(*total.try_lock().unwrap(), taken);
    });
}

#[test]
fn a_condition_that_does_not_come_true_gives_the_guard_back() {
    run(|| {
        let (number, changed) = (Mutex::new(1), Condvar::new());
        let guard = number.lock().unwrap();
        let (guard, waited) = changed.wait_until(guard, SOON).unwrap();
        assert!(waited.unwrap_err().is_timeout());
        let (mut guard, waited) = changed
            .wait_while_until(guard, &cancelled(), |number| *number == 1)
            .unwrap();
        assert!(is_cancel(&waited.unwrap_err()));
        *guard = 2;
        let (guard, waited) = changed
            .wait_while_until(guard, Duration::ZERO, |number| *number == 1)
            .unwrap();
        assert!(waited.is_ok(), "what is there already wins");
        drop(guard);
        assert_eq!(*number.try_lock().unwrap(), 2);
    });
}

#[test]
fn a_notified_waiter_with_an_end_was_not_interrupted() {
    run(|| {
        let shared = Arc::new((Mutex::new(false), Condvar::new()));
        let waiting = Arc::clone(&shared);
        let task = spawn(move || {
            let guard = waiting.0.lock().unwrap();
            let (guard, waited) = waiting
                .1
                .wait_while_until(guard, NEVER, |ready| !*ready)
                .unwrap();
            waited.is_ok() && *guard
        });
        *shared.0.lock().unwrap() = true;
        shared.1.notify_one();
        assert!(task.join().unwrap());
    });
}

#[test]
fn a_condition_that_a_panic_poisoned_says_so_with_the_guard() {
    run(|| {
        let shared = Arc::new((Mutex::new(4), Condvar::new()));
        let held = Arc::clone(&shared);
        let outcome: Result<(), _> = spawn(move || {
            let _guard = held.0.lock().unwrap();
            panic!("with the guard in hand");
        })
        .join();
        assert!(outcome.is_err());
        let guard = shared.0.lock().unwrap_err().into_inner();
        let (guard, waited) = shared.1.wait_until(guard, SOON).unwrap_err().into_inner();
        assert!(waited.is_err());
        assert_eq!(*guard, 4);
    });
}

#[test]
fn a_member_whose_wait_ended_is_a_member_again() {
    run(|| {
        let group = WaitGroup::new();
        let (member, other) = (group.clone(), group.clone());
        let error = group.wait_until(SOON).unwrap_err();
        assert!(error.interrupted.is_timeout());
        let all_gone = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&all_gone);
        let waiting = spawn(move || {
            other.wait();
            seen.load(Ordering::SeqCst)
        });
        drop(member);
        yield_now();
        all_gone.store(true, Ordering::SeqCst);
        drop(error.group);
        assert!(waiting.join().unwrap(), "it waits for who came back");
    });
}

#[test]
fn a_group_without_other_members_has_ended_whatever_the_time() {
    assert!(WaitGroup::new().wait_until(Duration::ZERO).is_ok());
    let group = WaitGroup::new();
    let token = cancelled();
    let member = group.clone();
    assert!(is_cancel(
        &group.wait_until(&token).unwrap_err().interrupted
    ));
    assert!(member.wait_until(&token).is_ok());
}
