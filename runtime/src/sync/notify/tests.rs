//! What becomes of a notification when the one that got it leaves.

use std::sync::Arc;
use std::thread;

use super::*;
use crate::spawn;
use crate::task::place::trial::{leave_one, stop, until, until_parked};

/// A waiter that is about to park.
fn waiting(notify: &Notify) -> Place<'_> {
    let round = notify.with_state(|state| state.rounds);
    let ticket = notify.with_state(|state| state.line_up(round));
    Place {
        notify,
        ticket: ticket.expect("there is no permit"),
    }
}

fn is_told(place: &Place<'_>) -> bool {
    !place
        .notify
        .with_state(|state| state.waiting.holds(place.ticket))
}

fn has_permit(notify: &Notify) -> bool {
    notify.with_state(|state| state.permit)
}

#[test]
fn one_that_was_notified_and_leaves_passes_it_on_and_the_last_stores_it() {
    let notify = Notify::new();
    let (first, second) = (waiting(&notify), waiting(&notify));
    notify.notify_one();
    assert!(is_told(&first) && !is_told(&second));
    drop(first);
    assert!(is_told(&second) && !has_permit(&notify));
    drop(second);
    assert!(has_permit(&notify));
}

#[test]
fn one_that_was_told_with_all_others_has_nothing_to_pass_on() {
    let notify = Notify::new();
    let first = waiting(&notify);
    notify.notify_waiters();
    let second = waiting(&notify);
    assert!(is_told(&first));
    drop(first);
    assert!(!is_told(&second) && !has_permit(&notify));
}

#[test]
fn a_notification_is_passed_on_also_if_all_were_told_meanwhile() {
    let notify = Notify::new();
    let first = waiting(&notify);
    notify.notify_one();
    notify.notify_waiters();
    let second = waiting(&notify);
    drop(first);
    assert!(is_told(&second));
}

#[test]
fn one_that_has_looked_has_nothing_to_pass_on() {
    let notify = Notify::new();
    let first = waiting(&notify);
    notify.notify_one();
    assert!(!notify.with_state(|state| state.still_waits(first.ticket)));
    drop(first);
    assert!(!has_permit(&notify));
    assert!(notify.with_state(|state| state.notified.is_empty()));
}

/// A task that waits, is not to get so far, and is left behind; a thread waits behind it.
fn leave_first_of_two(notify: &Arc<Notify>, last: fn(&Notify)) -> thread::JoinHandle<()> {
    let notify = Arc::clone(notify);
    leave_one(move || {
        let (first, second) = (Arc::clone(&notify), Arc::clone(&notify));
        let task = spawn(move || first.wait()).id();
        until_parked(task, notify.address());
        let thread = thread::spawn(move || second.wait());
        until(|| notify.with_state(|state| state.waiting.len()) == 2);
        stop();
        last(&notify);
        thread
    })
}

#[test]
#[cfg_attr(
    miri,
    ignore = "a whole runtime may take minutes there; see the mutex's"
)]
fn a_leftover_that_waits_is_forgotten() {
    let notify = Arc::new(Notify::new());
    let behind = leave_first_of_two(&notify, |_| {});
    notify.notify_one();
    behind.join().unwrap();
    assert!(!has_permit(&notify));
}

#[test]
#[cfg_attr(
    miri,
    ignore = "a whole runtime may take minutes there; see the mutex's"
)]
fn a_leftover_that_was_notified_and_has_not_run_passes_it_on() {
    let notify = Arc::new(Notify::new());
    let behind = leave_first_of_two(&notify, Notify::notify_one);
    behind.join().unwrap();
    assert!(!has_permit(&notify));
}
