//! The part of a runtime that all its workers, wakers and the monitor share.
//!
//! A shared part is never freed, only used again by the next runtime of the same size: a
//! waker on a foreign thread may still be on its way through [`Shared::make_runnable`] when
//! the task it woke has already ended the runtime.

use std::time::Duration;

use crate::introspect::AllAsleep;
use crate::monitor::{self, Rest};
use crate::netpoll::Poller;
use crate::primitive::{
    atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering},
    static_sync::{Mutex, MutexGuard},
};
use crate::sched::{
    close_watch::CloseWatch,
    drain::Drain,
    global_queue::GlobalQueue,
    idle::Idle,
    processor::Processor,
    seat::Seats,
    simulation::Simulation,
    sleep::{self, Workplace},
    worker::Worker,
    workers::WorkerThreads,
};
use crate::sys::clock;
use crate::task::{current::with_worker, record::Record};

/// What a builder decided.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) workers: usize,
    pub(crate) stack_limit: usize,
    pub(crate) stall_period: Duration,
    pub(crate) thread_name: String,
    /// The seed of a simulation; of one worker then.
    pub(crate) simulation: Option<u64>,
    pub(crate) on_all_asleep: Option<fn(&AllAsleep)>,
}

/// One runtime.
#[derive(Debug)]
pub(crate) struct Shared {
    processors: Box<[Processor]>,
    pub(crate) workers: usize,
    pub(crate) global: GlobalQueue<Record>,
    pub(crate) idle: Idle,
    pub(crate) threads: WorkerThreads,
    pub(crate) seats: Seats,
    /// Set when the main function has returned: workers stop.
    stop: AtomicBool,
    /// Counts the runs of this shared part, from 1.
    run: AtomicU64,
    stack_limit: AtomicUsize,
    /// Tasks spawned from foreign threads less those that a shutdown ended.
    pub(crate) live: AtomicI64,
    pub(crate) handoffs: AtomicU64,
    /// Processors that are released for a blocking call; not less than there are.
    pub(super) released: AtomicUsize,
    /// Whether the monitor looks often.
    pub(super) close_watch: CloseWatch,
    /// There is a monitor: not under Miri and loom, nor in the child of a fork.
    has_monitor: AtomicBool,
    /// Who waits for the last task.
    pub(super) drain: Drain,
    pub(crate) simulation: Simulation,
    /// What tasks wait for outside of the process. Kept from run to run, with what is registered.
    pub(crate) poller: Poller,
}

/// Shared parts of runtimes that have ended.
static UNUSED: Mutex<Vec<&'static Shared>> = Mutex::new(Vec::new());

