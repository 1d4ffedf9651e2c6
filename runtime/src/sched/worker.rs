//! A worker: the thread that owns a processor, runs its tasks, and finds new ones.
//!
//! The worker lives on its thread's own stack; tasks reach it through
//! `task::current::with_worker`. All of its fields are cells: the scheduling loop and the
//! tasks it resumes take turns on the same thread. What the loop does next is in
//! `schedule.rs`; how it sleeps, in `search.rs`.

use std::cell::{Cell, RefCell};
use std::panic::Location;

use runtime_abi::Outcome;

use crate::context::{self, Context, Switch};
use crate::introspect::Turn;
use crate::ledger::{self, Counter, Shard};
use crate::primitive::atomic::{Ordering, fence};
use crate::sched::{
    processor::{OwnerThread, Processor},
    shared::Shared,
};
use crate::site::{Site, SiteCache};
use crate::stack::{self, StackCache, StackError, StackOwner};
use crate::sys::clock;
use crate::task::{
    record::Record,
    root,
    state::Parking,
    table::{self, SlotCache},
};
use crate::{probe, time::Timer};

/// What a task wants of its worker when it leaves its stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// To be queued again.
    Yield,
    /// To be published as parked.
    Park,
    /// To be queued for all: this worker's processor was taken.
    Move,
    /// To go on, and on this thread only.
    Pin,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Served {
    /// It is served; the task may run elsewhere by now.
    Done,
    /// There was a token: the task is to go on.
    Again,
    /// The worker is to end.
    End,
}

/// The owner's face of a processor.
pub(crate) struct Worker {
    pub(super) shared: &'static Shared,
    pub(super) index: usize,
    pub(super) processor: &'static Processor,
    shard: &'static Shard,
    current: Cell<Option<&'static Record>>,
    request: Cell<Request>,
    /// False once the processor was taken during a blocking call, or is another thread's while a
    /// pinned task waits.
    pub(super) has_processor: Cell<bool>,
    /// The pinned task that this thread is to go on with when this worker has ended, and the
    /// processor that it was given for that.
    pub(super) given: Cell<Option<(usize, &'static Record)>>,
    /// Tasks run so far, the owner's copy.
    pub(super) tick: Cell<u64>,
    /// For the histograms, while they are kept.
    pub(super) turn: Turn,
    /// Tasks run from the next slot in a row.
    pub(super) next_streak: Cell<u32>,
    pub(super) random: Cell<u64>,
    /// A timer was added that may be earlier than the one a sleeper waits for.
    pub(super) has_new_timer: Cell<bool>,
    stacks: RefCell<StackCache>,
    /// See `simulation.rs`.
    pub(super) is_simulated: bool,
    sites: RefCell<SiteCache>,
    slots: RefCell<SlotCache>,
}

/// Runs a worker on the calling thread until its runtime stops or it is surplus. The caller
/// has claimed the processor. A thread that has a pinned task may be given another processor: then
/// it runs that one's worker after this one.
pub(crate) fn run(shared: &'static Shared, index: usize) {
    let signal_stack = stack::install_worker_handler();
    let mut next = Some((index, None));
    while let Some((index, pinned)) = next {
        let given = run_one(shared, index, pinned);
        next = given.map(|(index, task)| (index, Some(task)));
    }
    drop(signal_stack);
}

/// Runs a worker on this processor; gives what it was given for the next one.
fn run_one(
    shared: &'static Shared,
    index: usize,
    pinned: Option<&'static Record>,
) -> Option<(usize, &'static Record)> {
    let worker = Worker::new(shared, index);
    context::set_worker_word((&raw const worker).expose_provenance());
    worker.processor.set_thread(Some(OwnerThread::current()));
    let unwinding = AbortOnUnwind;
    worker.run_tasks(pinned);
    std::mem::forget(unwinding);
    context::set_worker_word(0);
    worker.retire();
    worker.given.get()
}

/// A scheduler that panics has lost track of its tasks, and its thread would leave a dangling
/// worker behind: that ends the process.
struct AbortOnUnwind;

impl Drop for AbortOnUnwind {
    fn drop(&mut self) {
        eprintln!("the scheduler panicked, which is a bug of the runtime: aborting");
        std::process::abort();
    }
}

impl Worker {
    pub(super) fn new(shared: &'static Shared, index: usize) -> Self {
        let shard = Shard::register();
        let processor = shared.processor(index);
        Self {
            shared,
            index,
            processor,
            shard,
            current: Cell::new(None),
            request: Cell::new(Request::Yield),
            has_processor: Cell::new(true),
            given: Cell::new(None),
            tick: Cell::new(processor.tick.load(Ordering::Relaxed)),
            turn: Turn::new(),
            next_streak: Cell::new(0),
            random: Cell::new(0x9e37_79b9_7f4a_7c15 ^ (index as u64 + 1)),
            has_new_timer: Cell::new(false),
            stacks: RefCell::new(StackCache::with_shard(shard)),
            is_simulated: shared.simulation.is_on(),
            sites: RefCell::new(SiteCache::new()),
            slots: RefCell::new(SlotCache::default()),
        }
    }

