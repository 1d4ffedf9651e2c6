//! The abandoned sender: every request starts a task that reports to an audit log, and the log has
//! stopped receiving without letting go of its end of the channel.
//!
//! Repaired, the log goes on receiving.

use runtime::chan::{self, Receiver};
use runtime::task::Builder;

use crate::load;

/// Reports that the channel holds.
const BACKLOG: usize = 16;

pub fn start(repaired: bool) {
    let (audit, reports) = chan::bounded(BACKLOG);
    Builder::new()
        .name("audit log")
        .service(true)
        .spawn(move || {
            if repaired {
                reports.iter().for_each(drop);
            } else {
                wait_for_the_disk(&reports);
            }
        });
    load::requests(move |number| {
        let audit = audit.clone();
        Builder::new().name("report").spawn(move || {
            // The request is answered whether or not it can be reported.
            let _ = audit.send(number);
        });
    });
}

/// Receives nothing any more, and keeps the receiver.
fn wait_for_the_disk(_reports: &Receiver<u64>) {
    let (_disk, answer) = chan::bounded::<()>(1);
    let _ = answer.recv();
}
