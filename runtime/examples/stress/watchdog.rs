//! Finds programs that do not move on, and says what all their tasks wait for.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use runtime::introspect::Dump;

use crate::accounts::Accounts;

/// A program that begins no step for so long will never: the longest wait in one is a thousandth
/// of this, on a machine that is ten times too slow.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a program. If it stops moving on, tells so with its name and all tasks, and ends the
/// process: its tasks cannot be ended.
pub fn guard<T>(name: &str, accounts: &Arc<Accounts>, run: impl FnOnce() -> T) -> T {
    thread::scope(|scope| {
        let (running, ended) = channel::<()>();
        scope.spawn(move || {
            let mut progress = 0;
            // Until the sender is dropped, at the end of the program.
            while ended.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                let before = progress;
                progress = accounts.progress.load(Ordering::Relaxed);
                if progress == before {
                    give_up(name, progress);
                }
            }
        });
        let result = run();
        drop(running);
        result
    })
}

fn give_up(name: &str, progress: u64) -> ! {
    eprintln!(
        "{name} does not move on after {progress} steps; its tasks:\n{}",
        Dump::new()
    );
    std::process::exit(3);
}
