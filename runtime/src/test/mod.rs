//! For tests of programs that use this runtime: a runtime per test, which fails if tasks are
//! left, and simulations, in which schedule and time are a matter of a seed.
//!
//! ```
//! use runtime::{sleep, spawn, test};
//! use std::time::Duration;
//!
//! // In a `#[test]`: an hour passes in no time, and a hundred schedules are tried.
//! test::seeds(0..100, || {
//!     let napper = spawn(|| sleep(Duration::from_secs(3600)));
//!     napper.join().unwrap();
//! });
//! ```
//!
//! # Simulations
//!
//! One worker runs the tasks, in an order that is drawn from the seed. The clock, that of
//! [`Instant`](crate::time::Instant) and of everything that waits in this crate, stands still
//! while tasks run (but for a microsecond a switch), and jumps to the next deadline when all
//! wait. A run is the same again with the same seed, as long as the program asks nobody outside:
//! other threads, [`blocking`](crate::blocking) calls, the system's clock, the random order of
//! the standard library's hash maps.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use crate::introspect::{Dump, Task, tasks_of};
use crate::task::current::with_worker;
use crate::{Builder, sleep, task};

/// The environment variable that makes [`seeds`] run one seed alone.
pub const SEED_VARIABLE: &str = "RUNTIME_TEST_SEED";

/// How long tasks may take to end after a test has.
const PATIENCE: Duration = Duration::from_secs(2);

/// How a test is run.
///
/// ```
/// use runtime::{Reason, TaskId, park, task, test::Test};
///
/// // A logger outlives the test, and is expected to.
/// Test::new().allow("logger").run(|| {
///     let logger = task::Builder::new().name("logger").service(true);
///     logger.spawn(|| park(Reason::Other, 0, TaskId::NONE));
/// });
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is run until `run` is called"]
pub struct Test {
    builder: Builder,
    allowed: Vec<String>,
}

/// Runs a test in a runtime of two workers; see [`Test::run`].
///
/// # Panics
///
/// If the test does, or if tasks are left.
#[track_caller]
pub fn run<T: Send + 'static>(test: impl FnOnce() -> T + Send + 'static) -> T {
    Test::new().run(test)
}

/// Runs a test in a simulation for each of these seeds. When one fails, its seed is printed; with
/// that in the environment variable `RUNTIME_TEST_SEED`, it alone is run again.
///
/// # Panics
///
/// If the test does, or if tasks are left.
#[track_caller]
pub fn seeds(seeds: Range<u64>, test: impl Fn() + Clone + Send + 'static) {
    let alone = std::env::var(SEED_VARIABLE).ok();
    let alone = alone.map(|seed| {
        let seed: u64 = seed.parse().expect("RUNTIME_TEST_SEED is a number");
        seed..seed + 1
    });
    for seed in alone.unwrap_or(seeds) {
        let test = test.clone();
        let run = AssertUnwindSafe(|| Test::simulation(seed).run(test));
        if let Err(panic) = catch_unwind(run) {
            eprintln!("it failed with seed {seed}: {SEED_VARIABLE}={seed} runs it alone");
            resume_unwind(panic);
        }
    }
}

impl Test {
    /// A runtime of two workers, in real time.
    pub fn new() -> Self {
        Self::with(Builder::new().workers(2))
    }

    /// A runtime with these settings.
    pub fn with(builder: Builder) -> Self {
        Self {
            builder,
            allowed: Vec::new(),
        }
    }

    /// A simulation with this seed; see the module.
    pub fn simulation(seed: u64) -> Self {
        Self::with(Builder::new().simulation(seed))
    }

    /// Lets tasks be left that were spawned at a line, or under a name, that contains this.
    pub fn allow(mut self, part_of_site_or_name: impl Into<String>) -> Self {
        self.allowed.push(part_of_site_or_name.into());
        self
    }

    /// Runs the test as the main task of a runtime. When it has returned, all other tasks are to
    /// end within two seconds.
    ///
    /// # Panics
    ///
    /// If the test does, or if tasks are left: then with a [`Dump`] of them.
    #[track_caller]
    pub fn run<T: Send + 'static>(self, test: impl FnOnce() -> T + Send + 'static) -> T {
        let Self { builder, allowed } = self;
        builder.run(move || {
            let result = test();
            let left = wait_for_the_rest(&allowed);
            assert!(
                left.is_empty(),
                "tasks are left when the test has ended: {}",
                Dump::of(left)
            );
            result
        })
    }
}

impl Default for Test {
    fn default() -> Self {
        Self::new()
    }
}

/// Waits until no task but the caller is left; the tasks that stay, but those allowed.
fn wait_for_the_rest(allowed: &[String]) -> Vec<Task> {
    let mut pause = Duration::from_micros(50);
    let mut waited = Duration::ZERO;
    loop {
        let left = left(allowed);
        if left.is_empty() || waited >= PATIENCE {
            return left;
        }
        sleep(pause);
        waited += pause;
        pause = (2 * pause).min(Duration::from_millis(50));
    }
}

fn left(allowed: &[String]) -> Vec<Task> {
    let runtime = with_worker(|worker| worker.shared()).expect("a test is a task");
    let me = task::current();
    let is_allowed = |task: &Task| {
        let site = task.site();
        let (site, name) = (site.to_string(), site.name().unwrap_or_default());
        let mut allowed = allowed.iter();
        allowed.any(|part| site.contains(part.as_str()) || name.contains(part.as_str()))
    };
    let tasks = tasks_of(runtime).into_iter();
    tasks
        .filter(|task| Some(task.id()) != me && !is_allowed(task))
        .collect()
}

// Not under Miri: each test waits by looking at all tasks of the process, for minutes there.
#[cfg(all(test, not(any(loom, miri))))]
mod tests;