impl Shared {
    /// A shared part for a run with these settings.
    pub(crate) fn acquire(settings: &Settings) -> &'static Self {
        let mut unused = lock_unused();
        let place = unused
            .iter()
            .position(|shared| shared.workers == settings.workers);
        let shared: &'static Self = match place {
            Some(place) => unused.swap_remove(place),
            None => Box::leak(Box::new(Self::new(settings.workers))),
        };
        drop(unused);
        shared
            .stack_limit
            .store(settings.stack_limit, Ordering::Relaxed);
        shared.live.store(0, Ordering::Relaxed);
        shared.released.store(0, Ordering::Relaxed);
        shared.handoffs.store(0, Ordering::Relaxed);
        shared.threads.open();
        shared.seats.clear();
        shared.close_watch.end();
        shared.has_monitor.store(false, Ordering::Relaxed);
        shared.processors.iter().for_each(Processor::reset);
        shared.simulation.begin(settings.simulation);
        shared.stop.store(false, Ordering::SeqCst);
        let run = shared.run.fetch_add(1, Ordering::Relaxed) + 1;
        shared.global.open(run);
        shared
    }

    /// Gives the shared part of an ended run back.
    pub(crate) fn release(&'static self) {
        lock_unused().push(self);
    }

    fn new(workers: usize) -> Self {
        // As many spare processors as configured ones, and a few for small machines.
        let processors = 2 * workers + 2;
        Self {
            processors: (0..processors).map(|_| Processor::new()).collect(),
            workers,
            global: GlobalQueue::new(),
            idle: Idle::new(),
            threads: WorkerThreads::new(),
            seats: Seats::new(),
            stop: AtomicBool::new(false),
            run: AtomicU64::new(0),
            stack_limit: AtomicUsize::new(0),
            live: AtomicI64::new(0),
            handoffs: AtomicU64::new(0),
            released: AtomicUsize::new(0),
            close_watch: CloseWatch::new(),
            has_monitor: AtomicBool::new(false),
            drain: Drain::new(),
            simulation: Simulation::off(),
            poller: Poller::new(),
        }
    }

    pub(crate) fn processors(&self) -> &[Processor] {
        &self.processors
    }

    pub(crate) fn processor(&self, index: usize) -> &Processor {
        &self.processors[index]
    }

    /// The time that the timers go by.
    pub(crate) fn now_ns(&self) -> u64 {
        self.simulation.now_ns().unwrap_or_else(clock::monotonic_ns)
    }

    pub(crate) fn stack_limit(&self) -> usize {
        self.stack_limit.load(Ordering::Relaxed)
    }

    pub(crate) fn current_run(&self) -> u64 {
        self.run.load(Ordering::Relaxed)
    }

    #[inline]
    pub(crate) fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Makes all workers end at their next scheduling point.
    pub(crate) fn stop(&self) {
        // SeqCst: with the lock of the sleepers' list, a worker that registers afterwards
        // sees it before it sleeps.
        self.stop.store(true, Ordering::SeqCst);
        while let Some(sleeper) = self.idle.claim_any() {
            self.unpark(sleeper);
        }
        self.seats.wake_all();
    }

    /// Queues a task that was just woken: beside the waker if that is a worker of this
    /// runtime, else for all.
    #[inline]
    pub(crate) fn make_runnable(&'static self, task: &'static Record) {
        self.queue(task, Worker::push_next);
    }

    /// Queues a task behind the others of this worker; wakes nobody.
    pub(crate) fn make_runnable_behind(&'static self, task: &'static Record) {
        self.queue(task, Worker::push_back);
    }

    #[inline]
    fn queue(&'static self, task: &'static Record, push: impl FnOnce(&Worker, &'static Record)) {
        let queued = with_worker(|worker| {
            let is_ours = std::ptr::eq(worker.shared(), self);
            if is_ours {
                push(worker, task);
            }
            is_ours
        });
        if queued != Some(true) {
            self.inject(task);
        }
    }

    /// Queues a task for any worker.
    #[cold]
    pub(crate) fn inject(&self, task: &'static Record) {
        self.global.push(task);
        self.wake_one();
    }

    /// Queues a new task if this run has not ended; `make` is called only then.
    #[must_use]
    pub(crate) fn inject_for(&self, run: u64, make: impl FnOnce() -> &'static Record) -> bool {
        let queued = self.global.push_for(run, || {
            let task = make();
            self.live.fetch_add(1, Ordering::Relaxed);
            task
        });
        if queued {
            self.wake_one();
        }
        queued
    }

    /// After a task was queued: wakes one sleeper unless someone searches already. If there is
    /// neither, but a worker in a blocking call, the monitor finds it a successor.
    pub(crate) fn wake_one(&self) {
        let is_woken = self.wake_sleeper();
        // The fence in `wake_sleeper` pairs with that of the release (`blocking.rs`).
        if !is_woken && self.released.load(Ordering::Relaxed) > 0 && self.idle.is_nobody_idle() {
            monitor::kick();
        }
    }

    /// Wakes one sleeper unless someone searches; whether it did.
    pub(super) fn wake_sleeper(&self) -> bool {
        let sleeper = self.idle.claim();
        if let Some(sleeper) = sleeper {
            self.unpark(sleeper);
        }
        sleeper.is_some()
    }

    /// Wakes a sleeper that the caller has claimed.
    fn unpark(&self, sleeper: usize) {
        self.processors[sleeper].parker.unpark();
        self.poller.interrupt(sleeper);
    }

    /// The monitor looks after this run.
    pub(crate) fn set_has_monitor(&self) {
        self.has_monitor.store(true, Ordering::Relaxed);
    }

    /// Something may come to wait behind the task that is about to run, or runs.
    #[inline]
    pub(super) fn watch_closely(&self) {
        self.close_watch.raise();
    }

    /// A worker falls asleep. If it is the last one, nothing can wait behind a running task.
    pub(super) fn end_close_watch_if_all_sleep(&self) {
        let is_over = || self.is_everyone_asleep() && !self.poller.is_unattended();
        if self.close_watch.is_rare() && is_over() {
            self.close_watch.end();
            if !is_over() {
                self.watch_closely();
            }
        }
    }

    /// Whether nothing is queued, and every worker that has a processor sleeps; a guess, ordered by
    /// the caller's fences.
    fn is_everyone_asleep(&self) -> bool {
        let processors = self.processors.iter();
        let in_use = processors.filter(|processor| processor.ownership.is_in_use());
        let working = in_use.filter(|processor| processor.ownership.released().is_none());
        working.count() == self.idle.sleeping()
            && self.global.len() == 0
            && self
                .processors
                .iter()
                .all(|processor| processor.queued() == 0)
    }

    /// Whether a sleeper would be in time for the timers, but nobody waits for them; a guess, ordered
    /// by the caller's fence.
    pub(super) fn is_keeper_missing(&self) -> bool {
        self.idle.sleeping() > 0 && sleep::is_keeper_wanted(self)
    }

    /// Whether there is a task that a searcher could take. Next slots do not count: they
    /// belong to their worker, unless it does not come back (see `README.md`).
    pub(crate) fn is_work_visible(&self) -> bool {
        self.global.len() > 0
            || self
                .processors
                .iter()
                .any(|processor| processor.queue.len() > 0)
    }

    /// Whether nothing is queued, no timer is set, and every worker that has a processor sleeps.
    pub(crate) fn rest(&self) -> Option<Rest> {
        let is_resting = self.is_everyone_asleep()
            && self.next_deadline_ns() == crate::time::NEVER
            && !self.is_stopping();
        let ticks = self
            .processors
            .iter()
            .map(|processor| processor.tick.load(Ordering::Relaxed));
        is_resting.then(|| Rest {
            turns: ticks.fold(0, u64::wrapping_add),
            // And the one that waits for the end.
            threads: self.threads.count() + 1,
            ..Rest::default()
        })
    }

    /// The earliest deadline of all timers.
    pub(crate) fn next_deadline_ns(&self) -> u64 {
        let deadlines = self
            .processors
            .iter()
            .map(|processor| processor.timers.next_ns());
        deadlines.min().unwrap_or(crate::time::NEVER)
    }
}

