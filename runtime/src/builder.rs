//! Starting a runtime and ending it: [`Runtime::run`] and its settings.

mod running;

use std::{fmt, io, num::NonZero, panic::Location, time::Duration};

use crate::cancel::Token;
use crate::introspect::AllAsleep;
use crate::sched::{handle::Handle, shared::Settings, simulation};
use crate::site::Site;
use crate::stack;
use crate::task::{self, JoinError};
use running::Running;

/// Stack limit of tasks that set none.
const STACK_LIMIT_BYTES: usize = 256 * 1024;
/// How long a park may last before it is a stall.
const STALL_PERIOD: Duration = Duration::from_secs(10);

/// The runtime with its default settings; [`Builder`] has the others.
#[derive(Debug)]
pub struct Runtime(());

impl Runtime {
    /// Runs `main` as the root task, and returns what it returned.
    ///
    /// The call starts the workers, waits for `main`, and ends the workers: each at the next
    /// point where its task parks, yields or ends. A task that reaches no such point keeps
    /// `run` from returning. Tasks that are still alive then are *abandoned*: see
    /// [`Finished::leftover`].
    ///
    /// ```
    /// use runtime::{Runtime, spawn};
    ///
    /// let sum = Runtime::run(|| {
    ///     let tasks: Vec<_> = (0..10).map(|i| spawn(move || i * i)).collect();
    ///     tasks.into_iter().map(|task| task.join().unwrap()).sum::<u64>()
    /// });
    /// assert_eq!(sum, 285);
    /// ```
    ///
    /// # Panics
    /// With what `main` panicked with; inside a task; where threads cannot be started.
    #[track_caller]
    pub fn run<F, T>(main: F) -> T
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        Builder::new().run(main)
    }
}

/// What [`Builder::try_run`] gives back.
#[derive(Debug)]
pub struct Finished<T> {
    /// What `main` returned, or how it panicked.
    pub result: Result<T, JoinError>,
    /// The tasks that were alive when the workers had stopped, by site, the most numerous
    /// first. They are counted as cancelled, and whoever joins them gets an error.
    ///
    /// A task that had never run is dropped. One that had begun is abandoned: it never runs
    /// again, nothing of it is unwound, and its stack is leaked, because others may hold
    /// references into it. A program that runs many runtimes should end its tasks itself.
    pub leftover: Vec<Leftover>,
}

/// Tasks of one site that were alive when a runtime ended.
#[derive(Clone, Copy, Debug)]
pub struct Leftover {
    site: &'static Site,
    tasks: u64,
}

impl Leftover {
    /// The line that spawned them.
    #[must_use]
    pub fn site(&self) -> &'static Site {
        self.site
    }

    /// How many there were.
    #[must_use]
    pub fn tasks(&self) -> u64 {
        self.tasks
    }
}

impl fmt::Display for Leftover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.tasks, self.site)
    }
}

/// Why a runtime could not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The caller is a task: the nested runtime would block its worker.
    #[error("a runtime cannot run inside a task: spawn tasks there, or start a thread for it")]
    Nested,
    /// The number of workers is zero or too large.
    #[error("a runtime needs 1 to {max} workers, not {workers}", max = Builder::MAX_WORKERS)]
    Workers {
        /// The number asked for.
        workers: usize,
    },
    /// The system would not start a thread: a worker's or the monitor's.
    #[error("cannot start a thread of the runtime")]
    Thread(#[from] io::Error),
}

/// Settings of a runtime.
///
/// ```
/// use runtime::Builder;
///
/// let finished = Builder::new().workers(2).thread_name("indexer").try_run(|| 7).unwrap();
/// assert_eq!(finished.result.unwrap(), 7);
/// assert!(finished.leftover.is_empty());
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder {
    settings: Settings,
    fixed_stacks: bool,
    grace: Option<Duration>,
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}

impl Builder {
    /// The most workers that a runtime may have.
    pub const MAX_WORKERS: usize = 1024;

