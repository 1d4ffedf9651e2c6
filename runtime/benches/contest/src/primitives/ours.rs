//! On this project's runtime.

use std::sync::Arc;
use std::time::Duration;

use runtime::pool::Pooled;
use runtime::sync::{Mutex, RwLock, Semaphore, WaitGroup};
use runtime::{Pool, Reason, TaskId, chan, park_timeout, select, spawn, task, yield_now};

use super::{LOCKERS, OBJECT_BYTES, PAIRS, PERMITS, ROOM, TASKS, WRITES_EVERY, work};
use crate::measure::count_made;

/// `senders` tasks send to `receivers`, all over one channel.
pub fn channel(
    count: u64,
    senders: u64,
    receivers: u64,
    (sender, receiver): (chan::Sender<u64>, chan::Receiver<u64>),
) {
    let each = count / senders;
    for _ in 0..senders {
        let sender = sender.clone();
        spawn(move || (0..each).for_each(|number| sender.send(number).expect("is received")));
    }
    drop(sender);
    let receiving = move || receiver.iter().count() as u64;
    let tasks: Vec<_> = (0..receivers).map(|_| spawn(receiving.clone())).collect();
    let received: u64 = tasks
        .into_iter()
        .map(|task| task.join().expect("returns"))
        .sum();
    assert_eq!(received, each * senders);
}

pub fn select_2(count: u64) {
    let ends = [(); 2].map(|()| {
        let (sender, receiver) = chan::bounded(ROOM);
        let sending = sender.clone();
        spawn(move || {
            (0..count / 2).for_each(|number| sending.send(number).expect("is received"));
        });
        (sender, receiver)
    });
    // The senders are kept: a channel that is closed would always be ready.
    let [(_one, left), (_other, right)] = ends;
    let sum: u64 = (0..count / 2 * 2)
        .map(|_| {
            select! {
                recv(left) -> number => number.expect("is open"),
                recv(right) -> number => number.expect("is open"),
            }
        })
        .sum();
    assert_eq!(sum, count / 2 * (count / 2 - 1));
}

pub fn mutex(count: u64) {
    let lock = Arc::new(Mutex::new(0));
    let each = count / LOCKERS;
    all(LOCKERS, || {
        let lock = Arc::clone(&lock);
        move || (0..each).for_each(|_| *lock.lock().expect("nobody panics") += 1)
    });
    assert_eq!(*lock.lock().expect("nobody panics"), each * LOCKERS);
}

pub fn rwlock(count: u64) {
    let lock = Arc::new(RwLock::new(0));
    let each = count / TASKS;
    all(TASKS, || {
        let lock = Arc::clone(&lock);
        move || {
            for number in 0..each {
                if number % WRITES_EVERY == 0 {
                    *lock.write().expect("nobody panics") += 1;
                } else {
                    assert!(*lock.read().expect("nobody panics") <= count);
                }
            }
        }
    });
}

/// Whoever has a permit lets others run meanwhile.
pub fn semaphore(count: u64) {
    let semaphore = Arc::new(Semaphore::new(PERMITS));
    all(TASKS, || {
        let semaphore = Arc::clone(&semaphore);
        move || {
            for _ in 0..count / TASKS {
                let _permit = semaphore.acquire().expect("is never closed");
                yield_now();
            }
        }
    });
}

pub fn wait_group(count: u64) {
    for _ in 0..count / TASKS {
        let group = WaitGroup::new();
        for _ in 0..TASKS {
            let member = group.clone();
            spawn(move || drop(member));
        }
        group.wait();
    }
}

/// Waits for an hour that end at once.
pub fn timers(count: u64) {
    all(TASKS, || {
        move || {
            let me = task::current().expect("is a task");
            for _ in 0..count / TASKS {
                me.unpark();
                park_timeout(Reason::Other, 0, TaskId::NONE, Duration::from_secs(3_600));
            }
        }
    });
}

/// What one task takes from the pool another puts back, on whichever worker it runs.
pub fn pool(count: u64) {
    let make = || {
        count_made();
        vec![0_u8; OBJECT_BYTES]
    };
    let pool = Arc::new(Pool::new(make));
    let takers: Vec<_> = (0..PAIRS)
        .flat_map(|_| {
            let (sender, receiver) = chan::bounded(ROOM);
            let (taking, putting) = (Arc::clone(&pool), Arc::clone(&pool));
            let taker = spawn(move || {
                for _ in 0..count / PAIRS {
                    let object = Pooled::into_inner(taking.get());
                    sender.send(object).expect("is received");
                }
            });
            let putter = spawn(move || receiver.iter().for_each(|object| putting.put(object)));
            [taker, putter]
        })
        .collect();
    takers
        .into_iter()
        .for_each(|task| task.join().expect("returns"));
}

pub fn works(count: u64, yields: bool) {
    all(TASKS, || {
        move || {
            for number in 0..count / TASKS {
                std::hint::black_box(work(number));
                if yields {
                    yield_now();
                }
            }
        }
    });
}

/// Spawns so many tasks, and joins them.
fn all<F: FnOnce() + Send + 'static>(tasks: u64, body: impl Fn() -> F) {
    let tasks: Vec<_> = (0..tasks).map(|_| spawn(body())).collect();
    tasks
        .into_iter()
        .for_each(|task| task.join().expect("returns"));
}
