//! On this project's runtime.

use std::sync::Arc;
use std::time::Duration;

use runtime::sync::Semaphore;
use runtime::{sleep, spawn, yield_now};

use super::{BEFORE_IDLE, Before, SETTLING};
use crate::crowd::{are_waiting, arrive, leave};
use crate::measure::{Figure, Watch};

pub fn alive(count: u64) -> Figure {
    let before = Before::now();
    let gate = Arc::new(Semaphore::new(0));
    for _ in 0..count {
        let gate = Arc::clone(&gate);
        spawn(move || {
            arrive();
            assert!(gate.acquire().is_err(), "there are no permits");
            leave();
        });
    }
    until_waiting(count);
    let growth = before.growth();
    gate.close();
    until_waiting(0);
    growth
}

pub fn idle(seconds: u64) -> Figure {
    let tasks: Vec<_> = (0..BEFORE_IDLE).map(|_| spawn(yield_now)).collect();
    tasks
        .into_iter()
        .for_each(|task| task.join().expect("returns"));
    sleep(SETTLING);
    let watch = Watch::start();
    sleep(Duration::from_secs(seconds));
    watch.share()
}

pub fn until_waiting(count: u64) {
    while !are_waiting(count) {
        yield_now();
    }
}
