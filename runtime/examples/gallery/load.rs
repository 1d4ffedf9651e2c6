//! The outside world of the programs: requests that come one after another.

use std::time::Duration;

use runtime::task::Builder;
use runtime::time::Interval;
use runtime::{chan, sleep};

/// Time between two requests.
pub const PAUSE: Duration = Duration::from_millis(100);

/// Requests after which no more come, so that what a mistake loses stays bounded: ten minutes', in
/// six of which an observer is sure.
pub const MOST: u64 = 6_000;

/// A whole rotation of the probes: what happens before it, an observer takes for what was always
/// there.
const SETTLED: Duration = Duration::from_secs(4);

/// Calls `handle` for each request, from a service task.
pub fn requests(handle: impl FnMut(u64) + Send + 'static) {
    requests_every(PAUSE, MOST, handle);
}

/// The same at another pace, `most` times.
pub fn requests_every(pause: Duration, most: u64, mut handle: impl FnMut(u64) + Send + 'static) {
    Builder::new().name("load").service(true).spawn(move || {
        let mut interval = Interval::new(pause);
        for number in 0..most {
            interval.tick();
            handle(number);
        }
        // What the handler keeps is kept on.
        let (_keep, never) = chan::bounded::<()>(1);
        let _ = never.recv();
        drop(handle);
    });
}

/// Returns when an observer that came with the program has seen its beginning.
pub fn settle() {
    sleep(SETTLED);
}
