//! The lock whose holder has ended: the first update hands its guard to something that never drops
//! it, and returns. The others wait for ever, for a task that is no more.
//!
//! Repaired, the guard is dropped.

use std::sync::Arc;

use runtime::sync::Mutex;
use runtime::task::Builder;

use crate::load;

/// Updates that come; those after the first few would wait as they do.
const UPDATES: u64 = 20;

pub fn start(repaired: bool) {
    let table = Arc::new(Mutex::new(0_u64));
    load::requests_every(load::PAUSE, UPDATES, move |number| {
        let table = Arc::clone(&table);
        Builder::new().name("update").spawn(move || {
            let mut guard = table.lock().expect("no holder panics");
            *guard += number;
            if number == 0 && !repaired {
                std::mem::forget(guard);
            }
        });
    });
}
