//! The workloads on this project's runtime.

use std::time::{Duration, Instant};

use runtime::{Builder, chan, sleep, spawn, yield_now};

use crate::contestant::{Bench, Load, RECURSION_BYTES};
use crate::primitives::{ROOM, ours as primitives};
use crate::recursion::recurse;

pub fn run(load: &Load) -> Duration {
    let count = load.count;
    let workload = match load.bench {
        Bench::SpawnJoin => spawn_join,
        Bench::SpawnThenJoin => spawn_then_join,
        Bench::ChanRoundTrip => round_trips,
        Bench::Yield2 => |count| yields(count, 2),
        Bench::Yield1000 => |count| yields(count, 1_000),
        Bench::Sleepers1m => sleepers,
        Bench::Recursion => recursion,
        Bench::FanIn => |count| primitives::channel(count, 16, 1, chan::bounded(ROOM)),
        Bench::FourToFour => |count| primitives::channel(count, 4, 4, chan::bounded(ROOM)),
        Bench::Rendezvous => |count| primitives::channel(count, 1, 1, chan::rendezvous()),
        Bench::Select2 => primitives::select_2,
        Bench::Mutex1000 => primitives::mutex,
        Bench::Rwlock95 => primitives::rwlock,
        Bench::Semaphore => primitives::semaphore,
        Bench::WaitGroup => primitives::wait_group,
        Bench::Timers1m => primitives::timers,
        Bench::Pool => primitives::pool,
        Bench::Work => |count| primitives::works(count, false),
        Bench::WorkYield => |count| primitives::works(count, true),
    };
    Builder::new().workers(load.workers).run(move || {
        let start = Instant::now();
        workload(count);
        start.elapsed()
    })
}

fn spawn_join(count: u64) {
    let tasks: Vec<_> = (0..count).map(|number| spawn(move || number)).collect();
    let sum: u64 = tasks
        .into_iter()
        .map(|task| task.join().expect("returns"))
        .sum();
    assert_eq!(sum, count * (count - 1) / 2);
}

fn spawn_then_join(count: u64) {
    let sum: u64 = (0..count)
        .map(|number| spawn(move || number).join().expect("returns"))
        .sum();
    assert_eq!(sum, count * (count - 1) / 2);
}

fn round_trips(count: u64) {
    let (there, arrived) = chan::bounded::<u64>(1);
    let (back, answers) = chan::bounded::<u64>(1);
    let echo = spawn(move || {
        for number in &arrived {
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
    let all: Vec<_> = (0..tasks)
        .map(|_| spawn(move || (0..each).for_each(|_| yield_now())))
        .collect();
    all.into_iter()
        .for_each(|task| task.join().expect("returns"));
}

fn sleepers(count: u64) {
    let all: Vec<_> = (0..count)
        .map(|_| spawn(|| sleep(Duration::from_secs(1))))
        .collect();
    all.into_iter()
        .for_each(|task| task.join().expect("returns"));
}

fn recursion(count: u64) {
    let all: Vec<_> = (0..count)
        .map(|_| spawn(|| recurse(RECURSION_BYTES)))
        .collect();
    let sums: u64 = all
        .into_iter()
        .map(|task| task.join().expect("returns"))
        .sum();
    assert_eq!(sums, count * recurse(RECURSION_BYTES));
}
