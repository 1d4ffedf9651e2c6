//! The workloads on tokio's multi-threaded runtime.

use std::time::{Duration, Instant};

use tokio::runtime::Builder;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, yield_now};
use tokio::{spawn, time};

use crate::contestant::{Bench, Load, RECURSION_BYTES};
use crate::primitives::tokio as primitives;
use crate::recursion::recurse;

/// What it has not.
pub fn lacks(bench: Bench) -> Option<&'static str> {
    match bench {
        Bench::FourToFour => Some("no channel with several receivers"),
        Bench::Rendezvous => Some("no rendezvous"),
        Bench::WaitGroup => Some("no wait group"),
        Bench::Pool => Some("no pool"),
        _ => None,
    }
}

pub fn run(load: &Load) -> Duration {
    let runtime = Builder::new_multi_thread()
        .worker_threads(load.workers)
        .enable_time()
        .build()
        .expect("tokio starts");
    let load = *load;
    // In a task, as the others: `block_on` itself would run on a thread of its own.
    let timed = async move {
        let start = Instant::now();
        carry(load.bench, load.count).await;
        start.elapsed()
    };
    runtime.block_on(async { spawn(timed).await.expect("the workload returns") })
}

async fn carry(bench: Bench, count: u64) {
    match bench {
        Bench::SpawnJoin => spawn_join(count).await,
        Bench::SpawnThenJoin => spawn_then_join(count).await,
        Bench::ChanRoundTrip => round_trips(count).await,
        Bench::Yield2 => yields(count, 2).await,
        Bench::Yield1000 => yields(count, 1_000).await,
        Bench::Sleepers1m => sleepers(count).await,
        Bench::Recursion => recursion(count).await,
        Bench::FanIn => primitives::fan_in(count, 16).await,
        Bench::Select2 => primitives::select_2(count).await,
        Bench::Mutex1000 => primitives::mutex(count).await,
        Bench::Rwlock95 => primitives::rwlock(count).await,
        Bench::Semaphore => primitives::semaphore(count).await,
        Bench::Timers1m => primitives::timers(count).await,
        Bench::Work => primitives::works(count, false).await,
        Bench::WorkYield => primitives::works(count, true).await,
        Bench::FourToFour | Bench::Rendezvous | Bench::WaitGroup | Bench::Pool => {
            unreachable!("refused")
        }
    }
}

async fn spawn_join(count: u64) {
    let tasks = (0..count)
        .map(|number| spawn(async move { number }))
        .collect();
    assert_eq!(sum_of(tasks).await, count * (count - 1) / 2);
}

async fn spawn_then_join(count: u64) {
    let mut sum = 0;
    for number in 0..count {
        sum += spawn(async move { number }).await.expect("returns");
    }
    assert_eq!(sum, count * (count - 1) / 2);
}

async fn round_trips(count: u64) {
    let (there, mut arrived) = mpsc::channel::<u64>(1);
    let (back, mut answers) = mpsc::channel::<u64>(1);
    let echo = spawn(async move {
        while let Some(number) = arrived.recv().await {
            back.send(number).await.expect("the asking task lives");
        }
    });
    for number in 0..count {
        there.send(number).await.expect("the echo lives");
        assert_eq!(answers.recv().await, Some(number));
    }
    drop(there);
    echo.await.expect("the echo returns");
}

async fn yields(count: u64, tasks: u64) {
    let each = count / tasks;
    let yielding = move || async move {
        for _ in 0..each {
            yield_now().await;
        }
        0
    };
    sum_of((0..tasks).map(|_| spawn(yielding())).collect()).await;
}

async fn sleepers(count: u64) {
    let sleep = || async {
        time::sleep(Duration::from_secs(1)).await;
        0
    };
    sum_of((0..count).map(|_| spawn(sleep())).collect()).await;
}

/// Recurses on the worker's own stack, as a synchronous call in a future does.
async fn recursion(count: u64) {
    let tasks = (0..count)
        .map(|_| spawn(async { recurse(RECURSION_BYTES) }))
        .collect();
    assert_eq!(sum_of(tasks).await, count * recurse(RECURSION_BYTES));
}

async fn sum_of(tasks: Vec<JoinHandle<u64>>) -> u64 {
    let mut sum = 0;
    for task in tasks {
        sum += task.await.expect("returns");
    }
    sum
}
