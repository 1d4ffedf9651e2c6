//! On tokio's multi-threaded runtime.

use std::sync::Arc;
use std::time::Duration;

use tokio::spawn;
use tokio::sync::Semaphore;
use tokio::task::yield_now;
use tokio::time::sleep;

use super::{BEFORE_IDLE, Before, SETTLING};
use crate::crowd::{are_waiting, arrive, leave};
use crate::measure::{Figure, Watch};

pub async fn alive(count: u64) -> Figure {
    let before = Before::now();
    let gate = Arc::new(Semaphore::new(0));
    for _ in 0..count {
        let gate = Arc::clone(&gate);
        spawn(async move {
            arrive();
            assert!(gate.acquire().await.is_err(), "there are no permits");
            leave();
        });
    }
    until_waiting(count).await;
    let growth = before.growth();
    gate.close();
    until_waiting(0).await;
    growth
}

pub async fn idle(seconds: u64) -> Figure {
    let tasks: Vec<_> = (0..BEFORE_IDLE).map(|_| spawn(yield_now())).collect();
    for task in tasks {
        task.await.expect("returns");
    }
    sleep(SETTLING).await;
    let watch = Watch::start();
    sleep(Duration::from_secs(seconds)).await;
    watch.share()
}

pub async fn until_waiting(count: u64) {
    while !are_waiting(count) {
        yield_now().await;
    }
}
