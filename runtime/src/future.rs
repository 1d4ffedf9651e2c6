//! Futures: what was written for `async`, in a task that waits for it.
//!
//! [`block_on_future`] polls a future on the calling task, and parks the task while the future is
//! not ready. Whoever wakes it may do so from any thread: the waker is a handle to the task, with a
//! flag. So libraries that need no particular runtime work here as they are: channels, locks,
//! streams. What needs another runtime's sockets or timers does not.
//!
//! ```
//! use runtime::{Runtime, future::block_on_future, spawn};
//! use futures::{StreamExt, channel::mpsc};
//!
//! Runtime::run(|| {
//!     let (sender, receiver) = mpsc::unbounded();
//!     spawn(move || (1..=4).for_each(|n| sender.unbounded_send(n).unwrap()));
//!     let sum = block_on_future(receiver.fold(0, |sum, n| async move { sum + n }));
//!     assert_eq!(sum, 10);
//! });
//! ```
//!
//! # No tasks without stacks
//!
//! [`spawn_future`] gives a future a task with a stack of its own, some 4 KiB while it waits, like
//! every task. Polling futures on the worker's own stack instead would save them, but each of these
//! tasks would be one that must not wait in any call of this crate: there is no stack to leave. The
//! compiler could not say so, as it cannot of blocking in an `async` function. Many small futures
//! share a task by a set that the `futures` crate has for that, such as `FuturesUnordered`.
//!
//! # How no wake-up is lost
//!
//! | the task | a waker |
//! |---|---|
//! | a. takes the flag: an exchange, acquire | A. makes what the future waits for so |
//! | b. polls the future, which is not ready | B. raises the flag: an exchange, release |
//! | c. looks at the flag, acquire: raised, begins again at a | C. if it was not raised, gives the task its token |
//! | d. parks, and begins again at c | |
//!
//! B before c's look: c begins again. B after it: C's token ends d, also if d has not begun. A waker
//! that finds the flag raised leaves C to the one who raised it.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Wake, Waker};

use runtime_abi::Reason;

use crate::cancel::{Interrupted, Until, Wait};
use crate::primitive::atomic::{AtomicBool, Ordering};
use crate::primitive::static_sync::Arc;
use crate::task::{self, JoinHandle, TaskId, Waiter};

/// Parks the calling task until the future is ready, with the reason `future`. On a thread that
/// runs no task it parks the thread.
///
/// The future is dropped before the call returns, and if the task unwinds.
///
/// # Panics
///
/// If the future does.
pub fn block_on_future<F: Future>(future: F) -> F::Output {
    match block_on_future_until(future, Until::FOREVER) {
        Ok(output) => output,
        Err(_) => unreachable!("a wait without an end is not interrupted"),
    }
}

/// Like [`block_on_future`], but waits for no longer than `until`; the future is dropped then.
///
/// # Errors
///
/// If the wait ended before the future was ready.
///
/// ```
/// use runtime::future::block_on_future_until;
/// use std::time::Duration;
///
/// let never = std::future::pending::<()>();
/// assert!(block_on_future_until(never, Duration::from_millis(1)).unwrap_err().is_timeout());
/// assert_eq!(block_on_future_until(async { 7 }, Duration::ZERO).unwrap(), 7);
/// ```
pub fn block_on_future_until<'u, F: Future>(
    future: F,
    until: impl Into<Until<'u>>,
) -> Result<F::Output, Interrupted> {
    let bell = Arc::new(Bell::new(task::waiter()));
    let waker = Waker::from(Arc::clone(&bell));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    let mut wait = Wait::new(until.into());
    loop {
        bell.take();
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return Ok(output);
        }
        while !bell.is_raised() {
            wait.park(Reason::Future, Arc::as_ptr(&bell).addr(), TaskId::NONE)?;
        }
    }
}

/// Spawns a task that waits for the future. The line of the call is its site.
///
/// # Panics
///
/// On a thread that runs no task.
///
/// ```
/// runtime::Runtime::run(|| {
///     assert_eq!(runtime::future::spawn_future(async { 6 * 7 }).join().unwrap(), 42);
/// });
/// ```
#[track_caller]
pub fn spawn_future<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    task::spawn(move || block_on_future(future))
}

/// What a future's wakers share: whom to wake, and whether it was done.
struct Bell {
    is_raised: AtomicBool,
    waiter: Waiter,
}

impl Bell {
    fn new(waiter: Waiter) -> Self {
        Self {
            is_raised: AtomicBool::new(false),
            waiter,
        }
    }

    /// Step a.
    fn take(&self) {
        // An exchange: pairs also with a waker that found the flag raised, by the release sequence.
        self.is_raised.swap(false, Ordering::Acquire);
    }

    /// Step c.
    fn is_raised(&self) -> bool {
        self.is_raised.load(Ordering::Acquire)
    }

    /// Steps B and C.
    fn raise(&self) {
        if !self.is_raised.swap(true, Ordering::AcqRel) {
            self.waiter.unpark();
        }
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.raise();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.raise();
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use crate::primitive::{Arc, atomic::AtomicU32, thread};

    /// As `block_on_future_until`, for a future that is ready when `ready` says so.
    fn until_ready(bell: &Bell, ready: &AtomicU32, wanted: u32) {
        loop {
            bell.take();
            // Relaxed: what orders it is the bell.
            if ready.load(Ordering::Relaxed) == wanted {
                return;
            }
            while !bell.is_raised() {
                thread::park();
            }
        }
    }

    #[test]
    fn loom_a_future_that_two_threads_make_ready_is_polled_after_both() {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(3);
        builder.check(|| {
            let bell = Arc::new(Bell::new(task::waiter()));
            let ready = Arc::new(AtomicU32::new(0));
            let wakers = [(); 2].map(|()| {
                let (bell, ready) = (Arc::clone(&bell), Arc::clone(&ready));
                thread::spawn(move || {
                    ready.fetch_add(1, Ordering::Relaxed);
                    bell.raise();
                })
            });
            until_ready(&bell, &ready, 2);
            for waker in wakers {
                waker.join().unwrap();
            }
        });
    }
}
