//! Primitives for tasks that wait for each other, built on [`park`](crate::task::park) alone.
//!
//! All of them work from tasks and from foreign threads, mixed. A task that waits is parked
//! and costs no worker; a foreign thread that waits blocks. Each park carries its reason,
//! the address of the primitive and, where there is one, the task that has to act first, so
//! that an observer can tell who waits for whom.
//!
//! No primitive here calls the operating system, and none switches tasks while it holds one
//! of its own locks.
//!
//! # Which one
//!
//! | for | use |
//! |---|---|
//! | data that one changes at a time | [`Mutex`], with a [`Condvar`] to wait for what is in it |
//! | data that many read and few change | [`RwLock`] |
//! | data that is made once | [`OnceLock`] |
//! | at most so many at once | [`Semaphore`] |
//! | at most so many a second | [`RateLimiter`] |
//! | the end of a number of tasks | [`WaitGroup`] |
//! | tasks that go on together, round by round | [`Barrier`] |
//! | telling a task that something happened | [`Notify`] |
//!
//! # Waits that end
//!
//! Every call that parks has a form ending in `_until` that takes an
//! [`Until`](crate::cancel::Until): a duration, a time, a token, or several of them. What is there
//! already wins: such a call fails only where it would have to wait. One that fails has left the
//! line, and what it was given in the same moment has gone to the next.
//!
//! # When a runtime ends
//!
//! A primitive may be shared by tasks of several runtimes and by threads, and a runtime may end
//! while some of its tasks [are left](crate::Finished::leftover). Those run no more. By the time
//! [`Runtime::run`](crate::Runtime::run) has returned,
//!
//! * a leftover that **waited** waits no more, and what it was woken for and had not used, a lock
//!   or permits that were handed to it, a notification, or the turn to make a value, has gone to the
//!   next;
//! * what a leftover **holds** it holds for ever, as if it had called [`std::mem::forget`] on it:
//!   a lock of which it has the guard stays locked, permits do not come back, and a wait group of
//!   which it is a member is waited for without end. Nothing else is possible: it may have left
//!   the data half changed. Let tasks end before their runtime if others share what they hold.

mod barrier;
mod condvar;
mod error;
mod mutex;
mod mutex_word;
mod notify;
mod once_lock;
mod poison;
mod rate_limiter;
mod raw_mutex;
mod raw_rwlock;
mod raw_semaphore;
mod rwlock;
mod rwlock_word;
mod semaphore;
mod semaphore_word;
mod wait_group;
pub(crate) mod wait_queue;

#[cfg(all(test, loom))]
mod model;

pub use barrier::{Barrier, BarrierWaitResult};
pub use condvar::Condvar;
pub use error::{LockUntilError, WaitGroupError};
pub use mutex::{Mutex, MutexGuard};
pub use notify::{Notified, Notify};
pub use once_lock::OnceLock;
pub use once_lock::error::{InitUntilError, SetUntilError};
pub use rate_limiter::RateLimiter;
pub use rwlock::{RwLock, RwLockReadGuard, RwLockWriteGuard};
pub use semaphore::error::{AcquireError, AcquireUntilError, TryAcquireError};
pub use semaphore::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
pub use wait_group::WaitGroup;

use crate::cancel::Interrupted;

/// What a wait without an end gives.
fn uninterrupted<T>(waited: Result<T, Interrupted>) -> T {
    match waited {
        Ok(value) => value,
        Err(_) => unreachable!("a wait without an end is not interrupted"),
    }
}
