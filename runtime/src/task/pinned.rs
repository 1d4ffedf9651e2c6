//! Tasks that stay on their thread.
//!
//! The guard and its promise; how a thread that belongs to a task gives its processor to others
//! while the task waits is in `sched/seat.rs`.

use std::fmt;
use std::marker::PhantomData;

use crate::sched::worker::Request;
use crate::task::{
    Builder, JoinHandle,
    current::{self, with_worker},
    record::Record,
    wait::leave,
};

/// Ties the calling task to the thread that it runs on, until it is dropped. Made by [`pin`].
///
/// It cannot be sent to another task, and pins the one that made it. Several of a task may be
/// dropped in any order: the last one ends the pin.
#[must_use = "the task is pinned until the guard is dropped"]
pub struct Pinned {
    /// `None` on a thread that runs no task.
    record: Option<&'static Record>,
    not_send: PhantomData<*mut ()>,
}

/// Ties the calling task to its thread: until the guard is dropped it runs on this thread only,
/// **and no other task runs there**, also while it is parked. What Go's `LockOSThread` is.
///
/// It is what makes things sound that belong to a thread and are kept across a park:
///
/// * references into thread-locals, such as those inside of
///   [`LocalKey::with`](std::thread::LocalKey::with);
/// * guards of locks that know their thread: [`StdoutLock`](std::io::StdoutLock), re-entrant and
///   robust locks of C libraries;
/// * handles of libraries that keep a context per thread: graphics, locales, user ids.
///
/// Make the guard first and drop it last. That they are gone when the guard is dropped is the one
/// thing that Rust cannot check here; a guard in the same scope, declared before, sees to it.
///
/// A pinned task holds a thread of its own, so have few of them. While it runs it counts as one of
/// the runtime's workers; while it waits, another thread runs in its place. To come back costs two
/// to three thread switches (some 20 to 50 µs) if others have its processor meanwhile, one if not.
/// While it is in [`blocking`](crate::blocking), it is pinned as well. In a simulation
/// ([`test::seeds`](crate::test::seeds)) its thread is one more, so a schedule is not the same
/// again.
///
/// On a thread that runs no task, and inside a call of [`blocking`](crate::blocking), the code is on
/// its thread anyway: the guard does nothing there, and means nothing after the call.
///
/// ```
/// use std::cell::Cell;
///
/// thread_local!(static DEPTH: Cell<u32> = const { Cell::new(0) });
///
/// runtime::Runtime::run(|| {
///     let pinned = runtime::task::pin();
///     DEPTH.with(|depth| {
///         depth.set(depth.get() + 1);
///         // The reference would be another thread's after this, without the guard.
///         runtime::yield_now();
///         depth.set(depth.get() - 1);
///     });
///     drop(pinned);
/// });
/// ```
pub fn pin() -> Pinned {
    let record = current::enter();
    if let Some(record) = record {
        // SAFETY: the task runs here.
        let is_first = unsafe { record.pin() };
        if is_first {
            with_worker(|worker| worker.ask(Request::Pin));
            // The worker comes right back, and on this thread: that may be done while unwinding,
            // too.
            leave(record);
        }
    }
    Pinned {
        record,
        not_send: PhantomData,
    }
}

/// Spawns a task that is pinned to its thread from its begin to its end; see [`pin`].
///
/// ```
/// use std::thread;
///
/// runtime::Runtime::run(|| {
///     let task = runtime::task::spawn_pinned(|| {
///         let first = thread::current().id();
///         runtime::sleep(std::time::Duration::from_millis(1));
///         first == thread::current().id()
///     });
///     assert!(task.join().unwrap());
/// });
/// ```
///
/// # Panics
/// On a thread that runs no task.
#[track_caller]
pub fn spawn_pinned<F, T>(body: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    Builder::new().spawn_pinned(body)
}

impl Builder {
    /// Spawns a task with these settings that is pinned to its thread; see [`spawn_pinned`].
    ///
    /// # Panics
    /// On a thread that runs no task.
    #[track_caller]
    pub fn spawn_pinned<F, T>(self, body: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.spawn(move || {
            let _pinned = pin();
            body()
        })
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        if let Some(record) = self.record {
            // SAFETY: the guard is not `Send`, so the task that made it runs here.
            unsafe { record.drop_pin() };
        }
    }
}

impl fmt::Debug for Pinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pinned")
            .field("task", &self.record.map(Record::id))
            .finish()
    }
}
