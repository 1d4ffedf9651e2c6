//! The abandoned sender: every order starts a task that reports to an audit log, and the
//! audit log has stopped receiving without letting go of its end of the channel.
//!
//! An observer sees the tasks of one line grow and grow, parked with `chan_send`, all with
//! the same owner: the audit log's task.

use std::time::Duration;

use runtime::task::Builder;
use runtime::{chan, sleep, spawn};

/// Reports that the audit log takes before it stops.
const REPORTS_RECEIVED: usize = 100;

/// Reports that its channel holds.
const BACKLOG: usize = 64;

/// Lost tasks at which the audit log is replaced, which frees them: the demo's memory is
/// bounded, at some 5 KiB a task.
const MOST_LOST: usize = 50_000;

struct Report {
    order: u64,
}

/// Starts the audit log and the orders that report to it.
pub fn start(leaks_per_second: u32) {
    let pause = Duration::from_secs(1) / leaks_per_second;
    Builder::new().name("orders").service(true).spawn(move || {
        let mut order = 0;
        loop {
            let (audit, reports) = chan::bounded(BACKLOG);
            let (restart, restarted) = chan::bounded::<()>(1);
            Builder::new()
                .name("audit log")
                .spawn(move || audit_log(&reports, &restarted));
            for _ in 0..REPORTS_RECEIVED + BACKLOG + MOST_LOST {
                order += 1;
                handle_order(order, audit.clone());
                sleep(pause);
            }
            drop(restart);
        }
    });
}

/// Answers the customer without waiting for the report: the mistake's first half.
fn handle_order(order: u64, audit: chan::Sender<Report>) {
    spawn(move || {
        // The order is done whether or not it can be reported.
        let _ = audit.send(Report { order });
    });
}

/// Receives some reports, then waits for a disk that never answers, and keeps its receiver:
/// the other half.
fn audit_log(reports: &chan::Receiver<Report>, disk: &chan::Receiver<()>) -> u64 {
    let last = reports
        .iter()
        .take(REPORTS_RECEIVED)
        .map(|report| report.order)
        .max();
    // An error is the answer here: the audit log is replaced.
    let _ = disk.recv();
    last.unwrap_or(0)
}
