//! The workloads on tokio's multi-threaded runtime.

use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::{JoinHandle, yield_now};
use tokio::{spawn, time};

use crate::contestant::{Bench, Load, RECURSION_BYTES, SKYNET_BELOW, SLEEP, nap, sum_below};
use crate::crowd::{arrive, leave};
use crate::footprint::tokio as footprint;
use crate::measure::{Figure, Watch};
use crate::primitives::tokio as primitives;
use crate::recursion::{FRAME_BYTES, recurse};

/// A future on the heap, as recursion needs it.
type Boxed = Pin<Box<dyn Future<Output = u64> + Send>>;

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

pub fn run(load: &Load) -> Figure {
    let load = *load;
    start(load.workers, async move {
        match load.bench {
            Bench::Alive1m => footprint::alive(load.count).await,
            Bench::Idle => footprint::idle(load.count).await,
            Bench::Pairs => pairs(load.count, load.tasks / 2).await,
            Bench::Sleepers => {
                let watch = Watch::start();
                sleepers(load.tasks, nap(load.tasks)).await;
                watch.used()
            }
            _ => {
                let watch = Watch::start();
                carry(&load).await;
                watch.elapsed()
            }
        }
    })
}

/// Runs a task on so many workers. A task, as with the others: `block_on` itself would run on a
/// thread of its own.
pub fn start<T: Send + 'static>(
    workers: usize,
    task: impl Future<Output = T> + Send + 'static,
) -> T {
    let runtime = Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_all()
        .build()
        .expect("tokio starts");
    runtime.block_on(async { spawn(task).await.expect("the workload returns") })
}

async fn carry(load: &Load) {
    let count = load.count;
    match load.bench {
        Bench::SpawnJoin => spawn_join(count).await,
        Bench::SpawnJoinAll => spawn_join_all(count, load.workers).await,
        Bench::SpawnThenJoin => spawn_then_join(count).await,
        Bench::ChanRoundTrip => round_trips(count, None).await,
        Bench::Yield2 => yields(count, 2).await,
        Bench::Yield1000 => yields(count, 1_000).await,
        Bench::Skynet1m => assert_eq!(skynet(0, count).await, sum_below(count)),
        Bench::Sleepers1m => sleepers(count, SLEEP).await,
        Bench::Recursion => recursion(count).await,
        Bench::RecursionYield => recursion_yield(count).await,
        Bench::FanIn => primitives::fan_in(count, 16).await,
        Bench::Select2 => primitives::select_2(count).await,
        Bench::Mutex1000 => primitives::mutex(count).await,
        Bench::Rwlock95 => primitives::rwlock(count).await,
        Bench::Semaphore => primitives::semaphore(count).await,
        Bench::Timers1m => primitives::timers(count).await,
        Bench::Work => primitives::works(count, false).await,
        Bench::WorkYield => primitives::works(count, true).await,
        Bench::Waves => {
            for _ in 0..count / load.tasks {
                spawn_join(load.tasks).await;
            }
        }
        Bench::FourToFour | Bench::Rendezvous | Bench::WaitGroup | Bench::Pool => {
            unreachable!("refused")
        }
        Bench::Alive1m | Bench::Idle | Bench::Pairs | Bench::Sleepers => {
            unreachable!("measured otherwise")
        }
    }
}

async fn spawn_join(count: u64) {
    let tasks = (0..count)
        .map(|number| spawn(async move { number }))
        .collect();
    assert_eq!(sum_of(tasks).await, sum_below(count));
}

async fn spawn_join_all(count: u64, spawners: usize) {
    let each = count / spawners as u64;
    join_all((0..spawners).map(|_| spawn(spawn_join(each)))).await;
}

async fn spawn_then_join(count: u64) {
    let mut sum = 0;
    for number in 0..count {
        sum += spawn(async move { number }).await.expect("returns");
    }
    assert_eq!(sum, sum_below(count));
}

async fn round_trips(count: u64, gate: Option<Arc<Semaphore>>) {
    let (there, mut arrived) = mpsc::channel::<u64>(1);
    let (back, mut answers) = mpsc::channel::<u64>(1);
    let echo = spawn(async move {
        while let Some(number) = arrived.recv().await {
            back.send(number).await.expect("the asking task lives");
        }
    });
    if let Some(gate) = gate {
        arrive();
        let _closed = gate.acquire().await;
        leave();
    }
    for number in 0..count {
        there.send(number).await.expect("the echo lives");
        assert_eq!(answers.recv().await, Some(number));
    }
    drop(there);
    echo.await.expect("the echo returns");
}

/// All pairs wait for each other; time runs from then on.
async fn pairs(count: u64, pairs: u64) -> Figure {
    let each = count / pairs;
    let gate = Arc::new(Semaphore::new(0));
    let asking = |_| spawn(round_trips(each, Some(Arc::clone(&gate))));
    let tasks: Vec<_> = (0..pairs).map(asking).collect();
    footprint::until_waiting(pairs).await;
    let watch = Watch::start();
    gate.close();
    join_all(tasks.into_iter()).await;
    watch.elapsed()
}

async fn yields(count: u64, tasks: u64) {
    let each = count / tasks;
    let yielding = move || async move {
        for _ in 0..each {
            yield_now().await;
        }
    };
    join_all((0..tasks).map(|_| spawn(yielding()))).await;
}

/// The sum of the leaves, numbered from `first` on.
fn skynet(first: u64, leaves: u64) -> Boxed {
    Box::pin(async move {
        if leaves == 1 {
            return first;
        }
        let each = leaves.div_ceil(SKYNET_BELOW);
        let below = (0..leaves)
            .step_by(each as usize)
            .map(|at| spawn(skynet(first + at, each.min(leaves - at))))
            .collect();
        sum_of(below).await
    })
}

async fn sleepers(count: u64, time: Duration) {
    join_all((0..count).map(|_| spawn(time::sleep(time)))).await;
}

/// Recurses on the worker's own stack, as a synchronous call in a future does.
async fn recursion(count: u64) {
    let tasks = (0..count)
        .map(|_| spawn(async { recurse(RECURSION_BYTES, || ()) }))
        .collect();
    assert_eq!(sum_of(tasks).await, expected(count));
}

/// With a yield below it, a recursion is one of futures, each in a box.
async fn recursion_yield(count: u64) {
    let tasks = (0..count)
        .map(|_| spawn(recurse_boxed(RECURSION_BYTES)))
        .collect();
    assert_eq!(sum_of(tasks).await, expected(count));
}

/// As [`recurse`], with what lives across the call in the future instead of on the stack.
fn recurse_boxed(bytes: usize) -> Boxed {
    Box::pin(async move {
        let locals = black_box([bytes as u8; FRAME_BYTES]);
        let below = if bytes > FRAME_BYTES {
            recurse_boxed(bytes - FRAME_BYTES).await
        } else {
            yield_now().await;
            0
        };
        below + u64::from(black_box(&locals)[0])
    })
}

/// What so many recursions add up to.
fn expected(count: u64) -> u64 {
    count * recurse(RECURSION_BYTES, || ())
}

async fn sum_of(tasks: Vec<JoinHandle<u64>>) -> u64 {
    let mut sum = 0;
    for task in tasks {
        sum += task.await.expect("returns");
    }
    sum
}

/// Joins all tasks, when all are spawned.
async fn join_all(tasks: impl Iterator<Item = JoinHandle<()>>) {
    let tasks: Vec<_> = tasks.collect();
    for task in tasks {
        task.await.expect("returns");
    }
}
