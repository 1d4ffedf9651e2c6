//! A runtime between its start and its end: what `Builder::try_run` holds while `main` runs.

use std::{io, mem::ManuallyDrop, sync::Arc};

use super::RunError;
use crate::monitor;
use crate::sched::{
    handoff::WatchedRuntime,
    shared::{Settings, Shared},
    shutdown::{self, LeftoverBySite},
    workers::Job,
};

/// A runtime between its start and its end. Dropped where something panics in between, so that
/// no worker outlives the call that started it.
pub(super) struct Running {
    shared: &'static Shared,
    watch: Option<monitor::WatchId>,
}

impl Running {
    /// Starts the monitor and the workers.
    pub(super) fn start(settings: &Settings) -> Result<Self, RunError> {
        let shared = Shared::acquire(settings);
        let mut running = Self {
            shared,
            watch: None,
        };
        let watched = WatchedRuntime::new(shared, settings);
        running.watch = Some(monitor::register(Arc::new(watched), settings.stall_period)?);
        if monitor::is_running() {
            shared.set_has_monitor();
        }
        for index in 0..settings.workers {
            running.start_worker(index, &settings.thread_name)?;
        }
        Ok(running)
    }

    fn start_worker(&self, index: usize, thread_name: &str) -> io::Result<()> {
        let is_claimed = self.shared.processor(index).claim();
        assert!(is_claimed, "a new run owns no processor");
        let job = Job {
            index,
            release: None,
        };
        self.shared.threads.start(self.shared, job, thread_name)
    }

    pub(super) fn shared(&self) -> &'static Shared {
        self.shared
    }

    /// Stops the workers and ends the tasks that are left, which it returns.
    pub(super) fn end(self) -> LeftoverBySite {
        ManuallyDrop::new(self).stop()
    }

    fn stop(&self) -> LeftoverBySite {
        self.shared.stop();
        // Before the threads are joined: the monitor starts threads too.
        if let Some(watch) = self.watch {
            monitor::deregister(watch);
        }
        self.shared.threads.join_all();
        let leftover = shutdown::end_leftover(self.shared);
        self.shared.release();
        leftover
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

    use super::*;
    use crate::Builder;

    #[test]
    fn a_panic_between_start_and_end_stops_the_workers() {
        // A number of workers that no other test has, so that the shared part is known again.
        let settings = Builder::new().workers(7).settings();
        let mut shared = None;
        let bootstrap = AssertUnwindSafe(|| {
            let running = Running::start(&settings).unwrap();
            shared = Some(running.shared);
            resume_unwind(Box::new("as a bootstrap that fails"));
        });
        assert!(catch_unwind(bootstrap).is_err());
        let again = Shared::acquire(&settings);
        assert!(std::ptr::eq(again, shared.unwrap()), "it was given back");
        assert!(again.processors().iter().all(|p| !p.ownership.is_in_use()));
    }

    /// Tries to run where the calling thread may start no other.
    #[cfg(not(miri))]
    fn run_without_threads() -> Option<RunError> {
        let thread = std::thread::spawn(|| {
            crate::sys::trial::forbid_threads();
            Builder::new().workers(2).try_run(|| ()).err()
        });
        thread.join().unwrap()
    }

    #[test]
    #[cfg(not(miri))]
    fn a_monitor_or_a_worker_that_cannot_be_started_is_an_error() {
        const IN_CHILD: &str = "PARKWATCH_TEST_IN_CHILD";
        let name =
            "builder::running::tests::a_monitor_or_a_worker_that_cannot_be_started_is_an_error";
        // In a process of its own, which has no monitor yet.
        if std::env::var_os(IN_CHILD).is_none() {
            let child = std::process::Command::new(std::env::current_exe().unwrap())
                .args([name, "--exact", "--nocapture"])
                .env(IN_CHILD, "1")
                .output()
                .unwrap();
            let errors = String::from_utf8_lossy(&child.stderr);
            assert!(child.status.success(), "{errors}");
            return;
        }
        let no_monitor = run_without_threads();
        assert!(matches!(no_monitor, Some(RunError::Thread(_))));
        assert_eq!(Builder::new().workers(2).run(|| 7), 7, "it is started now");
        let no_worker = run_without_threads();
        assert!(matches!(no_worker, Some(RunError::Thread(_))));
        assert_eq!(Builder::new().workers(2).run(|| 7), 7);
    }
}
