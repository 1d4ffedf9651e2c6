//! Spawning: a slot, one allocation, and a place in the run queue.

use std::panic::Location;

use crate::ledger::{self, Counter};
use crate::primitive::static_atomic::Ordering;
use crate::primitive::static_sync::Arc;
use crate::probe;
use crate::sched::{shared::Shared, worker::Worker};
use crate::site::{self, Site};
use crate::sys::clock;
use crate::task::{
    JoinHandle, TaskId, cell,
    current::{self, with_worker},
    extras::{ExtrasCell, Listener, OnEnd},
    join::RUNTIME_ENDED,
    local,
    record::Record,
    table,
};

/// Spawns a task into the runtime of the calling task.
///
/// The line of the call is the task's *site*: what observers count it under.
///
/// ```
/// let words = runtime::Runtime::run(|| {
///     let task = runtime::spawn(|| "from a task".to_owned());
///     task.join().unwrap()
/// });
/// assert_eq!(words, "from a task");
/// ```
///
/// # Panics
/// On a thread that runs no task: use [`Handle::spawn`](crate::Handle::spawn) there.
#[track_caller]
pub fn spawn<F, T>(body: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    Builder::new().spawn(body)
}

/// Settings of one task.
///
/// ```
/// runtime::Runtime::run(|| {
///     let worker = runtime::task::Builder::new()
///         .name("indexer")
///         .stack_limit(1 << 20)
///         .spawn(|| runtime::task::name());
///     assert_eq!(worker.join().unwrap(), Some("indexer"));
/// });
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Builder {
    pub(crate) name: Option<&'static str>,
    pub(crate) stack_limit: Option<usize>,
    pub(crate) service: bool,
}

impl Builder {
    /// No name, the runtime's stack limit, no service.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Names the task, and makes a site of its own of the spawn's line with this name.
    #[must_use]
    pub fn name(mut self, name: &'static str) -> Self {
        self.name = Some(name);
        self
    }

    /// The most that the task's stack may grow to, in bytes: rounded up to whole pages, at least
    /// 32 KiB. A task with more than 8 MiB gets no stack: it is cancelled, and its join says so.
    #[must_use]
    pub fn stack_limit(mut self, bytes: usize) -> Self {
        self.stack_limit = Some(bytes);
        self
    }

    /// Declares that the task lives and waits for ever, so that nobody reports it for that.
    #[must_use]
    pub fn service(mut self, service: bool) -> Self {
        self.service = service;
        self
    }

    /// Spawns a task with these settings; see [`spawn`].
    ///
    /// # Panics
    /// On a thread that runs no task.
    #[track_caller]
    pub fn spawn<F, T>(self, body: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let location = Location::caller();
        let Some(parent) = current::enter() else {
            panic_outside()
        };
        // SAFETY: body and result are `'static`.
        unsafe { spawn_on_worker(self, location, parent, None, body) }
    }

    /// Spawns a task whose end is told to `listener`.
    ///
    /// # Safety
    /// Body and result are good until `listener` was told, and what the handle gets for as long
    /// as the handle is used.
    #[track_caller]
    pub(crate) unsafe fn spawn_listened<F, T>(
        self,
        listener: Arc<dyn OnEnd>,
        body: F,
    ) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send,
        T: Send,
    {
        let location = Location::caller();
        let Some(parent) = current::enter() else {
            panic_outside()
        };
        // SAFETY: as the caller promises.
        unsafe { spawn_on_worker(self, location, parent, Some(listener), body) }
    }
}

#[cold]
#[track_caller]
fn panic_outside() -> ! {
    panic!(
        "spawn was called on a thread that runs no task: call it inside `Runtime::run`, or \
         take a `Handle` there and use `Handle::spawn`"
    )
}

/// Spawns from a task, through its worker's caches.
///
/// Budget, with the task's run, its end and the join of it by its parent: eight read-modify-writes,
/// no fence, no lock, no clock (`budgets.rs`).
///
/// # Safety
/// As for [`cell::new`].
#[inline]
unsafe fn spawn_on_worker<F, T>(
    settings: Builder,
    location: &'static Location<'static>,
    parent: &'static Record,
    listener: Listener,
    body: F,
) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    // SAFETY: the parent runs here.
    let extras = ExtrasCell::new(unsafe { parent.locals() }, listener);
    let spawned = with_worker(|worker: &Worker| {
        let site = worker.site(location, settings.name, settings.service);
        let record = worker.take_slot();
        let shared = worker.shared();
        // SAFETY: as the caller promises.
        let handle = unsafe { start(settings, site, shared, Some(parent), record, extras, body) };
        worker.shard().add(site, Counter::Spawned, 1);
        note_spawn(record, site, parent.id());
        worker.count_spawn();
        worker.push_next(record);
        handle
    });
    spawned.expect("a task runs on a worker")
}

/// Spawns from any thread into a run of a runtime; a run that has ended cancels the task.
pub(crate) fn spawn_from_outside<F, T>(
    settings: Builder,
    location: &'static Location<'static>,
    shared: &'static Shared,
    run: u64,
    body: F,
) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let site = site::intern(location, settings.name, settings.service);
    let parent = current::record();
    let mut started = None;
    let mut body = Some(body);
    let queued = shared.inject_for(run, || {
        let record = table::take_shared();
        let body = body.take().expect("called once");
        let extras = ExtrasCell::new(local::inherited(), None);
        // SAFETY: body and result are `'static`.
        started = Some(unsafe { start(settings, site, shared, parent, record, extras, body) });
        ledger::shared().add(site, Counter::Spawned, 1);
        note_spawn(record, site, parent.map_or(TaskId::NONE, Record::id));
        record
    });
    match started {
        Some(handle) if queued => handle,
        _ => never_started(site, body.take().expect("not called")),
    }
}

/// The handle of a task whose runtime had ended before it was spawned.
fn never_started<F, T>(site: &'static Site, body: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    // SAFETY: body and result are `'static`.
    let (task, handle) = unsafe { cell::new(TaskId::NONE, site, ExtrasCell::none(), body) };
    task.cancel(RUNTIME_ENDED.into());
    JoinHandle::new(handle)
}

/// # Safety
/// As for [`cell::new`].
#[inline]
unsafe fn start<F, T>(
    settings: Builder,
    site: &'static Site,
    shared: &'static Shared,
    parent: Option<&'static Record>,
    record: &'static Record,
    extras: ExtrasCell,
    body: F,
) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    let limit = settings.stack_limit.unwrap_or_else(|| shared.stack_limit());
    let mut handle = None;
    record.start(site, shared, parent, limit, |id| {
        // SAFETY: as the caller promises.
        let (task, joined) = unsafe { cell::new(id, site, extras, body) };
        handle = Some(JoinHandle::new(joined));
        task
    });
    handle.expect("`start` makes the cell")
}

/// Fires `spawn`, and notes since when the task is runnable if anyone listens.
#[inline]
fn note_spawn(record: &Record, site: &'static Site, parent: TaskId) {
    let since_ns = if probe::is_run_timed() {
        clock::monotonic_ns()
    } else {
        0
    };
    record.since_ns.store(since_ns, Ordering::Relaxed);
    probe::spawn(record.id().as_u64(), site.address(), parent.as_u64());
}
