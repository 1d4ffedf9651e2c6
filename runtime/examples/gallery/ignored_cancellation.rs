//! The cancellation that a child ignores: a request is cancelled, and the tasks that fetch its parts
//! wait on.
//!
//! Repaired, they wait for their token too.

use std::time::Duration;

use runtime::cancel::{self, Until};
use runtime::task::Builder;
use runtime::{chan, sleep, spawn};

use crate::load;

/// How long a request lasts before it is cancelled.
const REQUEST: Duration = Duration::from_millis(200);

pub fn start(repaired: bool) {
    let mut parts = Vec::new();
    load::requests(move |_| {
        let (part, arrived) = chan::bounded::<u64>(1);
        // The store will send the part once it has it, which takes longer than anyone waits.
        parts.push(part);
        let fetch = Builder::new().name("fetch").spawn(move || {
            if repaired {
                Until::from(&cancel::current()).wait();
            } else {
                // A closed channel is an answer too.
                let _ = arrived.recv();
            }
        });
        spawn(move || {
            sleep(REQUEST);
            fetch.cancel();
        });
    });
}
