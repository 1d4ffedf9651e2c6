//! Worker pools: a fixed number of tasks that work through a bounded queue.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::chan::{self, Receiver, SendError, Sender, TrySendError};
use crate::primitive::static_atomic::{AtomicU64, Ordering};
use crate::primitive::static_sync::Arc;
use crate::task::{Builder, JoinSet};

/// A fixed number of tasks that work through a bounded queue of jobs.
///
/// The tasks are services: an idle pool waits for work by nature, and no observer reports it.
/// Where the queue is full, [`submit`](Self::submit) waits: the pool slows down those who feed it
/// instead of piling up.
///
/// ```
/// use runtime::{Runtime, sync::Mutex, task::WorkerPool};
/// use std::sync::Arc;
///
/// Runtime::run(|| {
///     let total = Arc::new(Mutex::new(0));
///     let sum = Arc::clone(&total);
///     let pool = WorkerPool::new(4, 16, move |number: u64| *sum.lock().unwrap() += number);
///     for number in 1..=100 {
///         pool.submit(number).unwrap();
///     }
///     assert_eq!(pool.finish(), 0);
///     assert_eq!(*total.lock().unwrap(), 5050);
/// });
/// ```
///
/// Dropping it closes the queue and cancels the workers' token, which a job may look at; nobody
/// waits for what is still queued, and it is done all the same.
pub struct WorkerPool<T> {
    jobs: Sender<T>,
    workers: JoinSet<()>,
    panics: Arc<AtomicU64>,
}

impl<T: Send + 'static> WorkerPool<T> {
    /// Starts `workers` tasks, with room for `queue` jobs that none of them has taken.
    ///
    /// # Panics
    ///
    /// If `workers` or `queue` is 0; on a thread that runs no task.
    #[track_caller]
    pub fn new(workers: usize, queue: usize, work: impl Fn(T) + Send + Sync + 'static) -> Self {
        assert!(workers > 0, "a pool without workers would never do a job");
        let (jobs, inbox) = chan::bounded(queue);
        let (work, panics) = (Arc::new(work), Arc::<AtomicU64>::default());
        let mut set = JoinSet::new();
        for _ in 0..workers {
            let (inbox, work, panics) = (inbox.clone(), Arc::clone(&work), Arc::clone(&panics));
            let worker = Builder::new().service(true);
            set.spawn_as(worker, move || work_through(&inbox, &*work, &panics));
        }
        Self {
            jobs,
            workers: set,
            panics,
        }
    }

    /// Queues a job; waits while the queue is full.
    ///
    /// # Errors
    ///
    /// Never while the pool lives: its workers outlast the panics of their jobs.
    pub fn submit(&self, job: T) -> Result<(), SendError<T>> {
        self.jobs.send(job)
    }

    /// Queues a job if there is room now.
    ///
    /// # Errors
    ///
    /// `Full`, with the job, if there is none.
    pub fn try_submit(&self, job: T) -> Result<(), TrySendError<T>> {
        self.jobs.try_send(job)
    }

    /// Jobs that no worker has taken.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.jobs.len()
    }

    /// Jobs that have panicked; the panic hook has seen them.
    #[must_use]
    pub fn panics(&self) -> u64 {
        self.panics.load(Ordering::Relaxed)
    }

    /// Closes the queue and waits until every job is done; how many of them panicked.
    pub fn finish(self) -> u64 {
        let Self {
            jobs,
            workers,
            panics,
        } = self;
        drop(jobs);
        drop(workers.join_all());
        panics.load(Ordering::Relaxed)
    }
}

fn work_through<T>(inbox: &Receiver<T>, work: &dyn Fn(T), panics: &AtomicU64) {
    for job in inbox {
        // The job is gone with its panic, and `work` is shared by reference only: what it left
        // broken behind a lock is poisoned.
        if catch_unwind(AssertUnwindSafe(|| work(job))).is_err() {
            panics.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl<T> fmt::Debug for WorkerPool<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerPool")
            .field("workers", &self.workers.len())
            .field("queued", &self.jobs.len())
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::Runtime;

    #[test]
    fn every_job_is_done_once_also_after_panics() {
        Runtime::run(|| {
            let done: Arc<AtomicU64> = Arc::default();
            let seen = Arc::clone(&done);
            let pool = WorkerPool::new(3, 2, move |job: u64| {
                seen.fetch_add(1, Ordering::Relaxed);
                assert!(!job.is_multiple_of(10), "job {job} was told to panic");
            });
            (0..100).for_each(|job| pool.submit(job).unwrap());
            assert_eq!(pool.finish(), 10);
            assert_eq!(done.load(Ordering::Relaxed), 100);
        });
    }

    #[test]
    fn a_full_queue_says_so() {
        Runtime::run(|| {
            let (open, gate) = chan::bounded::<()>(1);
            let pool = WorkerPool::new(1, 1, move |()| assert!(gate.recv().is_err()));
            pool.submit(()).unwrap();
            let full = std::iter::repeat_with(|| pool.try_submit(()));
            assert!(full.take(3).any(|tried| tried.is_err()));
            drop(open);
            assert_eq!(pool.finish(), 0);
        });
    }
}
