//! The queue that all processors of a runtime share: tasks made runnable by foreign threads,
//! and what did not fit into a ring.
//!
//! One lock, first in first out. Workers look at its length, an atomic, before they lock.
//! It closes when its runtime ends, so that nothing is queued behind the last worker.

use std::collections::VecDeque;

use crate::primitive::{
    Mutex, MutexGuard,
    atomic::{AtomicUsize, Ordering},
};

/// Tasks in order of arrival.
#[derive(Debug)]
pub(crate) struct GlobalQueue<T: 'static> {
    length: AtomicUsize,
    inner: Mutex<Inner<T>>,
}

#[derive(Debug)]
struct Inner<T: 'static> {
    tasks: VecDeque<&'static T>,
    /// The runtime run for which the queue is open.
    open_for: Option<u64>,
}

impl<T: Sync + 'static> GlobalQueue<T> {
    pub(crate) fn new() -> Self {
        let inner = Inner {
            tasks: VecDeque::new(),
            open_for: None,
        };
        Self {
            length: AtomicUsize::new(0),
            inner: Mutex::new(inner),
        }
    }

    /// Opens the queue for one run of a runtime.
    pub(crate) fn open(&self, run: u64) {
        self.lock().open_for = Some(run);
    }

    /// Closes the queue and gives back what is in it.
    pub(crate) fn close(&self) -> Vec<&'static T> {
        let mut inner = self.lock();
        inner.open_for = None;
        let tasks = inner.tasks.drain(..).collect();
        self.publish(&inner);
        tasks
    }

    /// Tasks queued; a guess unless fenced.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.length.load(Ordering::Relaxed)
    }

    /// Appends a task that belongs to the run that is open. After the close it is dropped
    /// here: the one who ends the runtime finds it in the task table.
    pub(crate) fn push(&self, task: &'static T) {
        let mut inner = self.lock();
        if inner.open_for.is_some() {
            inner.tasks.push_back(task);
            self.publish(&inner);
        }
    }

    /// Appends a new task if the queue is open for this run.
    #[must_use]
    pub(crate) fn push_for(&self, run: u64, task: impl FnOnce() -> &'static T) -> bool {
        let mut inner = self.lock();
        if inner.open_for != Some(run) {
            return false;
        }
        inner.tasks.push_back(task());
        self.publish(&inner);
        true
    }

    /// Appends several tasks.
    pub(crate) fn push_batch(&self, tasks: Vec<&'static T>) {
        let mut inner = self.lock();
        if inner.open_for.is_some() {
            inner.tasks.extend(tasks);
            self.publish(&inner);
        }
    }

    /// Takes the oldest task and hands up to `more` others to `each`, oldest first.
    pub(crate) fn pop_batch(
        &self,
        share: impl FnOnce(usize) -> usize,
        mut each: impl FnMut(&'static T),
    ) -> Option<&'static T> {
        if self.len() == 0 {
            return None;
        }
        let mut inner = self.lock();
        let first = inner.tasks.pop_front()?;
        let more = share(inner.tasks.len()).min(inner.tasks.len());
        inner.tasks.drain(..more).for_each(&mut each);
        self.publish(&inner);
        Some(first)
    }

    fn publish(&self, inner: &Inner<T>) {
        self.length.store(inner.tasks.len(), Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        self.inner
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    static TASKS: [usize; 4] = [0, 1, 2, 3];

    #[test]
    fn hands_out_a_batch_oldest_first() {
        let queue = GlobalQueue::new();
        queue.open(1);
        queue.push_batch(TASKS.iter().collect());
        let mut others = Vec::new();
        assert_eq!(queue.pop_batch(|_| 2, |task| others.push(*task)), Some(&0));
        assert_eq!(others, [1, 2]);
        assert_eq!(queue.len(), 1);
    }

    #[test]
    fn a_closed_queue_takes_nothing() {
        let queue = GlobalQueue::new();
        queue.open(1);
        assert!(queue.push_for(1, || &TASKS[0]));
        assert!(!queue.push_for(2, || unreachable!("another run")));
        assert_eq!(queue.close(), [&0]);
        queue.push(&TASKS[1]);
        assert!(!queue.push_for(1, || unreachable!("closed")));
        assert_eq!(queue.len(), 0);
    }
}
