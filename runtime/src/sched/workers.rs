//! The threads of a runtime's workers: started at the beginning and by the monitor, all
//! joined at the end.

use std::io;
use std::thread::JoinHandle;

use crate::primitive::static_sync::{Mutex, MutexGuard};
use crate::sched::{shared::Shared, worker};
use crate::sys;

/// Threads that were started and not yet joined.
#[derive(Debug)]
pub(crate) struct WorkerThreads(Mutex<Vec<JoinHandle<()>>>);

impl WorkerThreads {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// Starts a worker for a processor that the caller has claimed.
    pub(crate) fn start(
        &self,
        shared: &'static Shared,
        index: usize,
        name: &str,
    ) -> io::Result<()> {
        let mut threads = self.lock();
        // Spare workers that retired.
        threads.retain(|thread| !thread.is_finished());
        let name = format!("{name}-{index}");
        threads.push(sys::thread::start(name, move || {
            worker::run(shared, index)
        })?);
        Ok(())
    }

    /// Waits for all threads to end; they end once the runtime stops.
    pub(crate) fn join_all(&self) {
        loop {
            let threads = std::mem::take(&mut *self.lock());
            if threads.is_empty() {
                return;
            }
            for thread in threads {
                // A worker does not unwind: a panic in it is a broken invariant.
                if thread.join().is_err() {
                    eprintln!("runtime: a worker panicked");
                    std::process::abort();
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
