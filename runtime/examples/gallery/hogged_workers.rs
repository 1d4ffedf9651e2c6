//! More to compute than the workers can: every request is a task that computes for longer than it
//! takes the next to come, and never lets go of its worker.
//!
//! Repaired, as many compute as there is room for, and the rest is refused.

use std::hint::black_box;
use std::time::{Duration, Instant};

use runtime::task::{Builder, WorkerPool};

use crate::load;

/// Time between two requests.
const PAUSE: Duration = Duration::from_millis(10);

/// Time that one computes.
const CRUNCH: Duration = Duration::from_millis(40);

/// Time between two requests that are not refused: a tenth of one worker.
const ADMITTED: Duration = Duration::from_millis(400);

pub fn start(repaired: bool) {
    if repaired {
        let pool = WorkerPool::new(1, 1, |()| crunch());
        load::requests_every(ADMITTED, load::MOST, move |_| {
            // A full queue refuses the request.
            let _ = pool.try_submit(());
        });
        return;
    }
    load::requests_every(PAUSE, load::MOST, |_| {
        Builder::new().name("crunch").spawn(crunch);
    });
}

fn crunch() {
    let end = Instant::now() + CRUNCH;
    let mut sum = 0_u64;
    while Instant::now() < end {
        sum = black_box(sum.wrapping_add(1));
    }
}
