//! On tokio's multi-threaded runtime.

use std::time::Duration;

use tokio::spawn;
use tokio::task::yield_now;
use tokio::time::sleep;

use super::{BEFORE_IDLE, Before, FOR_EVER, SETTLING};
use crate::crowd::{are_waiting, arrive};
use crate::measure::{Figure, Watch};

/// The tasks are left to the end of the runtime.
pub async fn alive(count: u64) -> Figure {
    let before = Before::now();
    for _ in 0..count {
        spawn(async {
            arrive();
            sleep(FOR_EVER).await;
        });
    }
    until_waiting(count).await;
    before.growth()
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

/// Lets others run until so many wait.
pub async fn until_waiting(count: u64) {
    while !are_waiting(count) {
        yield_now().await;
    }
}
