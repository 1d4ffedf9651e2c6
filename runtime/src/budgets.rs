//! What hot paths cost in atomic read-modify-writes, fences, locks and reads of the clock, with nobody
//! listening: counted, and stated where they are written. A path that costs more, or less, fails here,
//! and then what is stated there is changed, too.

use crate::primitive::{
    counted::{Costs, costs},
    static_sync::Arc,
};
use crate::{Builder, Reason, TaskId, chan, park, spawn, sync, task, yield_now};

/// Enough that what comes with every 61st task, or once, is less than half of one in a round.
const ROUNDS: u64 = 6_100;

/// The budget of a path that takes no lock, makes no fence and does not read the clock.
const fn changes(changes: u64) -> Costs {
    Costs {
        changes,
        fences: 0,
        locks: 0,
        clock_reads: 0,
    }
}

/// What a round costs, in a runtime of one worker: its thread does it all, and counts it. The rounds
/// before are not counted: they fill the caches.
fn measured(rounds: impl Fn(u64) + Send + 'static) -> Costs {
    let total = Builder::new().workers(1).run(move || {
        rounds(ROUNDS);
        let (thread, before) = (std::thread::current().id(), costs());
        rounds(ROUNDS);
        let total = costs() - before;
        assert_eq!(std::thread::current().id(), thread, "it has moved");
        total
    });
    let each = |total: u64| (total + ROUNDS / 2) / ROUNDS;
    Costs {
        changes: each(total.changes),
        fences: each(total.fences),
        locks: each(total.locks),
        clock_reads: each(total.clock_reads),
    }
}

#[test]
fn a_spawn_with_its_run_and_its_join() {
    let path = |rounds| (0..rounds).for_each(|_| spawn(|| ()).join().unwrap());
    assert_eq!(measured(path), changes(8));
}

#[test]
fn a_yield_to_another_task() {
    let path = |rounds: u64| {
        let other = spawn(move || (0..rounds / 2).for_each(|_| yield_now()));
        (0..rounds / 2).for_each(|_| yield_now());
        other.join().unwrap();
    };
    assert_eq!(measured(path), changes(1));
}

#[test]
fn an_unpark_and_the_park_that_it_ends() {
    let path = |rounds: u64| {
        let main = task::current().unwrap();
        let other = spawn(move || {
            for _ in 0..rounds / 2 {
                park(Reason::Other, 0, TaskId::NONE);
                main.unpark();
            }
        });
        yield_now();
        for _ in 0..rounds / 2 {
            other.id().unpark();
            park(Reason::Other, 0, TaskId::NONE);
        }
        other.join().unwrap();
    };
    assert_eq!(measured(path), changes(3));
}

#[test]
fn a_message_to_a_task_that_waits_for_it() {
    let path = |rounds: u64| {
        let (there, requests) = chan::bounded(1);
        let (back, answers) = chan::bounded(1);
        let other = spawn(move || {
            requests
                .iter()
                .for_each(|number: u64| back.send(number).unwrap())
        });
        for number in 0..rounds / 2 {
            there.send(number).unwrap();
            assert_eq!(answers.recv(), Ok(number));
        }
        drop(there);
        other.join().unwrap();
    };
    let budget = Costs {
        locks: 3,
        ..changes(3)
    };
    assert_eq!(measured(path), budget);
}

#[test]
fn a_message_that_is_there_already() {
    let path = |rounds: u64| {
        let (sender, receiver) = chan::bounded(1);
        for number in 0..rounds {
            sender.send(number).unwrap();
            assert_eq!(receiver.recv(), Ok(number));
        }
    };
    let budget = Costs {
        locks: 2,
        ..changes(0)
    };
    assert_eq!(measured(path), budget);
}

#[test]
fn a_lock_that_nobody_else_wants() {
    let path = |rounds| {
        let mutex = Arc::new(sync::Mutex::new(0));
        (0..rounds).for_each(|_| *mutex.lock().unwrap() += 1);
    };
    assert_eq!(measured(path), changes(2));
}

#[test]
fn a_shared_lock_that_nobody_else_wants() {
    let path = |rounds| {
        let lock = sync::RwLock::new(0);
        (0..rounds).for_each(|_| drop(lock.read().unwrap()));
    };
    assert_eq!(measured(path), changes(2));
}

#[test]
fn a_permit_that_is_free() {
    let path = |rounds| {
        let semaphore = sync::Semaphore::new(1);
        (0..rounds).for_each(|_| drop(semaphore.acquire().unwrap()));
    };
    assert_eq!(measured(path), changes(2));
}
