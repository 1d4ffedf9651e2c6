//! Sets of tasks whose results are taken as they end.
//!
//! A task that ends tells its set its place; the set's owner takes places and joins what is
//! there. There is one owner (`&mut self`), so there is at most one waiter.

use std::collections::VecDeque;
use std::fmt;
use std::sync::PoisonError;

use runtime_abi::Reason;
use slab::Slab;

use crate::cancel::{Interrupted, Until, Wait};
use crate::primitive::static_sync::{Arc, Mutex, MutexGuard};
use crate::task::{Builder, JoinError, JoinHandle, TaskId, Waiter, extras::OnEnd, waiter};

/// Tasks whose results are taken in the order in which they end.
///
/// ```
/// use runtime::{Runtime, task::JoinSet};
///
/// Runtime::run(|| {
///     let mut squares = JoinSet::new();
///     for number in 1..=4_u32 {
///         squares.spawn(move || number * number);
///     }
///     let mut total = 0;
///     while let Some(square) = squares.join_next() {
///         total += square.unwrap();
///     }
///     assert_eq!(total, 30);
/// });
/// ```
///
/// Dropping it tells its tasks to stop (see [`JoinHandle::cancel`]) and detaches them.
pub struct JoinSet<T> {
    /// By place.
    handles: Slab<JoinHandle<T>>,
    endings: Arc<Endings>,
}

/// Which tasks of a set have ended, and who waits for the next.
#[derive(Default)]
struct Endings {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Places.
    ended: VecDeque<usize>,
    owner: Option<Waiter>,
}

/// A task's place in its set.
struct Member {
    endings: Arc<Endings>,
    place: usize,
}

impl<T> JoinSet<T> {
    /// An empty set.
    #[must_use]
    pub fn new() -> Self {
        Self {
            handles: Slab::new(),
            endings: Arc::default(),
        }
    }

    /// How many tasks have not been joined.
    #[must_use]
    pub fn len(&self) -> usize {
        self.handles.len()
    }

    /// Whether every task has been joined.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.handles.is_empty()
    }

    /// Tells all tasks to stop; they stay in the set.
    pub fn cancel_all(&self) {
        self.handles.iter().for_each(|(_, handle)| handle.cancel());
    }

    /// Waits for the next task to end and takes its result; `None` if there is none left.
    ///
    /// The error is that of the task, see [`JoinHandle::join`].
    pub fn join_next(&mut self) -> Option<Result<T, JoinError>> {
        let joined = self.join_next_until(Until::FOREVER);
        joined.expect("a wait without an end is not interrupted")
    }

    /// Like [`JoinSet::join_next`], with an end to the wait.
    ///
    /// # Errors
    ///
    /// If the wait is over before a task has ended.
    pub fn join_next_until<'a>(
        &mut self,
        until: impl Into<Until<'a>>,
    ) -> Result<Option<Result<T, JoinError>>, Interrupted> {
        let mut wait = Wait::new(until.into());
        while !self.is_empty() {
            if let Some(result) = self.look(Some(waiter())) {
                return Ok(Some(result));
            }
            wait.park(Reason::Join, self.endings.address(), self.only())?;
        }
        Ok(None)
    }

    /// Takes the result of a task that has ended, if there is one.
    pub fn try_join_next(&mut self) -> Option<Result<T, JoinError>> {
        self.look(None)
    }

    /// Waits for all tasks; their results in the order in which they ended.
    pub fn join_all(mut self) -> Vec<Result<T, JoinError>> {
        std::iter::from_fn(|| self.join_next()).collect()
    }

    /// Lets all tasks go: they are neither told to stop nor waited for.
    pub fn detach_all(mut self) {
        self.handles.clear();
    }

    /// One step: takes a result, or leaves `owner` to be woken by the next end.
    fn look(&mut self, owner: Option<Waiter>) -> Option<Result<T, JoinError>> {
        let place = self.endings.take(owner)?;
        let handle = self.handles.remove(place);
        // Done: a task tells of its end when its result is there.
        Some(handle.join())
    }

    /// The task that is waited for, if it is the only one: of several, any may be the next.
    fn only(&self) -> TaskId {
        match self.handles.iter().next() {
            Some((_, handle)) if self.len() == 1 => handle.id(),
            _ => TaskId::NONE,
        }
    }
}