    pub(crate) fn shared(&self) -> &'static Shared {
        self.shared
    }

    /// Its place among the runtime's workers.
    #[inline]
    pub(crate) fn index(&self) -> usize {
        self.index
    }

    #[inline]
    pub(crate) fn current(&self) -> Option<&'static Record> {
        self.current.get()
    }

    #[inline]
    pub(crate) fn shard(&self) -> &'static Shard {
        self.shard
    }

    #[inline]
    pub(crate) fn site(
        &self,
        location: &'static Location<'static>,
        name: Option<&'static str>,
        service: bool,
    ) -> &'static Site {
        self.sites.borrow_mut().get(location, name, service)
    }

    #[inline]
    pub(crate) fn take_slot(&self) -> &'static Record {
        self.slots.borrow_mut().take()
    }

    pub(crate) fn count_spawn(&self) {
        self.processor.add_live(1);
    }

    pub(crate) fn count_exit(&self) {
        self.processor.add_live(-1);
    }

    /// The current task says what it wants; it switches right after.
    #[inline]
    pub(crate) fn ask(&self, request: Request) {
        self.request.set(request);
    }

    /// Queues a task to run next. That wakes nobody: one small task is done sooner here than
    /// on a core that has to wake up. A task that it displaces may be taken by others.
    #[inline]
    pub(crate) fn push_next(&self, task: &'static Record) {
        if let Some(displaced) = self.processor.queue.replace_next(task) {
            self.push_back(displaced);
            self.shared.wake_one();
        }
        // The current task may run for long with others queued behind it.
        self.shared.watch_closely();
    }

    /// Queues a task behind the others.
    #[inline]
    pub(crate) fn push_back(&self, task: &'static Record) {
        if let Err(overflow) = self.processor.queue.push_back(task) {
            self.shared.global.push_batch(overflow.0);
        }
    }

    /// Adds a timer of the current task; returns where.
    pub(crate) fn insert_timer(&self, timer: Timer) -> usize {
        if self.processor.timers.insert(timer) {
            self.has_new_timer.set(true);
        }
        self.index
    }

    /// Runs what there is to run, beginning with a task that is pinned to this thread.
    fn run_tasks(&self, pinned: Option<&'static Record>) {
        if let Some(task) = pinned {
            self.note_run(task);
            let is_over = match self.run_pinned(task) {
                Served::Done => false,
                Served::Again => !self.run_on(task),
                Served::End => true,
            };
            if is_over {
                return;
            }
        }
        while let Some(task) = self.next_task()
            && self.run_task(task)
        {}
    }

    /// Runs a task until it parks, yields or ends. False if the processor was taken meanwhile,
    /// during a blocking call or for a pinned task: the worker is to end.
    #[inline]
    fn run_task(&self, task: &'static Record) -> bool {
        if !task.state.read().is_anyones() {
            return self.pass_on(task);
        }
        self.note_run(task);
        self.run_on(task)
    }

    /// What is called from here is always inlined, although `run_pinned` has a copy of it: out of
    /// line, each switch takes 25 instructions more.
    #[inline(always)]
    fn run_on(&self, task: &'static Record) -> bool {
        loop {
            let switch = match self.resume(task) {
                Ok(switch) => switch,
                Err(error) => {
                    self.fail(task, &error);
                    return true;
                }
            };
            if switch == Switch::Finished {
                self.recycle(task);
                return true;
            }
            match self.serve(task) {
                Served::Done => return true,
                Served::Again => {}
                Served::End => return false,
            }
        }
    }

    /// Does what a task that has left its stack asked for.
    #[inline(always)]
    pub(super) fn serve(&self, task: &'static Record) -> Served {
        match self.request.get() {
            Request::Yield => self.push_back(task),
            Request::Move => {
                self.shared.inject(task);
                return Served::End;
            }
            Request::Pin => return self.run_pinned(task),
            Request::Park => {
                if task.state.park() == Parking::Token {
                    ledger::stall::unpark(task.slot);
                    task.since_ns.store(0, Ordering::Relaxed);
                    return Served::Again;
                }
                // From here on the task may run elsewhere: it must not be touched.
            }
        }
        Served::Done
    }

    /// What the task that has left its stack asked for.
    pub(super) fn request(&self) -> Request {
        self.request.get()
    }

    /// Switches to the task and back; an error if there is no stack for it.
    #[inline(always)]
    pub(super) fn resume(&self, task: &'static Record) -> Result<Switch, StackError> {
        self.current.set(Some(task));
        task.running.store(true, Ordering::Relaxed);
        // SAFETY: the worker owns the task: it came out of a queue, or found its token.
        if unsafe { task.context() }.is_none() {
            self.bind(task)?;
        }
        // SAFETY: as above.
        let context = unsafe { task.context() }.expect("it is bound");
        let switch = context.resume();
        task.running.store(false, Ordering::Relaxed);
        self.current.set(None);
        Ok(switch)
    }

    /// Gives the task its stack, at its first run.
    fn bind(&self, task: &'static Record) -> Result<(), StackError> {
        let owner = StackOwner {
            task: task.id().as_u64(),
            site: task.site(),
        };
        // SAFETY: the worker owns the task.
        let limit = unsafe { task.stack_limit() };
        let stack = self.stacks.borrow_mut().acquire(limit, owner)?;
        let context = Context::new(stack, move |suspender| root::run(task, suspender));
        // SAFETY: the worker owns the task, which has no context.
        unsafe { task.set_context(context) };
        Ok(())
    }

    /// Takes back what an ended task had.
    pub(super) fn recycle(&self, task: &'static Record) {
        // SAFETY: the task's body has returned; the worker owns what is left.
        if let Some(context) = unsafe { task.take_context() } {
            self.stacks.borrow_mut().release(context.into_stack());
        }
        task.state.end();
        self.count_exit();
        self.slots.borrow_mut().give(task);
    }

    /// Ends a task for which there is no stack.
    #[cold]
    fn fail(&self, task: &'static Record, error: &StackError) {
        task.running.store(false, Ordering::Relaxed);
        self.current.set(None);
        note_cancelled(task);
        self.count_exit();
        // SAFETY: the worker owns the task.
        if let Some(cell) = unsafe { task.take_cell() } {
            cell.cancel(format!("it got no stack: {error}").into());
        }
        task.state.end();
        self.slots.borrow_mut().give(task);
    }

    #[inline(always)]
    pub(super) fn note_run(&self, task: &'static Record) {
        let tick = self.tick.get() + 1;
        self.tick.set(tick);
        self.processor.tick.store(tick, Ordering::Relaxed);
        if probe::is_run_timed() {
            self.fire_run(task);
        }
    }

    #[cold]
    fn fire_run(&self, task: &'static Record) {
        let now_ns = clock::monotonic_ns();
        let runnable_ns = match task.since_ns.swap(0, Ordering::Relaxed) {
            0 => 0,
            since_ns => now_ns.saturating_sub(since_ns),
        };
        self.turn.begin(now_ns, runnable_ns);
        let (id, site) = (task.id().as_u64(), task.site().address());
        probe::run(id, site, self.index as u64, runnable_ns);
    }

    /// Gives everything back: to the global queue, to the caches. Timers stay where they are:
    /// every searcher and every sleeper looks at those of all processors.
    pub(super) fn retire(&self) {
        self.stacks.borrow_mut().drain();
        self.slots.borrow_mut().drain();
        self.shard.retire();
        if self.has_processor.get() {
            self.leave_processor();
        }
        // Pairs with that of who waits for the last task: `drain.rs`.
        fence(Ordering::SeqCst);
        self.shared.tell_if_empty();
    }

    /// Gives the processor up for good, with what is queued there.
    pub(super) fn leave_processor(&self) {
        self.has_processor.set(false);
        self.processor.set_thread(None);
        self.announce_new_timer();
        if self.processor.give_tasks_to(&self.shared.global) {
            self.shared.wake_one();
        }
        self.processor.ownership.leave();
    }
}

/// Counts and reports a task that ends without having returned.
pub(crate) fn note_cancelled(task: &'static Record) {
    let site = task.site();
    ledger::shared().add(site, Counter::Cancelled, 1);
    probe::exit(
        task.id().as_u64(),
        site.address(),
        Outcome::Cancelled as u64,
    );
}

/// Gives the slot of a task that ended outside of any worker back.
pub(crate) fn recycle_outside(task: &'static Record) {
    task.state.end();
    table::give_shared(task);
}
