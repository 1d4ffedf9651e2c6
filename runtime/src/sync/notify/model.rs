//! Notifications between threads that wait, give up and tell: every interleaving, by loom. A
//! notification that gets lost shows as a deadlock.

use loom::sync::Arc;
use loom::thread;

use super::*;
use crate::cancel::Token;

fn check(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

#[test]
fn one_notification_lets_one_go_on_whenever_it_comes() {
    check(|| {
        let notify = Arc::new(Notify::new());
        let waits = Arc::clone(&notify);
        let thread = thread::spawn(move || waits.wait());
        notify.notify_one();
        thread.join().unwrap();
        assert!(!notify.with_state(|state| state.permit));
    });
}

#[test]
fn two_notifications_reach_two_if_the_second_comes_after_the_first_was_used() {
    check(|| {
        let notify = Arc::new(Notify::new());
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let notify = Arc::clone(&notify);
                thread::spawn(move || {
                    notify.wait();
                    notify.notify_one();
                })
            })
            .collect();
        notify.notify_one();
        for thread in threads {
            thread.join().unwrap();
        }
        assert!(notify.with_state(|state| state.permit));
    });
}

#[test]
fn one_that_is_cancelled_keeps_no_notification() {
    check(|| {
        let notify = Arc::new(Notify::new());
        let token = Token::new();
        let (cancelled, waits) = (Arc::clone(&notify), Arc::clone(&notify));
        let until = token.clone();
        let cancelled = thread::spawn(move || {
            if cancelled.wait_until(&until).is_ok() {
                cancelled.notify_one();
            }
        });
        let waits = thread::spawn(move || waits.wait());
        token.cancel();
        notify.notify_one();
        cancelled.join().unwrap();
        waits.join().unwrap();
    });
}

#[test]
fn telling_all_reaches_everybody_who_counts_as_waiting() {
    check(|| {
        let notify = Arc::new(Notify::new());
        let other = Arc::clone(&notify);
        let notified = notify.notified();
        let thread = thread::spawn(move || other.notify_waiters());
        notified.wait();
        thread.join().unwrap();
        assert!(!notify.with_state(|state| state.permit));
    });
}
