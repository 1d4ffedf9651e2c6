//! The workloads on may. Its stacks have a fixed size, so the deep workload sets a larger one.

use std::sync::Arc;
use std::time::Duration;

use may::coroutine::{JoinHandle, sleep, yield_now};
use may::go;
use may::sync::{Semphore, mpsc};

use crate::contestant::{Bench, Load, RECURSION_BYTES, SKYNET_BELOW, SLEEP, nap, sum_below};
use crate::crowd::{arrive, leave};
use crate::footprint::may as footprint;
use crate::measure::{Figure, Watch};
use crate::primitives::may as primitives;
use crate::recursion::recurse;

/// Room above the recursion itself for the runtime's and the task's own frames.
const SPARE_BYTES: usize = 32 * 1024;

/// Tasks that a runtime with two mappings a stack can have at once under the kernel's
/// default `vm.max_map_count` of 65,530.
const MOST_MAPPED_STACKS: u64 = 30_000;

/// Tasks one after the other, each of which maps a stack and takes as long as a hundred elsewhere:
/// so many tell what one takes.
const MOST_IN_TURN: u64 = 30_000;

/// What it has not, or cannot do.
pub fn lacks(load: &Load) -> Option<&'static str> {
    const MAPPINGS: &str = "two mappings a task: more than vm.max_map_count allows";
    match load.bench {
        Bench::Sleepers1m | Bench::SpawnJoin | Bench::SpawnJoinAll | Bench::Skynet1m
            if load.count > MOST_MAPPED_STACKS =>
        {
            Some(MAPPINGS)
        }
        Bench::Waves | Bench::Pairs | Bench::Sleepers if load.tasks > MOST_MAPPED_STACKS => {
            Some(MAPPINGS)
        }
        Bench::FanIn | Bench::FourToFour | Bench::Select2 => Some("no bounded channels"),
        Bench::Rendezvous => Some("no rendezvous"),
        Bench::WaitGroup => Some("no wait group"),
        Bench::Timers1m => Some("no timer without a wait that lasts"),
        Bench::Pool => Some("no pool"),
        _ => None,
    }
}

/// A load in which a smaller number tells the same is made smaller; the report says so.
pub fn fits(load: Load) -> Load {
    let most = match load.bench {
        Bench::Alive1m => MOST_MAPPED_STACKS,
        Bench::SpawnThenJoin => MOST_IN_TURN,
        _ => return load,
    };
    Load {
        count: load.count.min(most),
        ..load
    }
}

pub fn run(load: &Load) -> Figure {
    if matches!(load.bench, Bench::Recursion | Bench::RecursionYield) {
        // Frames are a little larger than what the recursion counts: twice is enough.
        let words = (2 * RECURSION_BYTES + SPARE_BYTES) / size_of::<usize>();
        may::config().set_stack_size(words);
    }
    let load = *load;
    start(load.workers, move || match load.bench {
        Bench::Alive1m => footprint::alive(load.count),
        Bench::Idle => footprint::idle(load.count),
        Bench::Pairs => pairs(load.count, load.tasks / 2),
        Bench::Sleepers => {
            let watch = Watch::start();
            sleepers(load.tasks, nap(load.tasks));
            watch.used()
        }
        _ => {
            let watch = Watch::start();
            carry(&load);
            watch.elapsed()
        }
    })
}

/// Runs a task on so many workers.
pub fn start<T: Send + 'static>(workers: usize, task: impl FnOnce() -> T + Send + 'static) -> T {
    may::config().set_workers(workers);
    go!(task).join().expect("the workload returns")
}