    /// As many workers as the process may use cores, stacks of up to 256 KiB that grow on
    /// demand, a stall period of 10 s, threads named `worker-0` and so on.
    pub fn new() -> Self {
        let workers = std::thread::available_parallelism().map_or(1, NonZero::get);
        let settings = Settings {
            workers: workers.min(Self::MAX_WORKERS),
            stack_limit: STACK_LIMIT_BYTES,
            stall_period: STALL_PERIOD,
            thread_name: "worker".to_owned(),
            simulation: None,
            on_all_asleep: None,
        };
        Self {
            settings,
            fixed_stacks: false,
            grace: None,
        }
    }

    /// How many workers run tasks at a time.
    pub fn workers(mut self, workers: usize) -> Self {
        self.settings.workers = workers;
        self
    }

    /// The most that the stack of a task may grow to, in bytes, if the task's own builder
    /// sets nothing else.
    pub fn stack_limit(mut self, bytes: usize) -> Self {
        self.settings.stack_limit = bytes;
        self
    }

    /// How long a park may last before observers are told of it as a stall.
    pub fn stall_period(mut self, period: Duration) -> Self {
        self.settings.stall_period = period;
        self
    }

    /// The first part of the names of worker threads.
    pub fn thread_name(mut self, name: impl Into<String>) -> Self {
        self.settings.thread_name = name.into();
        self
    }

    /// Calls `report` when no task of the process can ever run again: what Go reports as "all
    /// goroutines are asleep". Without this call such a program waits for ever, in silence.
    ///
    /// It is told once, by the monitor's thread, within half a second, and only where it is certain:
    /// every task is parked, none of them for a time, for I/O or in a [`blocking`](crate::blocking)
    /// call, no timer is set, and **the process has no thread but those of its runtimes**, because
    /// any other may have a [`Handle`], a sender, or a [`Waiter`](task::Waiter) to wake a task with.
    /// (The thread of [`dump_on_sigquit`](crate::introspect::dump_on_sigquit) is such a thread.) For
    /// tasks that wait for each other in a program that goes on otherwise there is
    /// [`introspect::cycles`](crate::introspect::cycles). If `report` returns, the process goes on
    /// waiting; if it panics, that ends it.
    ///
    /// ```no_run
    /// use runtime::{Builder, chan};
    ///
    /// let builder = Builder::new().on_all_asleep(|asleep| {
    ///     eprintln!("{asleep}");
    ///     std::process::exit(2);
    /// });
    /// builder.run(|| {
    ///     let (_sender, receiver) = chan::bounded::<()>(1);
    ///     // The only sender is ours: all tasks are asleep.
    ///     let _ = receiver.recv();
    /// });
    /// ```
    pub fn on_all_asleep(mut self, report: fn(&AllAsleep)) -> Self {
        self.settings.on_all_asleep = Some(report);
        self
    }

    /// Makes the runtime a simulation with this seed, of one worker.
    pub(crate) fn simulation(mut self, seed: u64) -> Self {
        self.settings.simulation = Some(seed);
        self.workers(1)
    }

    /// Opens stacks whole instead of growing them: no fault at any edge, no growth events.
    /// Holds for the process from the first runtime that asks for it.
    pub fn fixed_stacks(mut self, fixed: bool) -> Self {
        self.fixed_stacks = fixed;
        self
    }

    /// How long other tasks may take to end when `main` has returned, or panicked. At first none:
    /// workers stop at once.
    ///
    /// With a grace period, `main` runs under a token of the runtime's own, from which those of all
    /// tasks descend ([`cancel::current`](crate::cancel::current())). When `main` is over,
    ///
    /// 1. that token is cancelled: accept loops, connections and workers that look at theirs end
    ///    their waits with an error, and return, with all their destructors;
    /// 2. the call waits until no task is left, for this long at most;
    /// 3. the workers stop, and what did not end is reported by site: in
    ///    [`Finished::leftover`], and by [`Builder::run`] to standard error.
    ///
    /// A server that is to finish what it has begun before anybody is told to stop ends its accept
    /// loop by a token of its own, and waits, before `main` returns. Other runtimes of the process
    /// notice nothing.
    ///
    /// The price is that every task inherits the token: a count at its spawn and one at its end.
    ///
    /// ```
    /// use runtime::{Builder, cancel, chan, spawn};
    /// use std::time::Duration;
    ///
    /// let (told, stopped) = chan::bounded(1);
    /// let finished = Builder::new().grace(Duration::from_secs(5)).try_run(move || {
    ///     spawn(move || {
    ///         let why = cancel::current().wait();
    ///         told.send(why.to_string()).unwrap();
    ///     });
    /// });
    /// assert!(finished.unwrap().leftover.is_empty());
    /// assert_eq!(stopped.recv().unwrap(), "cancelled: it was asked for");
    /// ```
    pub fn grace(mut self, period: Duration) -> Self {
        self.grace = Some(period);
        self
    }

