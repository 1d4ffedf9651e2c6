//! Join handles: waiting for a task's end and taking its result.

use std::{any::Any, borrow::Cow, fmt};

use runtime_abi::Reason;

use crate::cancel::{Interrupted, Until, Wait};
use crate::site::Site;
use crate::task::{TaskId, cell::HandleCell, wait};

/// The right to a task's result. Dropping it detaches the task, which goes on.
///
/// A detached task that panics is reported to the panic hook with its id, name and site, and
/// counted by [`unjoined_panics`](crate::task::unjoined_panics).
///
/// ```
/// let sum = runtime::Runtime::run(|| runtime::spawn(|| 1 + 2).join().unwrap());
/// assert_eq!(sum, 3);
/// ```
pub struct JoinHandle<T>(HandleCell<T>);

/// Why a task has no result.
pub struct JoinError {
    task: TaskId,
    site: &'static Site,
    end: End,
}

/// Why a task is cancelled when its runtime ends.
pub(crate) const RUNTIME_ENDED: &str = "its runtime ended";

enum End {
    Panicked(Payload),
    /// And why.
    Cancelled(Cow<'static, str>),
}

struct Payload(Box<dyn Any + Send>);
// SAFETY: a shared reference gives no access to the payload but for the two message types,
// which are `Sync`.
unsafe impl Sync for Payload {}

impl<T> JoinHandle<T> {
    pub(crate) fn new(cell: HandleCell<T>) -> Self {
        Self(cell)
    }

    /// Waits for the task's end and takes its result. On a task it parks, on any other thread
    /// it blocks.
    ///
    /// # Errors
    /// [`JoinError`] if the task panicked, or was abandoned because its runtime ended.
    pub fn join(mut self) -> Result<T, JoinError> {
        if !self.0.is_done() && self.0.wait(wait::waiter()) {
            while !self.0.is_done() {
                wait::park(Reason::Join, self.0.address(), self.0.task());
            }
        }
        self.0.take()
    }

    /// Like [`JoinHandle::join`], with an end to the wait: then the handle comes back, and the
    /// task goes on.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// runtime::Runtime::run(|| {
    ///     let task = runtime::spawn(|| runtime::cancel::sleep(Duration::from_secs(3600)));
    ///     let (task, interrupted) = task.join_until(Duration::from_millis(1)).unwrap_err();
    ///     assert!(interrupted.is_timeout());
    ///     task.cancel();
    ///     assert!(task.join().unwrap().is_err());
    /// });
    /// ```
    ///
    /// # Errors
    /// The handle, and what ended the wait. The task's own error is in the result.
    pub fn join_until<'a>(
        mut self,
        until: impl Into<Until<'a>>,
    ) -> Result<Result<T, JoinError>, (Self, Interrupted)> {
        let mut wait = Wait::new(until.into());
        while !self.0.is_done() && self.0.wait_anew(Some(wait::waiter())) {
            let parked = wait.park(Reason::Join, self.0.address(), self.0.task());
            if let Err(interrupted) = parked {
                self.0.wait_anew(None);
                return Err((self, interrupted));
            }
        }
        Ok(self.0.take())
    }

    /// Takes the result if the task has ended.
    ///
    /// # Errors
    /// The handle, if it has not.
    pub fn try_join(self) -> Result<Result<T, JoinError>, Self> {
        if self.0.is_done() {
            Ok(self.0.take())
        } else {
            Err(self)
        }
    }

    /// Tells the task to stop: cancels its own token, [`cancel::current`](crate::cancel::current)
    /// in there, and so what it spawned since it first asked for that. Waits for nothing; a task
    /// that never looks goes on.
    pub fn cancel(&self) {
        self.0.cancel();
    }

    /// The task.
    #[must_use]
    pub fn id(&self) -> TaskId {
        self.0.task()
    }

    /// Whether the task has ended, so that [`JoinHandle::join`] does not wait.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.0.is_done()
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle")
            .field("task", &self.id())
            .finish_non_exhaustive()
    }
}

impl JoinError {
    pub(crate) fn panicked(
        task: TaskId,
        site: &'static Site,
        payload: Box<dyn Any + Send>,
    ) -> Self {
        Self {
            task,
            site,
            end: End::Panicked(Payload(payload)),
        }
    }