fn carry(load: &Load) {
    let count = load.count;
    match load.bench {
        Bench::SpawnJoin => spawn_join(count),
        Bench::SpawnJoinAll => spawn_join_all(count, load.workers),
        Bench::SpawnThenJoin => spawn_then_join(count),
        Bench::ChanRoundTrip => round_trips(count, None),
        Bench::Yield2 => yields(count, 2),
        Bench::Yield1000 => yields(count, 1_000),
        Bench::Skynet1m => assert_eq!(skynet(0, count), sum_below(count)),
        Bench::Sleepers1m => sleepers(count, SLEEP),
        Bench::Recursion => recursion(count, || ()),
        Bench::RecursionYield => recursion(count, yield_now),
        Bench::Mutex1000 => primitives::mutex(count),
        Bench::Rwlock95 => primitives::rwlock(count),
        Bench::Semaphore => primitives::semaphore(count),
        Bench::Work => primitives::works(count, false),
        Bench::WorkYield => primitives::works(count, true),
        Bench::Waves => (0..count / load.tasks).for_each(|_| spawn_join(load.tasks)),
        _ => unreachable!("refused, or measured otherwise"),
    }
}

fn spawn_join(count: u64) {
    let tasks = (0..count).map(|number| go!(move || number)).collect();
    assert_eq!(sum_of(tasks), sum_below(count));
}

fn spawn_join_all(count: u64, spawners: usize) {
    let each = count / spawners as u64;
    join_all((0..spawners).map(|_| go!(move || spawn_join(each))));
}

fn spawn_then_join(count: u64) {
    let sum: u64 = (0..count)
        .map(|number| go!(move || number).join().expect("returns"))
        .sum();
    assert_eq!(sum, sum_below(count));
}

/// may's channels are unbounded.
fn round_trips(count: u64, gate: Option<Arc<Semphore>>) {
    let (there, arrived) = mpsc::channel::<u64>();
    let (back, answers) = mpsc::channel::<u64>();
    let echo = go!(move || {
        for number in arrived.iter() {
            back.send(number).expect("the asking task lives");
        }
    });
    if let Some(gate) = gate {
        arrive();
        gate.wait();
        leave();
    }
    for number in 0..count {
        there.send(number).expect("the echo lives");
        assert_eq!(answers.recv(), Ok(number));
    }
    drop(there);
    echo.join().expect("the echo returns");
}

/// All pairs wait for each other; time runs from then on.
fn pairs(count: u64, pairs: u64) -> Figure {
    let each = count / pairs;
    let gate = Arc::new(Semphore::new(0));
    let asking = |_| {
        let gate = Arc::clone(&gate);
        go!(move || round_trips(each, Some(gate)))
    };
    let tasks: Vec<_> = (0..pairs).map(asking).collect();
    footprint::until_waiting(pairs);
    let watch = Watch::start();
    (0..pairs).for_each(|_| gate.post());
    join_all(tasks.into_iter());
    watch.elapsed()
}

fn yields(count: u64, tasks: u64) {
    let each = count / tasks;
    join_all((0..tasks).map(|_| go!(move || (0..each).for_each(|_| yield_now()))));
}

/// The sum of the leaves, numbered from `first` on.
fn skynet(first: u64, leaves: u64) -> u64 {
    if leaves == 1 {
        return first;
    }
    let each = leaves.div_ceil(SKYNET_BELOW);
    let below = (0..leaves).step_by(each as usize).map(|at| {
        let leaves = each.min(leaves - at);
        go!(move || skynet(first + at, leaves))
    });
    sum_of(below.collect())
}

fn sleepers(count: u64, time: Duration) {
    join_all((0..count).map(|_| go!(move || sleep(time))));
}

fn recursion(count: u64, at_bottom: fn()) {
    let tasks = (0..count)
        .map(|_| go!(move || recurse(RECURSION_BYTES, at_bottom)))
        .collect();
    assert_eq!(sum_of(tasks), count * recurse(RECURSION_BYTES, || ()));
}

fn sum_of(tasks: Vec<JoinHandle<u64>>) -> u64 {
    tasks
        .into_iter()
        .map(|task| task.join().expect("returns"))
        .sum()
}

/// Joins all tasks, when all are spawned.
fn join_all(tasks: impl Iterator<Item = JoinHandle<()>>) {
    let tasks: Vec<_> = tasks.collect();
    tasks
        .into_iter()
        .for_each(|task| task.join().expect("returns"));
}
