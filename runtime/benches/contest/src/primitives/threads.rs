//! On threads of the system, with the channels of crossbeam and the locks of parking_lot. All
//! cores are theirs, whatever the number of workers.

use std::sync::Arc;
use std::thread::{spawn, yield_now};

use crossbeam_channel::{Receiver, Sender, bounded, select};
use crossbeam_utils::sync::WaitGroup;
use parking_lot::{Mutex, RwLock};

use super::{LOCKERS, ROOM, TASKS, WRITES_EVERY, work};
use crate::contestant::{Bench, Load};
use crate::measure::{Figure, Watch};

/// What threads have not, or what is about tasks.
pub fn lacks(bench: Bench) -> Option<&'static str> {
    match bench {
        Bench::Semaphore => Some("parking_lot has no semaphore"),
        Bench::Timers1m => Some("no timers"),
        Bench::Pool => Some("no pool"),
        Bench::FanIn
        | Bench::FourToFour
        | Bench::Rendezvous
        | Bench::Select2
        | Bench::Mutex1000
        | Bench::Rwlock95
        | Bench::WaitGroup
        | Bench::Work
        | Bench::WorkYield => None,
        _ => Some("a thread a task: not measured"),
    }
}

pub fn run(load: &Load) -> Figure {
    let count = load.count;
    let watch = Watch::start();
    match load.bench {
        Bench::FanIn => channel(count, 16, 1, bounded(ROOM)),
        Bench::FourToFour => channel(count, 4, 4, bounded(ROOM)),
        Bench::Rendezvous => channel(count, 1, 1, bounded(0)),
        Bench::Select2 => select_2(count),
        Bench::Mutex1000 => mutex(count),
        Bench::Rwlock95 => rwlock(count),
        Bench::WaitGroup => wait_group(count),
        Bench::Work => works(count, false),
        Bench::WorkYield => works(count, true),
        _ => unreachable!("refused"),
    }
    watch.elapsed()
}

fn channel(
    count: u64,
    senders: u64,
    receivers: u64,
    (sender, receiver): (Sender<u64>, Receiver<u64>),
) {
    let each = count / senders;
    for _ in 0..senders {
        let sender = sender.clone();
        spawn(move || (0..each).for_each(|number| sender.send(number).expect("is received")));
    }
    drop(sender);
    let threads: Vec<_> = (0..receivers)
        .map(|_| {
            let receiver = receiver.clone();
            spawn(move || receiver.iter().count() as u64)
        })
        .collect();
    let received: u64 = threads
        .into_iter()
        .map(|thread| thread.join().expect("returns"))
        .sum();
    assert_eq!(received, each * senders);
}

fn select_2(count: u64) {
    let ends = [(); 2].map(|()| {
        let (sender, receiver) = bounded(ROOM);
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

fn mutex(count: u64) {
    let lock = Arc::new(Mutex::new(0));
    let each = count / LOCKERS;
    all(LOCKERS, || {
        let lock = Arc::clone(&lock);
        move || (0..each).for_each(|_| *lock.lock() += 1)
    });
    assert_eq!(*lock.lock(), each * LOCKERS);
}

fn rwlock(count: u64) {
    let lock = Arc::new(RwLock::new(0));
    let each = count / TASKS;
    all(TASKS, || {
        let lock = Arc::clone(&lock);
        move || {
            for number in 0..each {
                if number % WRITES_EVERY == 0 {
                    *lock.write() += 1;
                } else {
                    assert!(*lock.read() <= count);
                }
            }
        }
    });
}

fn wait_group(count: u64) {
    for _ in 0..count / TASKS {
        let group = WaitGroup::new();
        for _ in 0..TASKS {
            let member = group.clone();
            spawn(move || drop(member));
        }
        group.wait();
    }
}

fn works(count: u64, yields: bool) {
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

fn all<F: FnOnce() + Send + 'static>(threads: u64, body: impl Fn() -> F) {
    let threads: Vec<_> = (0..threads).map(|_| spawn(body())).collect();
    threads
        .into_iter()
        .for_each(|thread| thread.join().expect("returns"));
}
