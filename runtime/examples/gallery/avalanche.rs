//! The avalanche behind a slow consumer: events come faster than they are stored, and each becomes a
//! task that waits for its turn.
//!
//! Repaired, the one who takes events in waits, so that whoever sends them slows down.

use std::time::Duration;

use runtime::task::Builder;
use runtime::{chan, sleep};

use crate::load;

/// Events that wait without a task.
const BACKLOG: usize = 4;

/// Time between two events.
const EVENT: Duration = Duration::from_millis(50);

/// Time to store one.
const STORE: Duration = Duration::from_millis(250);

pub fn start(repaired: bool) {
    let (store, events) = chan::bounded(BACKLOG);
    Builder::new().name("store").service(true).spawn(move || {
        for _event in &events {
            sleep(STORE);
        }
    });
    load::requests_every(EVENT, load::MOST, move |event| {
        let send = {
            let store = store.clone();
            Builder::new().name("event").spawn(move || {
                // The store lives as long as the process.
                let _ = store.send(event);
            })
        };
        if repaired {
            send.join().expect("it does not panic");
        }
    });
}
