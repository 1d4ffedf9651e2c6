//! Groups: tasks that succeed or fail together.

use std::fmt::{self, Display};
use std::sync::PoisonError;

use crate::cancel::{self, Token};
use crate::primitive::static_sync::{Arc, Mutex};
use crate::task::{Builder, JoinError, JoinSet, TaskId, current};

/// Tasks of one piece of work: the first that fails cancels the others, and is the group's
/// error; at most so many run at once.
///
/// The tasks work under the group's token, a child of the [`current`](cancel::current) one of
/// the task that makes the group. What of their waits looks at the token ends when one has
/// failed.
///
/// ```
/// use runtime::{Runtime, cancel, task::TaskGroup};
/// use std::time::Duration;
///
/// Runtime::run(|| {
///     let mut fetches = TaskGroup::new().limit(8);
///     fetches.spawn(|| Err("no such host".to_owned()));
///     // Told to stop by the first one's failure.
///     fetches.spawn(|| cancel::sleep(Duration::from_secs(3600)).map_err(|e| e.to_string()));
///     let error = fetches.wait().unwrap_err();
///     assert_eq!(error.to_string(), "no such host");
/// });
/// ```
///
/// Dropping it without [`wait`](Self::wait) cancels its token and detaches its tasks.
pub struct TaskGroup<E> {
    tasks: JoinSet<Result<(), (TaskId, E)>>,
    token: Token,
    first: Arc<FirstFailure>,
    limit: usize,
    error: Option<GroupError<E>>,
}

/// Why a group failed.
#[derive(Debug)]
pub enum GroupError<E> {
    /// A task returned this error.
    Failed(E),
    /// A task panicked, or its runtime ended.
    Lost(JoinError),
}

/// Which task failed first.
#[derive(Default)]
struct FirstFailure(Mutex<Option<TaskId>>);

impl<E> TaskGroup<E> {
    /// An empty group without a limit.
    #[must_use]
    pub fn new() -> Self {
        Self {
            tasks: JoinSet::new(),
            token: cancel::current().child(),
            first: Arc::default(),
            limit: usize::MAX,
            error: None,
        }
    }

    /// At most this many tasks at once: [`spawn`](Self::spawn) waits for one to end.
    ///
    /// # Panics
    ///
    /// If it is 0.
    #[must_use]
    pub fn limit(mut self, tasks: usize) -> Self {
        assert!(tasks > 0, "a group whose limit is 0 could never spawn");
        self.limit = tasks;
        self
    }

    /// What cancels the group, and tells its tasks of a failure.
    #[must_use]
    pub fn token(&self) -> &Token {
        &self.token
    }

    /// Waits until every task has ended.
    ///
    /// # Errors
    ///
    /// That of the first task that failed or panicked.
    pub fn wait(mut self) -> Result<(), GroupError<E>> {
        while !self.tasks.is_empty() {
            self.reap();
        }
        self.error.take().map_or(Ok(()), Err)
    }

    /// Joins the next task that ends, and keeps the error of the one that failed first: others
    /// may end before it, by what it told them.
    fn reap(&mut self) {
        let (task, error) = match self.tasks.join_next() {
            None | Some(Ok(Ok(()))) => return,
            Some(Ok(Err((task, error)))) => (task, GroupError::Failed(error)),
            Some(Err(lost)) => (lost.task(), GroupError::Lost(lost)),
        };
        if self.error.is_none() || self.first.is(task) {
            self.error = Some(error);
        }
    }
}

impl<E: Display + Send + 'static> TaskGroup<E> {
    /// Spawns a task into the group; waits first while as many run as the limit allows. Where
    /// the group has failed, the task finds its token cancelled.
    ///
    /// # Panics
    ///
    /// On a thread that runs no task.
    #[track_caller]
    pub fn spawn(&mut self, body: impl FnOnce() -> Result<(), E> + Send + 'static) -> TaskId {
        self.spawn_as(Builder::new(), body)
    }

    /// Spawns a task with these settings into the group.
    ///
    /// # Panics
    ///
    /// On a thread that runs no task.
    #[track_caller]
    pub fn spawn_as(
        &mut self,
        settings: Builder,
        body: impl FnOnce() -> Result<(), E> + Send + 'static,
    ) -> TaskId {
        while self.tasks.len() >= self.limit {
            self.reap();
        }
        let failing = Failing {
            token: self.token.clone(),
            first: Arc::clone(&self.first),
        };
        let tasks = &mut self.tasks;
        let work = move || failing.watch(body);
        self.token.run(|| tasks.spawn_as(settings, work))
    }
}

