//! The workloads on this project's runtime.

use std::sync::Arc;
use std::time::Duration;

use runtime::sync::Semaphore;
use runtime::{Builder, JoinHandle, chan, sleep, spawn, yield_now};

use crate::contestant::{Bench, Load, RECURSION_BYTES, SKYNET_BELOW, SLEEP, nap, sum_below};
use crate::crowd::{arrive, leave};
use crate::footprint::ours as footprint;
use crate::measure::{Figure, Watch};
use crate::primitives::{ROOM, ours as primitives};
use crate::recursion::recurse;

pub fn run(load: &Load) -> Figure {
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
    Builder::new().workers(workers).run(task)
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
        Bench::FanIn => primitives::channel(count, 16, 1, chan::bounded(ROOM)),
        Bench::FourToFour => primitives::channel(count, 4, 4, chan::bounded(ROOM)),
        Bench::Rendezvous => primitives::channel(count, 1, 1, chan::rendezvous()),
        Bench::Select2 => primitives::select_2(count),
        Bench::Mutex1000 => primitives::mutex(count),
        Bench::Rwlock95 => primitives::rwlock(count),
        Bench::Semaphore => primitives::semaphore(count),
        Bench::WaitGroup => primitives::wait_group(count),
        Bench::Timers1m => primitives::timers(count),
        Bench::Pool => primitives::pool(count),
        Bench::Work => primitives::works(count, false),
        Bench::WorkYield => primitives::works(count, true),
        Bench::Waves => (0..count / load.tasks).for_each(|_| spawn_join(load.tasks)),
        Bench::Alive1m | Bench::Idle | Bench::Pairs | Bench::Sleepers => {
            unreachable!("measured otherwise")
        }
    }
}

fn spawn_join(count: u64) {
    let tasks = (0..count).map(|number| spawn(move || number)).collect();
    assert_eq!(sum_of(tasks), sum_below(count));
}

fn spawn_join_all(count: u64, spawners: usize) {
    let each = count / spawners as u64;
    join_all((0..spawners).map(|_| spawn(move || spawn_join(each))));
}

fn spawn_then_join(count: u64) {
    let sum: u64 = (0..count)
        .map(|number| spawn(move || number).join().expect("returns"))
        .sum();
    assert_eq!(sum, sum_below(count));
}

fn round_trips(count: u64, gate: Option<Arc<Semaphore>>) {
    let (there, arrived) = chan::bounded::<u64>(1);
    let (back, answers) = chan::bounded::<u64>(1);
    let echo = spawn(move || {
        for number in &arrived {
            back.send(number).expect("the asking task lives");
        }
    });
    if let Some(gate) = gate {
        arrive();
        let _closed = gate.acquire();
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
    let gate = Arc::new(Semaphore::new(0));
    let asking = |_| {
        let gate = Arc::clone(&gate);
        spawn(move || round_trips(each, Some(gate)))
    };
    let tasks: Vec<_> = (0..pairs).map(asking).collect();
    footprint::until_waiting(pairs);
    let watch = Watch::start();
    gate.close();
    join_all(tasks.into_iter());
    watch.elapsed()
}

fn yields(count: u64, tasks: u64) {
    let each = count / tasks;
    join_all((0..tasks).map(|_| spawn(move || (0..each).for_each(|_| yield_now()))));
}

/// The sum of the leaves, numbered from `first` on.
fn skynet(first: u64, leaves: u64) -> u64 {
    if leaves == 1 {
        return first;
    }
    let each = leaves.div_ceil(SKYNET_BELOW);
    let below = (0..leaves).step_by(each as usize).map(|at| {
        let leaves = each.min(leaves - at);
        spawn(move || skynet(first + at, leaves))
    });
    sum_of(below.collect())
}

fn sleepers(count: u64, time: Duration) {
    join_all((0..count).map(|_| spawn(move || sleep(time))));
}

fn recursion(count: u64, at_bottom: fn()) {
    let tasks = (0..count)
        .map(|_| spawn(move || recurse(RECURSION_BYTES, at_bottom)))
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