    /// Runs `main` as [`Runtime::run`] does.
    ///
    /// # Panics
    /// With what `main` panicked with, and where [`Builder::try_run`] gives an error.
    #[track_caller]
    pub fn run<F, T>(self, main: F) -> T
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let is_graceful = self.grace.is_some();
        let finished = match self.try_run(main) {
            Ok(finished) => finished,
            Err(error) => panic!("{error}"),
        };
        if is_graceful {
            for leftover in &finished.leftover {
                eprintln!("runtime: did not end within the grace period: {leftover}");
            }
        }
        match finished.result {
            Ok(value) => value,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(error) => panic!("{error}"),
        }
    }

    /// Runs `main`, and reports how it and the other tasks ended.
    ///
    /// # Errors
    /// [`RunError`] if the runtime could not start; `main` has not run then.
    #[track_caller]
    pub fn try_run<F, T>(self, main: F) -> Result<Finished<T>, RunError>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let location = Location::caller();
        self.check()?;
        if self.fixed_stacks {
            stack::set_fixed(true);
        }
        let running = Running::start(&self.settings)?;
        let root = task::Builder::new().name("main").service(true);
        let seed = self.settings.simulation;
        let main = move || {
            if let Some(seed) = seed {
                simulation::begin_anew(seed);
            }
            main()
        };
        let handle = Handle::of(running.shared());
        let result = match self.grace {
            None => handle.spawn_at(root, location, main).join(),
            Some(period) => {
                let token = Token::new();
                let told = token.clone();
                let main = move || told.run(main);
                let result = handle.spawn_at(root, location, main).join();
                token.cancel();
                running.shared().wait_until_empty(period);
                result
            }
        };
        let leftover = running.end().into_values();
        let mut leftover: Vec<_> = leftover
            .map(|(site, tasks)| Leftover { site, tasks })
            .collect();
        leftover.sort_by_key(|leftover| std::cmp::Reverse(leftover.tasks));
        Ok(Finished { result, leftover })
    }

    #[cfg(test)]
    pub(crate) fn settings(&self) -> Settings {
        self.settings.clone()
    }

    fn check(&self) -> Result<(), RunError> {
        if task::current().is_some() {
            return Err(RunError::Nested);
        }
        let workers = self.settings.workers;
        match workers {
            1..=Self::MAX_WORKERS => Ok(()),
            _ => Err(RunError::Workers { workers }),
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::{spawn, yield_now};

    /// Small enough for Miri: spawn, yield, park, join, a panic, and the end of a runtime.
    #[test]
    fn a_small_program_runs_from_its_start_to_its_end() {
        let finished = Builder::new().workers(2).try_run(|| {
            let tasks: Vec<_> = (0..4_u32)
                .map(|number| {
                    spawn(move || {
                        yield_now();
                        spawn(move || number * 2).join().unwrap()
                    })
                })
                .collect();
            let panics = spawn(|| std::panic::resume_unwind(Box::new("no message")));
            assert!(panics.join().unwrap_err().is_panic());
            tasks
                .into_iter()
                .map(|task| task.join().unwrap())
                .sum::<u32>()
        });
        let finished = finished.unwrap();
        assert_eq!(finished.result.unwrap(), 12);
        assert!(finished.leftover.is_empty());
    }
}