    pub(crate) fn cancelled(task: TaskId, site: &'static Site, reason: Cow<'static, str>) -> Self {
        Self {
            task,
            site,
            end: End::Cancelled(reason),
        }
    }

    /// The task that has no result.
    #[must_use]
    pub fn task(&self) -> TaskId {
        self.task
    }

    /// The line that spawned it.
    #[must_use]
    pub fn site(&self) -> &'static Site {
        self.site
    }

    /// Whether the task panicked.
    #[must_use]
    pub fn is_panic(&self) -> bool {
        matches!(self.end, End::Panicked(_))
    }

    /// Whether the task was given up without a panic: its runtime ended, or there was no
    /// memory for its stack.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        !self.is_panic()
    }

    /// What the task panicked with, for [`std::panic::resume_unwind`].
    ///
    /// # Panics
    /// If the task did not panic; ask [`JoinError::is_panic`] first.
    #[must_use]
    pub fn into_panic(self) -> Box<dyn Any + Send> {
        match self.end {
            End::Panicked(payload) => payload.0,
            End::Cancelled(_) => panic!("the task did not panic: ask is_panic first"),
        }
    }

    /// The panic's message, where it is text.
    fn message(payload: &Payload) -> Option<&str> {
        let text = payload.0.downcast_ref::<&'static str>().copied();
        text.or_else(|| payload.0.downcast_ref::<String>().map(String::as_str))
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {}", self.task)?;
        if let Some(name) = self.site.name() {
            write!(f, " {name:?}")?;
        }
        write!(f, " spawned at {}", self.site)?;
        match &self.end {
            End::Panicked(payload) => match Self::message(payload) {
                Some(message) => write!(f, " panicked: {message}"),
                None => f.write_str(" panicked"),
            },
            End::Cancelled(reason) => write!(f, " was given up: {reason}"),
        }
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinError({self})")
    }
}

impl std::error::Error for JoinError {}

#[cfg(all(test, not(loom)))]
mod tests {
    use crate::{Runtime, cancel, chan, spawn};
    use std::time::Duration;

    const HOUR: Duration = Duration::from_secs(3600);
    const SHORT: Duration = Duration::from_micros(200);

    #[test]
    fn a_join_with_an_end_can_be_repeated_and_then_waits_as_any_other() {
        Runtime::run(|| {
            let (go, gate) = chan::bounded::<()>(1);
            let mut task = spawn(move || gate.recv().is_err());
            for _ in 0..3 {
                let (back, interrupted) = task.join_until(SHORT).unwrap_err();
                assert!(interrupted.is_timeout());
                task = back;
            }
            let task = task.try_join().unwrap_err();
            let joiner = spawn(move || task.join().unwrap());
            drop(go);
            assert!(joiner.join().unwrap());
        });
    }

    #[test]
    fn a_join_that_timed_out_in_one_task_is_woken_in_another() {
        Runtime::run(|| {
            let (go, gate) = chan::bounded::<()>(1);
            let task = spawn(move || gate.recv().is_err());
            let (task, _) = task.join_until(SHORT).unwrap_err();
            let joiner = spawn(move || task.join_until(HOUR).unwrap().unwrap());
            crate::yield_now();
            drop(go);
            assert!(joiner.join().unwrap());
        });
    }

    #[test]
    fn a_token_ends_a_join_and_a_result_that_is_there_wins() {
        Runtime::run(|| {
            let token = cancel::Token::new();
            token.cancel();
            let waits = spawn(|| cancel::sleep(HOUR).is_err());
            let (waits, interrupted) = waits.join_until(&token).unwrap_err();
            assert!(!interrupted.is_timeout());
            waits.cancel();
            while !waits.is_finished() {
                crate::yield_now();
            }
            assert!(waits.join_until(&token).unwrap().unwrap());
        });
    }

    #[test]
    fn a_handle_that_is_dropped_after_a_timeout_detaches() {
        Runtime::run(|| {
            let (done, ended) = chan::bounded(1);
            let (go, gate) = chan::bounded::<()>(1);
            let task = spawn(move || {
                let _ = gate.recv();
                done.send(7).unwrap();
            });
            drop(task.join_until(SHORT).unwrap_err());
            drop(go);
            assert_eq!(ended.recv(), Ok(7));
        });
    }
}
