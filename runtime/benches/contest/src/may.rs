//! The workloads on may. Its stacks have a fixed size, so the deep workload sets a larger one.

use std::time::{Duration, Instant};

use may::coroutine::{JoinHandle, sleep, yield_now};
use may::go;
use may::sync::mpsc;

use crate::contestant::{Bench, Load, RECURSION_BYTES};
use crate::primitives::may as primitives;
use crate::recursion::recurse;

/// Room above the recursion itself for the runtime's and the task's own frames.
const SPARE_BYTES: usize = 32 * 1024;

/// Tasks that a runtime with two mappings a stack can have at once under the kernel's
/// default `vm.max_map_count` of 65,530.
const MOST_MAPPED_STACKS: u64 = 30_000;

/// What it has not, or cannot do.
pub fn lacks(load: &Load) -> Option<&'static str> {
    match load.bench {
        Bench::Sleepers1m | Bench::SpawnJoin if load.count > MOST_MAPPED_STACKS => {
            Some("two mappings a task: more than vm.max_map_count allows")
        }
        Bench::FanIn | Bench::FourToFour | Bench::Select2 => Some("no bounded channels"),
        Bench::Rendezvous => Some("no rendezvous"),
        Bench::WaitGroup => Some("no wait group"),
        Bench::Timers1m => Some("no timer without a wait that lasts"),
        Bench::Pool => Some("no pool"),
        _ => None,
    }
}

pub fn run(load: &Load) -> Duration {
    may::config().set_workers(load.workers);
    if load.bench == Bench::Recursion {
        // Frames are a little larger than what the recursion counts: twice is enough.
        let words = (2 * RECURSION_BYTES + SPARE_BYTES) / size_of::<usize>();
        may::config().set_stack_size(words);
    }
    let (bench, count) = (load.bench, load.count);
    let timed = go!(move || {
        let start = Instant::now();
        carry(bench, count);
        start.elapsed()
    });
    timed.join().expect("the workload returns")
}

fn carry(bench: Bench, count: u64) {
    match bench {
        Bench::SpawnJoin => spawn_join(count),
        Bench::SpawnThenJoin => spawn_then_join(count),
        Bench::ChanRoundTrip => round_trips(count),
        Bench::Yield2 => yields(count, 2),
        Bench::Yield1000 => yields(count, 1_000),
        Bench::Sleepers1m => sleepers(count),
        Bench::Recursion => recursion(count),
        Bench::Mutex1000 => primitives::mutex(count),
        Bench::Rwlock95 => primitives::rwlock(count),
        Bench::Semaphore => primitives::semaphore(count),
        Bench::Work => primitives::works(count, false),
        Bench::WorkYield => primitives::works(count, true),
        _ => unreachable!("refused"),
    }
}

fn spawn_join(count: u64) {
    let tasks = (0..count).map(|number| go!(move || number)).collect();
    assert_eq!(sum_of(tasks), count * (count - 1) / 2);
}

fn spawn_then_join(count: u64) {
    let sum: u64 = (0..count)
        .map(|number| go!(move || number).join().expect("returns"))
        .sum();
    assert_eq!(sum, count * (count - 1) / 2);
}

/// may's channels are unbounded.
fn round_trips(count: u64) {
    let (there, arrived) = mpsc::channel::<u64>();
    let (back, answers) = mpsc::channel::<u64>();
    let echo = go!(move || {
        for number in arrived.iter() {
            back.send(number).expect("the asking task lives");
        }
    });
    for number in 0..count {
        there.send(number).expect("the echo lives");
        assert_eq!(answers.recv(), Ok(number));
    }
    drop(there);
    echo.join().expect("the echo returns");
}

fn yields(count: u64, tasks: u64) {
    let each = count / tasks;
    let yielding = move || {
        (0..each).for_each(|_| yield_now());
        0
    };
    sum_of((0..tasks).map(|_| go!(yielding)).collect());
}

fn sleepers(count: u64) {
    let sleeping = || {
        sleep(Duration::from_secs(1));
        0
    };
    sum_of((0..count).map(|_| go!(sleeping)).collect());
}

fn recursion(count: u64) {
    let tasks = (0..count)
        .map(|_| go!(|| recurse(RECURSION_BYTES)))
        .collect();
    assert_eq!(sum_of(tasks), count * recurse(RECURSION_BYTES));
}

fn sum_of(tasks: Vec<JoinHandle<u64>>) -> u64 {
    tasks
        .into_iter()
        .map(|task| task.join().expect("returns"))
        .sum()
}
