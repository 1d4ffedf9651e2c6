//! The loop without exit: a task looks again and again whether its job is done, at a flag of its
//! own that nobody else sees.
//!
//! Repaired, the job sets the flag that is looked at.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use runtime::task::Builder;
use runtime::{sleep, spawn};

use crate::load;

/// Time between two looks.
const LOOK: Duration = Duration::from_millis(100);

pub fn start(repaired: bool) {
    load::requests(move |_| {
        let done = Arc::new(AtomicBool::new(false));
        let looked_at = if repaired {
            Arc::clone(&done)
        } else {
            // A copy of the value, where the flag itself was meant.
            Arc::new(AtomicBool::new(done.load(Ordering::Relaxed)))
        };
        Builder::new().name("poll").spawn(move || {
            while !looked_at.load(Ordering::Relaxed) {
                sleep(LOOK);
            }
        });
        spawn(move || done.store(true, Ordering::Relaxed));
    });
}
