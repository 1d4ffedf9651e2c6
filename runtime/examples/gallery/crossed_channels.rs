//! Two tasks that wait for each other: they have agreed before, and now each waits for the other to
//! speak first.
//!
//! Repaired, one of them always speaks first.

use std::time::Duration;

use runtime::chan::{self, Receiver, Sender};
use runtime::sleep;
use runtime::task::Builder;

/// Rounds in which they agree.
const ROUNDS: u64 = 8;

const PAUSE: Duration = Duration::from_millis(100);

pub fn start(repaired: bool) {
    let (to_right, from_left) = chan::bounded(1);
    let (to_left, from_right) = chan::bounded(1);
    negotiate(true, repaired, to_right, from_right);
    negotiate(false, repaired, to_left, from_left);
}

fn negotiate(opens: bool, repaired: bool, offers: Sender<u64>, answers: Receiver<u64>) {
    Builder::new().name("negotiator").spawn(move || {
        for round in 0_u64.. {
            let speaks_first = opens && (repaired || round < ROUNDS);
            // The other lives as long as the process.
            if speaks_first {
                let _ = offers.send(round);
                let _ = answers.recv();
            } else {
                let _ = answers.recv();
                let _ = offers.send(round);
            }
            sleep(PAUSE);
        }
    });
}
