//! The lock whose holder has ended: a task hands its guard to something that never drops it, and
//! returns. Updates wait for ever, for a task that is no more.
//!
//! Repaired, the guard is dropped.

use std::sync::Arc;

use runtime::sync::Mutex;
use runtime::task::{Builder, spawn};

use crate::load;

/// Updates that come; those after the first few would wait as they do.
const UPDATES: u64 = 20;

pub fn start(repaired: bool) {
    let table = Arc::new(Mutex::new(0_u64));
    let loaded = Arc::clone(&table);
    let load = spawn(move || {
        let mut guard = loaded.lock().expect("no holder panics");
        *guard = 1;
        if !repaired {
            std::mem::forget(guard);
        }
    });
    load.join().expect("it does not panic");
    load::requests_every(load::PAUSE, UPDATES, move |number| {
        let table = Arc::clone(&table);
        Builder::new().name("update").spawn(move || {
            *table.lock().expect("no holder panics") += number;
        });
    });
}