impl Workplace for Shared {
    fn idle(&self) -> &Idle {
        &self.idle
    }

    fn next_deadline_ns(&self) -> u64 {
        self.next_deadline_ns()
    }

    fn is_work_visible(&self) -> bool {
        self.is_work_visible()
    }

    fn is_left_to_monitor(&self, deadline_ns: u64) -> bool {
        let is_left = self.has_monitor.load(Ordering::Relaxed)
            && self.idle.sleeping() > 0
            && deadline_ns >= self.now_ns().saturating_add(sleep::FAR_NS);
        if is_left {
            self.watch_closely();
        }
        is_left
    }

    fn is_stopping(&self) -> bool {
        self.is_stopping()
    }

    fn wake_one(&self) {
        self.wake_one();
    }

    fn park(&self, worker: usize) {
        self.processors[worker].parker.park();
    }

    fn park_until(&self, worker: usize, deadline_ns: u64) -> bool {
        self.tell_if_empty();
        let wait_ns = match deadline_ns {
            crate::time::NEVER => None,
            _ if self.simulation.is_on() && self.released.load(Ordering::Relaxed) == 0 => {
                self.simulation.jump_to(deadline_ns);
                return false;
            }
            _ => Some(deadline_ns.saturating_sub(self.now_ns())),
        };
        if wait_ns == Some(0) {
            return false;
        }
        self.park_for(worker, wait_ns)
    }
}

fn lock_unused() -> MutexGuard<'static, Vec<&'static Shared>> {
    UNUSED
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}
