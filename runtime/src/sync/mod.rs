//! Primitives for tasks that wait for each other, built on [`park`](crate::task::park) alone.
//!
//! All of them work from tasks and from foreign threads, mixed. A task that waits is parked
//! and costs no worker; a foreign thread that waits blocks. Each park carries its reason,
//! the address of the primitive and, where there is one, the task that has to act first, so
//! that an observer can tell who waits for whom.
//!
//! No primitive here calls the operating system, and none switches tasks while it holds one
//! of its own locks.

mod condvar;
mod mutex;
mod mutex_word;
mod raw_mutex;
mod wait_group;
pub(crate) mod wait_queue;

#[cfg(all(test, loom))]
mod model;

pub use condvar::Condvar;
pub use mutex::{Mutex, MutexGuard};
pub use wait_group::WaitGroup;
