//! The yield in a hot loop: a task waits for work by asking again and again, and lets others run in
//! between; its worker never sleeps.
//!
//! Repaired, it waits at the channel.

use runtime::task::Builder;
use runtime::{chan, yield_now};

use crate::load;

pub fn start(repaired: bool) {
    let (work, jobs) = chan::bounded(4);
    Builder::new().name("spin").spawn(move || {
        if repaired {
            jobs.iter().for_each(drop);
        } else {
            loop {
                let _ = jobs.try_recv();
                yield_now();
            }
        }
    });
    load::requests(move |job| {
        // The worker lives as long as the process.
        let _ = work.send(job);
    });
}
