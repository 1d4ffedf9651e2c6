//! Steps of the mutex's protocol that a test from outside cannot force: hand-off, unwinding
//! waiters, wake-ups for nothing.

use super::*;

/// A task that has found the lock held and is about to park.
fn waiting(mutex: &RawMutex) -> Place<'_> {
    let mut place = Place {
        mutex,
        ticket: None,
        patience: Patience::new(),
    };
    assert!(matches!(mutex.acquire_or_wait(&mut place), Take::HeldBy(_)));
    place
}

fn is_woken(place: &Place<'_>) -> bool {
    let ticket = place.ticket.expect("it waits");
    place.mutex.with_queue(|queue| !queue.waiting.holds(ticket))
}

#[test]
fn wakes_one_waiter_at_a_time_until_it_arrives() {
    let mutex = RawMutex::new();
    mutex.lock();
    let (mut first, second) = (waiting(&mutex), waiting(&mutex));
    mutex.unlock();
    assert!(mutex.try_lock(), "anyone may take it meanwhile");
    mutex.unlock();
    assert!(is_woken(&first) && !is_woken(&second));
    assert!(matches!(mutex.acquire_or_wait(&mut first), Take::Taken));
    mutex.unlock();
    assert!(is_woken(&second));
}

#[test]
fn a_waiter_that_was_passed_over_keeps_its_place() {
    let mutex = RawMutex::new();
    mutex.lock();
    let (mut first, second) = (waiting(&mutex), waiting(&mutex));
    mutex.unlock();
    assert!(mutex.try_lock(), "another one is quicker");
    assert!(matches!(mutex.acquire_or_wait(&mut first), Take::HeldBy(_)));
    mutex.unlock();
    assert!(is_woken(&first) && !is_woken(&second));
}

#[test]
fn hands_over_to_the_first_once_patience_is_over() {
    let mutex = RawMutex::new();
    mutex.lock();
    let (mut first, second) = (waiting(&mutex), waiting(&mutex));
    mutex.with_queue(|queue| queue.hand_off = true);
    mutex.unlock();
    assert!(!mutex.try_lock(), "it is taken by whoever it was handed to");
    assert!(is_woken(&first) && !is_woken(&second));
    assert!(matches!(mutex.acquire_or_wait(&mut first), Take::Taken));
}

#[test]
fn a_woken_waiter_that_unwinds_passes_its_wake_up_on() {
    let mutex = RawMutex::new();
    mutex.lock();
    let (first, mut second) = (waiting(&mutex), waiting(&mutex));
    mutex.unlock();
    drop(first);
    assert!(is_woken(&second));
    assert!(matches!(mutex.acquire_or_wait(&mut second), Take::Taken));
}

#[test]
fn a_waiter_that_unwinds_with_the_lock_in_hand_unlocks() {
    let mutex = RawMutex::new();
    mutex.lock();
    let first = waiting(&mutex);
    mutex.with_queue(|queue| queue.hand_off = true);
    mutex.unlock();
    drop(first);
    assert!(mutex.try_lock());
}

#[test]
fn the_last_waiter_that_leaves_makes_unlocking_cheap_again() {
    let mutex = RawMutex::new();
    mutex.lock();
    drop(waiting(&mutex));
    assert!(matches!(mutex.word.try_free(), Free::Freed));
}
