//! On this project's runtime.

use std::time::Duration;

use runtime::{sleep, spawn, yield_now};

use super::{BEFORE_IDLE, Before, FOR_EVER, SETTLING};
use crate::crowd::{are_waiting, arrive};
use crate::measure::{Figure, Watch};

/// The tasks are left to the end of the runtime.
pub fn alive(count: u64) -> Figure {
    let before = Before::now();
    for _ in 0..count {
        spawn(|| {
            arrive();
            sleep(FOR_EVER);
        });
    }
    until_waiting(count);
    before.growth()
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

/// Lets others run until so many wait.
pub fn until_waiting(count: u64) {
    while !are_waiting(count) {
        yield_now();
    }
}
