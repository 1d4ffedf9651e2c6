//! Parking: how a task stops until someone wakes it, and what a primitive is built from.
//!
//! A park is published only after the task's stack was left (`sched/worker.rs`), so the code
//! here writes down what the task waits for and switches; the worker does the rest.

use std::time::Duration;

use runtime_abi::Reason;

use crate::ledger::{self, Counter};
use crate::primitive::{static_atomic::Ordering, thread};
use crate::sched::worker::{Request, Worker};
use crate::sys::clock;
use crate::task::{
    TaskId,
    current::{self, with_worker},
    record::Record,
    state::Unparking,
    table,
    wait_fields::Wait,
};
#[cfg(feature = "tracing")]
use crate::tracing;
use crate::{probe, time};

/// Someone who can be woken: a task, or a thread that is none.
///
/// Obtained by [`waiter`], stored by a primitive in its queue, woken by [`Waiter::unpark`].
/// Waking one that has ended does nothing, and says so.
#[derive(Clone, Debug)]
pub struct Waiter(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Task(TaskId),
    Thread(thread::Thread),
}

/// The caller as a [`Waiter`].
///
/// ```
/// use runtime::{Reason, Runtime, TaskId, spawn, task};
/// use std::sync::{Arc, atomic::{AtomicBool, Ordering}};
///
/// Runtime::run(|| {
///     let open = Arc::new(AtomicBool::new(false));
///     let waiter = task::waiter();
///     let opener = { let open = Arc::clone(&open); spawn(move || {
///         open.store(true, Ordering::Release);
///         waiter.unpark();
///     }) };
///     while !open.load(Ordering::Acquire) {
///         task::park(Reason::Other, 0, TaskId::NONE);
///     }
///     opener.join().unwrap();
/// });
/// ```
#[must_use]
pub fn waiter() -> Waiter {
    Waiter(current().map_or_else(|| Kind::Thread(thread::current()), Kind::Task))
}

impl Waiter {
    /// Gives the waiter its token: its current park, or else its next one, returns. What the
    /// caller did before is visible to the waiter after that park, also when tokens coalesce.
    ///
    /// Whether there was someone to give it to: false if the task has ended, also because its
    /// runtime has. A primitive that takes one of several waiters out of its queue then wakes
    /// the next. True is no promise that the waiter will run: the runtime of a task may end
    /// between its wake-up and its next run. The channels and locks of this crate pass such a
    /// wake-up on, at the latest when [`Runtime::run`](crate::Runtime::run) returns; a primitive
    /// that is built from waiters alone cannot. Of a thread it is always true.
    pub fn unpark(&self) -> bool {
        match &self.0 {
            Kind::Task(task) => task.unpark(),
            Kind::Thread(thread) => {
                thread.unpark();
                true
            }
        }
    }

    /// The task, or [`TaskId::NONE`] if the waiter is a thread that runs no task.
    #[must_use]
    pub fn task(&self) -> TaskId {
        match self.0 {
            Kind::Task(task) => task,
            Kind::Thread(_) => TaskId::NONE,
        }
    }
}

impl TaskId {
    /// Gives the task its token: its current [`park`], or else its next one, returns. Does
    /// nothing if the task has ended, and returns whether it had not; see [`Waiter::unpark`].
    /// Callable from any thread.
    //
    // Budget from a task of the same worker, with the park that it ends and the run after it: three
    // read-modify-writes, no fence, no lock, no clock (`budgets.rs`).
    pub fn unpark(self) -> bool {
        let waking = win(self);
        match waking {
            Waking::Ours(record) => {
                note_unpark(record);
                record.shared().make_runnable(record);
            }
            Waking::Pinned(record) => call(record),
            Waking::Noted | Waking::Gone => {}
        }
        !matches!(waking, Waking::Gone)
    }
}

/// Wakes a task whose timer is due: behind the others, so that tasks run in the order of
/// their deadlines. Called by a worker, which wakes other workers itself.
pub(crate) fn wake_from_timer(task: TaskId) {
    match win(task) {
        Waking::Ours(record) => {
            note_unpark(record);
            record.shared().make_runnable_behind(record);
        }
        Waking::Pinned(record) => call(record),
        Waking::Noted | Waking::Gone => {}
    }
}