impl<T: Send + 'static> JoinSet<T> {
    /// Spawns a task into the set; see [`spawn`](crate::spawn).
    ///
    /// # Panics
    ///
    /// On a thread that runs no task.
    #[track_caller]
    pub fn spawn(&mut self, body: impl FnOnce() -> T + Send + 'static) -> TaskId {
        self.spawn_as(Builder::new(), body)
    }

    /// Spawns a task with these settings into the set.
    ///
    /// # Panics
    ///
    /// On a thread that runs no task.
    #[track_caller]
    pub fn spawn_as(
        &mut self,
        settings: Builder,
        body: impl FnOnce() -> T + Send + 'static,
    ) -> TaskId {
        let place = self.handles.vacant_key();
        let member = Arc::new(Member {
            endings: Arc::clone(&self.endings),
            place,
        });
        // SAFETY: body and result are `'static`.
        let handle = unsafe { settings.spawn_listened(member, body) };
        let task = handle.id();
        self.handles.insert(handle);
        task
    }
}

impl Endings {
    fn take(&self, owner: Option<Waiter>) -> Option<usize> {
        let mut state = self.lock();
        let ended = state.ended.pop_front();
        state.owner = owner.filter(|_| ended.is_none());
        ended
    }

    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OnEnd for Member {
    fn ended(&self, _: bool) {
        let mut state = self.endings.lock();
        state.ended.push_back(self.place);
        let owner = state.owner.take();
        drop(state);
        if let Some(owner) = owner {
            owner.unpark();
        }
    }
}

impl<T> Drop for JoinSet<T> {
    fn drop(&mut self) {
        self.cancel_all();
    }
}

impl<T> Default for JoinSet<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for JoinSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinSet")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::{Runtime, cancel, chan};
    use std::time::Duration;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn results_come_in_the_order_of_the_ends() {
        Runtime::run(|| {
            let mut set = JoinSet::new();
            let (go, gate) = chan::bounded::<()>(1);
            set.spawn(move || {
                let _ = gate.recv();
                "late"
            });
            set.spawn(|| "early");
            assert_eq!(set.join_next().unwrap().unwrap(), "early");
            assert!(set.try_join_next().is_none());
            drop(go);
            assert_eq!(set.join_next().unwrap().unwrap(), "late");
            assert!(set.join_next().is_none());
        });
    }

    #[test]
    fn places_are_used_again_and_panics_are_results() {
        Runtime::run(|| {
            let mut set = JoinSet::new();
            for round in 0..200_u32 {
                set.spawn(move || assert!(round % 50 != 7, "told to"));
                if round % 3 == 0 {
                    let _ = set.join_next();
                }
            }
            let rest = set.join_all();
            assert_eq!(rest.len(), 200 - 67);
        });
    }

    #[test]
    fn a_wait_for_the_next_has_an_end() {
        Runtime::run(|| {
            let mut set = JoinSet::new();
            set.spawn(|| cancel::sleep(HOUR).is_err());
            let waited = set.join_next_until(Duration::from_millis(1));
            assert!(waited.unwrap_err().is_timeout());
            set.cancel_all();
            assert!(set.join_next().unwrap().unwrap());
        });
    }

    #[test]
    fn dropping_the_set_tells_its_tasks_to_stop() {
        Runtime::run(|| {
            let (stopped, ends) = chan::bounded(2);
            let mut set = JoinSet::new();
            for _ in 0..2 {
                let stopped = stopped.clone();
                set.spawn(move || {
                    let told = cancel::sleep(HOUR).is_err();
                    stopped.send(told).unwrap();
                });
            }
            drop((set, stopped));
            assert_eq!(ends.iter().collect::<Vec<_>>(), [true, true]);
        });
    }
}
