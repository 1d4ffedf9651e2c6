//! Handles: spawning into a runtime from threads that run none of its tasks.

use std::panic::Location;

use crate::sched::shared::Shared;
use crate::task::{self, JoinHandle, current::with_worker, spawn::spawn_from_outside};

/// Spawns tasks into a runtime from any thread. Cheap to copy.
///
/// ```
/// use runtime::{Handle, Runtime};
///
/// Runtime::run(|| {
///     let handle = Handle::current().unwrap();
///     let thread = std::thread::spawn(move || handle.spawn(|| 7).join().unwrap());
///     runtime::sleep(std::time::Duration::from_millis(1));
///     assert_eq!(thread.join().unwrap(), 7);
/// });
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Handle {
    shared: &'static Shared,
    run: u64,
}

impl Handle {
    /// The runtime of the calling task, or `None` on a thread that runs no task.
    #[must_use]
    pub fn current() -> Option<Self> {
        let shared = with_worker(|worker| worker.shared())?;
        Some(Self {
            shared,
            run: shared.current_run(),
        })
    }

    /// Spawns a task into this handle's runtime. If the runtime has ended, the body is dropped
    /// and joining gives a [`JoinError`](crate::JoinError) that is cancelled.
    #[track_caller]
    pub fn spawn<F, T>(&self, body: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.spawn_with(task::Builder::new(), body)
    }

    /// Spawns a task with settings; see [`Handle::spawn`].
    #[track_caller]
    pub fn spawn_with<F, T>(&self, settings: task::Builder, body: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.spawn_at(settings, Location::caller(), body)
    }

    pub(crate) fn spawn_at<F, T>(
        &self,
        settings: task::Builder,
        location: &'static Location<'static>,
        body: F,
    ) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        spawn_from_outside(settings, location, self.shared, self.run, body)
    }

    /// Whether nobody outside may interfere with its schedule.
    pub(crate) fn is_simulated(&self) -> bool {
        self.shared.simulation.is_on()
    }

    pub(crate) fn of(shared: &'static Shared) -> Self {
        Self {
            shared,
            run: shared.current_run(),
        }
    }
}
