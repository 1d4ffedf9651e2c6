//! Notifications and barriers between tasks and foreign threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use runtime::cancel::Token;
use runtime::sync::{Barrier, Notify};
use runtime::{Builder, spawn, yield_now};

const SOON: Duration = Duration::from_millis(1);

fn run<T: Send + 'static>(main: impl FnOnce() -> T + Send + 'static) -> T {
    Builder::new().workers(2).run(main)
}

#[test]
fn a_notification_for_nobody_is_kept_but_only_one() {
    let notify = Notify::new();
    notify.notify_one();
    notify.notify_one();
    notify.wait();
    assert!(notify.wait_until(SOON).is_err());
}

#[test]
fn telling_all_keeps_nothing() {
    let notify = Notify::new();
    notify.notify_waiters();
    assert!(notify.wait_until(SOON).is_err());
}

#[test]
fn telling_all_leaves_a_kept_notification_where_it_is() {
    let notify = Notify::new();
    notify.notify_one();
    let notified = notify.notified();
    notify.notify_waiters();
    notified.wait();
    assert!(notify.wait_until(Duration::ZERO).is_ok());
    assert!(notify.wait_until(Duration::ZERO).is_err());
}

#[test]
fn who_counts_as_waiting_is_told_before_it_waits() {
    let notify = Notify::new();
    let (before, other) = (notify.notified(), notify.notified());
    notify.notify_waiters();
    assert!(before.wait_until(Duration::ZERO).is_ok());
    drop(other);
    assert!(notify.notified().wait_until(Duration::ZERO).is_err());
}

#[test]
fn each_notification_lets_one_task_or_thread_go_on() {
    run(|| {
        let shared = Arc::new((Notify::new(), AtomicUsize::new(0)));
        let wait = || {
            let shared = Arc::clone(&shared);
            move || {
                shared.0.wait();
                shared.1.fetch_add(1, Ordering::SeqCst);
            }
        };
        let threads: Vec<_> = (0..2).map(|_| thread::spawn(wait())).collect();
        let tasks: Vec<_> = (0..3).map(|_| spawn(wait())).collect();
        for gone_on in 1..=5 {
            shared.0.notify_one();
            while shared.1.load(Ordering::SeqCst) < gone_on {
                yield_now();
            }
            assert_eq!(shared.1.load(Ordering::SeqCst), gone_on);
        }
        tasks.into_iter().for_each(|task| task.join().unwrap());
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn telling_all_lets_everybody_go_on() {
    run(|| {
        let shared = Arc::new((Notify::new(), AtomicBool::new(false)));
        let tasks: Vec<_> = (0..5)
            .map(|_| {
                let shared = Arc::clone(&shared);
                spawn(move || {
                    loop {
                        let notified = shared.0.notified();
                        if shared.1.load(Ordering::SeqCst) {
                            return;
                        }
                        notified.wait();
                    }
                })
            })
            .collect();
        yield_now();
        shared.1.store(true, Ordering::SeqCst);
        shared.0.notify_waiters();
        tasks.into_iter().for_each(|task| task.join().unwrap());
    });
}

#[test]
fn waiters_that_give_up_at_any_time_lose_no_notification() {
    const ROUNDS: u64 = if cfg!(miri) { 10 } else { 500 };
    run(|| {
        // One notification goes round: who gets it gives it back.
        let notify = Arc::new(Notify::new());
        notify.notify_one();
        let tasks: Vec<_> = (0..6_u64)
            .map(|number| {
                let notify = Arc::clone(&notify);
                spawn(move || {
                    for round in 0..ROUNDS {
                        let time = Duration::from_micros((number * 7 + round * 13) % 50);
                        if notify.wait_until(time).is_ok() {
                            yield_now();
                            notify.notify_one();
                        }
                    }
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        assert!(notify.wait_until(Duration::ZERO).is_ok());
        assert!(notify.wait_until(Duration::ZERO).is_err());
    });
}

#[test]
fn a_token_ends_the_wait_for_a_notification() {
    run(|| {
        let notify = Arc::new(Notify::new());
        let token = Token::new();
        let waiting = {
            let (notify, token) = (Arc::clone(&notify), token.clone());
            spawn(move || {
                notify
                    .wait_until(&token)
                    .is_err_and(|why| !why.is_timeout())
            })
        };
        token.cancel();
        assert!(waiting.join().unwrap());
        notify.notify_one();
        assert!(notify.wait_until(&token).is_ok(), "what is there wins");
    });
}

#[test]
fn each_round_of_a_barrier_has_one_leader_and_nobody_is_ahead() {
    const TASKS: usize = 4;
    const ROUNDS: usize = if cfg!(miri) { 5 } else { 300 };
    run(|| {
        let shared = Arc::new((Barrier::new(TASKS + 1), AtomicUsize::new(0)));
        let work = || {
            let shared = Arc::clone(&shared);
            move || {
                let mut led = 0;
                for round in 0..ROUNDS {
                    shared.1.fetch_add(1, Ordering::SeqCst);
                    led += usize::from(shared.0.wait().is_leader());
                    let come = shared.1.load(Ordering::SeqCst);
                    assert!(come >= (round + 1) * (TASKS + 1));
                    led += usize::from(shared.0.wait().is_leader());
                }
                led
            }
        };
        let thread = thread::spawn(work());
        let tasks: Vec<_> = (0..TASKS).map(|_| spawn(work())).collect();
        let led: usize = tasks.into_iter().map(|task| task.join().unwrap()).sum();
        assert_eq!(led + thread.join().unwrap(), 2 * ROUNDS);
    });
}

#[test]
fn a_barrier_for_one_or_none_is_open() {
    for size in [0, 1] {
        let barrier = Barrier::new(size);
        assert!(barrier.wait().is_leader());
        assert!(barrier.wait_until(Duration::ZERO).unwrap().is_leader());
    }
}

#[test]
fn one_that_gives_up_has_not_come_to_the_barrier() {
    run(|| {
        let barrier = Arc::new(Barrier::new(2));
        let token = Token::new();
        token.cancel();
        assert!(!barrier.wait_until(&token).unwrap_err().is_timeout());
        assert!(barrier.wait_until(SOON).unwrap_err().is_timeout());
        let other = Arc::clone(&barrier);
        let task = spawn(move || other.wait().is_leader());
        let led = barrier.wait().is_leader();
        assert_ne!(task.join().unwrap(), led);
    });
}
