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

/// Tasks whose runtime ends while they wait, beside a thread that waits behind them.
mod leftover {
    use super::*;
    use crate::spawn;
    use crate::task::place::trial::{leave_one, stop, until, until_parked};
    use std::sync::Arc;
    use std::thread;

    fn waiting_on(mutex: &RawMutex) -> usize {
        mutex.with_queue(|queue| queue.waiting.len())
    }

    /// A task that takes the lock, and is not to get so far.
    fn locking_task(mutex: &Arc<RawMutex>) -> TaskId {
        let locked = Arc::clone(mutex);
        let task = spawn(move || locked.lock()).id();
        until_parked(task, mutex.address());
        task
    }

    /// A thread that takes the lock when it can; lined up already.
    fn locking_thread(mutex: &Arc<RawMutex>) -> thread::JoinHandle<()> {
        let (locked, before) = (Arc::clone(mutex), waiting_on(mutex));
        let thread = thread::spawn(move || {
            locked.lock();
            locked.unlock();
        });
        until(|| waiting_on(mutex) > before);
        thread
    }

    #[test]
    fn one_that_waits_is_forgotten() {
        let mutex = Arc::new(RawMutex::new());
        mutex.lock();
        let shared = Arc::clone(&mutex);
        let behind = leave_one(move || {
            locking_task(&shared);
            locking_thread(&shared)
        });
        assert_eq!(waiting_on(&mutex), 1);
        mutex.unlock();
        behind.join().unwrap();
    }

    #[test]
    fn one_that_was_woken_and_has_not_run_passes_its_wake_up_on() {
        let mutex = Arc::new(RawMutex::new());
        let behind = leave_one(move || {
            mutex.lock();
            locking_task(&mutex);
            let behind = locking_thread(&mutex);
            stop();
            mutex.unlock();
            assert_eq!(waiting_on(&mutex), 1, "the task was woken");
            behind
        });
        behind.join().unwrap();
    }

    #[test]
    fn one_that_was_handed_the_lock_and_has_not_run_passes_it_on() {
        let mutex = Arc::new(RawMutex::new());
        let behind = leave_one(move || {
            mutex.lock();
            let task = locking_task(&mutex);
            let behind = locking_thread(&mutex);
            mutex.with_queue(|queue| queue.hand_off = true);
            stop();
            mutex.unlock();
            assert_eq!(mutex.holder(), task);
            behind
        });
        behind.join().unwrap();
    }

    #[test]
    fn one_whose_runtime_ends_between_two_others_leaves_them_their_order() {
        let mutex = Arc::new(RawMutex::new());
        mutex.lock();
        let shared = Arc::clone(&mutex);
        let threads = leave_one(move || {
            let before = locking_thread(&shared);
            locking_task(&shared);
            [before, locking_thread(&shared)]
        });
        assert_eq!(waiting_on(&mutex), 2);
        mutex.unlock();
        for thread in threads {
            thread.join().unwrap();
        }
        assert!(matches!(mutex.word.take(TaskId::NONE), Take::Taken));
        assert!(matches!(mutex.word.try_free(), Free::Freed), "nobody waits");
    }
}