/// Wakes the task in this slot, if it is parked, for whoever had an event that it waits for. The
/// caller owns the task then and queues it. A task that was not parked finds a token.
pub(crate) fn wake_from_poller(slot: u32) -> Option<&'static Record> {
    let generation = table::get(slot)?.state.read().generation();
    let Waking::Ours(record) = win(TaskId::new(slot, generation)) else {
        return None;
    };
    note_unpark(record);
    Some(record)
}

/// What became of an attempt to wake a task.
#[derive(Clone, Copy)]
#[must_use]
enum Waking {
    /// It was parked: the caller owns it now and must queue it.
    Ours(&'static Record),
    /// The same, and it is pinned: the caller must call its thread.
    Pinned(&'static Record),
    /// It is active, and will find the token.
    Noted,
    /// It has ended.
    Gone,
}

/// Wakes a task that somebody wanted to wake while the caller inspected it.
pub(crate) fn wake_inspected(record: &'static Record) {
    note_unpark(record);
    record.shared().make_runnable(record);
}

/// The task that calls, or `None` on a thread that runs no task.
#[must_use]
pub fn current() -> Option<TaskId> {
    current::record().map(Record::id)
}

/// The same, or [`TaskId::NONE`].
pub(crate) fn current_or_none() -> TaskId {
    current().unwrap_or(TaskId::NONE)
}

/// The static name of the task that calls, if its builder gave one.
#[must_use]
pub fn name() -> Option<&'static str> {
    current::record()?.site().name()
}

/// Parks the calling task until someone gives it its token; returns at once if the token is
/// there already, and consumes it. It may also return early: call it in a loop that checks
/// what is waited for. On a thread that runs no task it parks the thread.
///
/// `reason`, `resource` (an address, 0 if there is none) and `owner` (the task that holds the
/// resource, [`TaskId::NONE`] if none) are what observers are told.
///
/// While the task unwinds from a panic, the worker's thread waits instead of switching:
/// panic counters belong to threads. If the runtime ends meanwhile, the task is abandoned.
pub fn park(reason: Reason, resource: usize, owner: TaskId) {
    match current::enter() {
        Some(record) => park_task(record, Wait::new(reason, resource, owner)),
        None => thread::park(),
    }
}

/// Like [`park`], but returns when `timeout` has passed at the latest, or soon after.
///
/// It does not tell why it returned: the caller looks at what it waits for, and at the clock.
pub fn park_timeout(reason: Reason, resource: usize, owner: TaskId, timeout: Duration) {
    let Some(record) = current::enter() else {
        return park_thread_timeout(timeout);
    };
    let deadline_ns = time::now_ns().saturating_add(clock::duration_ns(timeout));
    let wait = Wait::new(reason, resource, owner);
    if std::thread::panicking() {
        return wait_on_the_thread(record, wait, deadline_ns);
    }
    let timer = time::arm(record, deadline_ns);
    park_task(record, wait);
    timer.disarm(record);
}

/// Suspends the calling task for at least this long; on a thread that runs no task, the
/// thread.
///
/// ```
/// use std::time::{Duration, Instant};
///
/// runtime::Runtime::run(|| {
///     let begin = Instant::now();
///     runtime::sleep(Duration::from_millis(2));
///     assert!(begin.elapsed() >= Duration::from_millis(2));
/// });
/// ```
pub fn sleep(duration: Duration) {
    let record = match current::enter() {
        Some(record) if !std::thread::panicking() => record,
        _ => return std::thread::sleep(duration),
    };
    let deadline_ns = time::now_ns().saturating_add(clock::duration_ns(duration));
    let timer = time::arm(record, deadline_ns);
    // A token that is not the timer's is given again, so that the next park returns at once.
    // One may be taken for the timer's: then the next park does not, and a caller who looks at
    // what it waits for, as every caller of `park` does, sees what the waker wrote.
    let mut token = false;
    while timer.is_armed(record) {
        // A token is only ever taken by a park, which is followed by another look: one that was
        // taken here could be the timer's own, given since the look above.
        park_task(record, Wait::new(Reason::Sleep, 0, TaskId::NONE));
        token |= timer.is_armed(record);
    }
    if token {
        record.id().unpark();
    }
}

/// Lets other tasks run: the calling task goes to the end of its processor's run queue.
/// Does nothing but a hint on a thread that runs no task, and nothing while unwinding.
//
// Budget, with the next task's run: one read-modify-write, no fence, no lock, no clock (`budgets.rs`).
pub fn yield_now() {
    let asked = with_worker(|worker: &Worker| {
        let record = worker.current()?;
        if std::thread::panicking() {
            return None;
        }
        worker.shard().add(record.site(), Counter::Yields, 1);
        worker.ask(Request::Yield);
        Some(record)
    });
    match asked {
        Some(Some(record)) => leave(record),
        Some(None) => {}
        None => thread::yield_now(),
    }
}

fn park_task(record: &'static Record, wait: Wait) {
    if record.state.take_token() {
        return;
    }
    if std::thread::panicking() {
        return wait_on_the_thread(record, wait, time::NEVER);
    }
    note_park(record, wait);
    leave(record);
}

/// Writes down what the task waits for, before the park is published.
#[inline]
fn note_park(record: &'static Record, wait: Wait) {
    record.wait.write(wait);
    let since_ns = if probe::unpark_armed() {
        clock::monotonic_ns()
    } else {
        0
    };
    record.since_ns.store(since_ns, Ordering::Relaxed);
    let site = record.site();
    with_worker(|worker| {
        worker.shard().add(site, Counter::Parks, 1);
        worker.ask(Request::Park);
    });
    ledger::stall::park(record.slot, wait.reason);
    let task = record.id().as_u64();
    probe::park(
        task,
        site.address(),
        wait.reason.code(),
        wait.resource,
        wait.owner.as_u64(),
    );
}

/// Gives the task its token.
#[inline]
fn win(task: TaskId) -> Waking {
    let Some(record) = table::get(task.slot()) else {
        return Waking::Gone;
    };
    match record.state.unpark(task.generation()) {
        Unparking::Queue => Waking::Ours(record),
        Unparking::Call => Waking::Pinned(record),
        Unparking::Noted => Waking::Noted,
        Unparking::Gone => Waking::Gone,
    }
}

/// Hands a pinned task that was just woken to its thread.
#[cold]
fn call(record: &'static Record) {
    note_unpark(record);
    // SAFETY: whoever wakes a task owns it.
    let seat = unsafe { record.seat() };
    seat.call();
}

/// Tells that a park is over; before the task is queued.
#[inline]
fn note_unpark(record: &'static Record) {
    ledger::stall::unpark(record.slot);
    if probe::unpark_armed() {
        fire_unpark(record);
    }
    let since_ns = if probe::is_run_timed() {
        clock::monotonic_ns()
    } else {
        0
    };
    record.since_ns.store(since_ns, Ordering::Relaxed);
}

#[cold]
fn fire_unpark(record: &'static Record) {
    let parked_ns = match record.since_ns.load(Ordering::Relaxed) {
        0 => 0,
        since_ns => clock::monotonic_ns().saturating_sub(since_ns),
    };
    let waker = current_or_none();
    let (task, site) = (record.id().as_u64(), record.site().address());
    probe::unpark(task, site, parked_ns, waker.as_u64());
}

/// Leaves the task's stack, after the worker was asked for something; returns when the task
/// runs again, perhaps on another thread.
#[inline]
pub(super) fn leave(record: &'static Record) {
    #[cfg(feature = "tracing")]
    let spans = tracing::exit_all(record);
    // SAFETY: the task runs here, on its own stack.
    let suspender = unsafe { record.suspender() };
    suspender.ensure_headroom();
    // SAFETY: as above, and it is not unwinding: the callers looked, or never let it go on, or are
    // resumed at once (`Request::Pin`).
    unsafe { suspender.suspend(&record.registers) }
    #[cfg(feature = "tracing")]
    tracing::enter_all(record, spans);
}

/// A park while unwinding: waits for the token without leaving the thread. No timer: the
/// workers who would fire it may have ended.
#[cold]
fn wait_on_the_thread(record: &'static Record, wait: Wait, deadline_ns: u64) {
    while !record.state.take_token() && time::now_ns() < deadline_ns {
        if record.shared().is_stopping() {
            park_for_good(record, wait);
        }
        std::thread::sleep(Duration::from_micros(500));
    }
}

/// The runtime ends, and whoever would wake the task may not run any more: the task leaves its
/// stack, to be abandoned like others that wait. The thread's panic counter stays behind, one too
/// high, and ends with the thread, which runs no task any more; and here the task does not go on,
/// not even if a worker that has not seen the end yet resumes it.
fn park_for_good(record: &'static Record, wait: Wait) -> ! {
    loop {
        note_park(record, wait);
        leave(record);
    }
}

fn park_thread_timeout(timeout: Duration) {
    if cfg!(loom) {
        return thread::yield_now();
    }
    std::thread::park_timeout(timeout);
}
