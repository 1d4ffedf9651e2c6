//! On may. Its semaphore cannot be closed: every task gets a permit in the end.

use std::sync::Arc;
use std::time::Duration;

use may::coroutine::{sleep, yield_now};
use may::go;
use may::sync::Semphore;

use super::{BEFORE_IDLE, Before, SETTLING};
use crate::crowd::{are_waiting, arrive, leave};
use crate::measure::{Figure, Watch};

pub fn alive(count: u64) -> Figure {
    let before = Before::now();
    let gate = Arc::new(Semphore::new(0));
    for _ in 0..count {
        let gate = Arc::clone(&gate);
        go!(move || {
            arrive();
            gate.wait();
            leave();
        });
    }
    until_waiting(count);
    let growth = before.growth();
    (0..count).for_each(|_| gate.post());
    until_waiting(0);
    growth
}

pub fn idle(seconds: u64) -> Figure {
    let tasks: Vec<_> = (0..BEFORE_IDLE).map(|_| go!(yield_now)).collect();
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
