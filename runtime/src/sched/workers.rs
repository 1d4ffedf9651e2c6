//! The threads of a runtime's workers: started at the beginning and by the monitor, all
//! joined at the end.
//!
//! A thread whose worker has ended (surplus after a hog, its processor taken during a blocking
//! call) waits for the next job: starting a thread costs some 50 µs, waking one 5.

use std::collections::VecDeque;
use std::io;

use crate::primitive::{Condvar, Mutex, MutexGuard, thread::JoinHandle};
use crate::sched::{ownership::Release, shared::Shared, worker};
use crate::sys;

/// Threads that wait for a job, at most; more than that end.
const WAITING_THREADS: usize = 16;

/// Threads that were started and not yet joined, and what they are to do.
#[derive(Debug)]
pub(crate) struct WorkerThreads {
    inner: Mutex<Inner>,
    wanted: Condvar,
}

#[derive(Debug)]
struct Inner {
    handles: Vec<JoinHandle<()>>,
    /// Never more than threads wait.
    jobs: VecDeque<Job>,
    waiting: usize,
    is_closed: bool,
}

/// A processor for a thread to work on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job {
    /// Which one.
    pub(crate) index: usize,
    /// `None`: claimed for the thread. Else to be taken by it, if its owner has not come back.
    pub(crate) release: Option<Release>,
}

impl WorkerThreads {
    pub(crate) fn new() -> Self {
        let inner = Inner {
            handles: Vec::new(),
            jobs: VecDeque::new(),
            waiting: 0,
            is_closed: false,
        };
        Self {
            inner: Mutex::new(inner),
            wanted: Condvar::new(),
        }
    }

    /// Lets threads wait for jobs; for the next run.
    pub(crate) fn open(&self) {
        self.lock().is_closed = false;
    }

    /// Gives a job to a thread that waits, or to a new one.
    pub(crate) fn start(&self, shared: &'static Shared, job: Job, name: &str) -> io::Result<()> {
        let mut inner = self.lock();
        if inner.waiting > inner.jobs.len() {
            inner.jobs.push_back(job);
            self.wanted.notify_one();
            return Ok(());
        }
        // The handles of a model cannot tell.
        #[cfg(not(loom))]
        inner.handles.retain(|thread| !thread.is_finished());
        let name = format!("{name}-{}", job.index);
        let thread = sys::thread::start(name, move || work(shared, job))?;
        inner.handles.push(thread);
        Ok(())
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        let inner = self.lock();
        #[cfg(not(loom))]
        return inner
            .handles
            .iter()
            .filter(|thread| !thread.is_finished())
            .count();
        #[cfg(loom)]
        inner.handles.len()
    }

    /// Waits for all threads to end; they end once the runtime stops.
    pub(crate) fn join_all(&self) {
        self.lock().is_closed = true;
        self.wanted.notify_all();
        loop {
            let threads = std::mem::take(&mut self.lock().handles);
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

    /// The next job of a thread; `None`: it is to end.
    fn next_job(&self) -> Option<Job> {
        let mut inner = self.lock();
        if inner.waiting >= WAITING_THREADS {
            return None;
        }
        inner.waiting += 1;
        while inner.jobs.is_empty() && !inner.is_closed {
            let waited = self.wanted.wait(inner);
            inner = waited.unwrap_or_else(|poisoned| poisoned.into_inner());
        }
        inner.waiting -= 1;
        inner.jobs.pop_front()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// A thread's life: one job after another.
fn work(shared: &'static Shared, first: Job) {
    let mut next = Some(first);
    while let Some(job) = next {
        let is_ours = match job.release {
            None => true,
            Some(release) => shared.succeed(job.index, release),
        };
        if is_ours {
            worker::run(shared, job.index);
        }
        next = shared.threads.next_job();
    }
}