/// A task's part in its group's failure.
struct Failing {
    token: Token,
    first: Arc<FirstFailure>,
}

impl Failing {
    fn watch<E: Display>(self, body: impl FnOnce() -> Result<(), E>) -> Result<(), (TaskId, E)> {
        let panicking = Panicking(&self);
        let result = body();
        std::mem::forget(panicking);
        result.map_err(|error| {
            (
                self.fail(format!("a task of its group failed: {error}")),
                error,
            )
        })
    }

    /// Tells the others; gives the task that failed, the caller.
    fn fail(&self, cause: String) -> TaskId {
        let task = current().unwrap_or(TaskId::NONE);
        self.first.note(task);
        self.token.cancel_because(cause);
        task
    }
}

/// Dropped only by a panic of the body.
struct Panicking<'a>(&'a Failing);

impl Drop for Panicking<'_> {
    fn drop(&mut self) {
        self.0.fail("a task of its group panicked".to_owned());
    }
}

impl FirstFailure {
    fn note(&self, task: TaskId) {
        let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert(task);
    }

    fn is(&self, task: TaskId) -> bool {
        let first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *first == Some(task)
    }
}

impl<E> Drop for TaskGroup<E> {
    fn drop(&mut self) {
        self.token.cancel();
    }
}

impl<E> Default for TaskGroup<E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<E> fmt::Debug for TaskGroup<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskGroup")
            .field("tasks", &self.tasks.len())
            .field("token", &self.token)
            .finish_non_exhaustive()
    }
}

impl<E: Display> Display for GroupError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => error.fmt(f),
            Self::Lost(lost) => lost.fmt(f),
        }
    }
}

impl<E: fmt::Debug + Display> std::error::Error for GroupError<E> {}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::primitive::static_atomic::{AtomicUsize, Ordering};
    use crate::{Runtime, yield_now};
    use std::time::Duration;

    const HOUR: Duration = Duration::from_secs(3600);

    /// A task that runs until it is told to stop, and is then an error itself.
    fn until_told() -> Result<(), String> {
        cancel::sleep(HOUR).map_err(|told| told.to_string())
    }

    #[test]
    fn the_first_error_cancels_the_rest_and_is_the_groups() {
        Runtime::run(|| {
            let mut group = TaskGroup::new();
            for _ in 0..20 {
                group.spawn(until_told);
            }
            group.spawn(|| Err("broken".to_owned()));
            assert_eq!(group.wait().unwrap_err().to_string(), "broken");
        });
    }

    #[test]
    fn a_panic_cancels_the_rest() {
        Runtime::run(|| {
            let mut group = TaskGroup::new();
            group.spawn(until_told);
            let panics = group.spawn(|| panic!("told to"));
            match group.wait().unwrap_err() {
                GroupError::Lost(lost) => assert_eq!(lost.task(), panics),
                GroupError::Failed(error) => panic!("{error} came first"),
            }
        });
    }

    #[test]
    fn no_more_than_the_limit_run_at_once() {
        static RUNNING: AtomicUsize = AtomicUsize::new(0);
        Runtime::run(|| {
            let mut group = TaskGroup::<String>::new().limit(3);
            for _ in 0..40 {
                group.spawn(|| {
                    assert!(RUNNING.fetch_add(1, Ordering::Relaxed) < 3);
                    yield_now();
                    RUNNING.fetch_sub(1, Ordering::Relaxed);
                    Ok(())
                });
            }
            group.wait().unwrap();
        });
    }

    #[test]
    fn cancelling_from_above_reaches_the_group() {
        Runtime::run(|| {
            let above = Token::new();
            let group = above.run(|| {
                let mut group = TaskGroup::new();
                group.spawn(until_told);
                group
            });
            above.cancel_because("closing time");
            let error = group.wait().unwrap_err().to_string();
            assert_eq!(error, "cancelled: closing time");
        });
    }
}
