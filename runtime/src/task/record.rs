//! The record of a task slot: everything that the scheduler knows of a task.
//!
//! A record lives in the table for ever and serves one task after another; the generation in
//! its state word tells them apart. Who may touch the plain fields is written in `state.rs`:
//! the owner of an active task, that is the queue or the worker that holds it. The atomics
//! are written by the owner and read by anyone (the monitor, dumps), who compares the state
//! word before and after; `wait_fields.rs` says what orders that.

use std::fmt;

use crate::cancel::{self, Token};
use crate::context::{Context, RegisterCell, Suspender};
use crate::primitive::static_sync::Arc;
use crate::primitive::{
    UnsafeCell,
    static_atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering},
};
use crate::sched::{seat::Seat, shared::Shared};
use crate::site::Site;
use crate::task::{
    Parent, TaskId,
    cell::TaskCell,
    local::Locals,
    place::{self, Innermost},
    state::StateWord,
    wait_fields::WaitFields,
};
use crate::time::TimerWord;
#[cfg(feature = "tracing")]
use crate::tracing::Spans;

/// One slot of the table.
#[repr(align(64))]
pub(crate) struct Record {
    pub(crate) state: StateWord,
    pub(crate) slot: u32,
    /// The generation of the current task; the owner's copy of what the state word says.
    generation: AtomicU32,
    site: AtomicPtr<Site>,
    shared: AtomicPtr<Shared>,
    /// Who spawned the task; 0 and null if no task did.
    parent: AtomicU64,
    parent_site: AtomicPtr<Site>,
    /// What the task waits for; valid while it is parked.
    pub(crate) wait: WaitFields,
    /// When it parked, or became runnable; 0 if nobody listened then.
    pub(crate) since_ns: AtomicU64,
    /// The timer that the task waits for.
    pub(crate) timer: TimerWord,
    /// On a worker, not in a queue; a hint for dumps.
    pub(crate) running: AtomicBool,
    pub(crate) registers: RegisterCell,
    /// `None` until the first run: queued tasks have no stack. A cell of its own: it is
    /// borrowed by the worker for as long as the task runs.
    context: UnsafeCell<Option<Context>>,
    plain: UnsafeCell<Plain>,
}

/// What only the owner of the task touches.
struct Plain {
    /// The body and the place of its result; `None` once the task has ended.
    cell: Option<TaskCell>,
    suspender: Option<Suspender>,
    stack_limit: usize,
    /// Where the task waits in line, on its stack.
    place: Option<Innermost>,
    /// Whether, and how often, the task is pinned to its thread.
    pin: Option<Box<Pin>>,
    /// Empty while the task is not on its thread.
    #[cfg(feature = "tracing")]
    spans: Spans,
}

/// What pins a task to its thread.
struct Pin {
    seat: Arc<Seat>,
    /// Guards that the task holds.
    guards: usize,
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("slot", &self.slot)
            .finish_non_exhaustive()
    }
}

// SAFETY: the plain fields are touched only by the owner of the task (see `state.rs`), and
// ownership is handed over with release and acquire; all else is atomic.
unsafe impl Sync for Record {}
// SAFETY: as above; nothing in a record is bound to a thread.
unsafe impl Send for Record {}

impl Record {
    pub(crate) fn new(slot: u32) -> Self {
        Self {
            state: StateWord::new(),
            slot,
            generation: AtomicU32::new(0),
            site: AtomicPtr::new(std::ptr::null_mut()),
            shared: AtomicPtr::new(std::ptr::null_mut()),
            parent: AtomicU64::new(0),
            parent_site: AtomicPtr::new(std::ptr::null_mut()),
            wait: WaitFields::new(),
            since_ns: AtomicU64::new(0),
            timer: TimerWord::new(),
            running: AtomicBool::new(false),
            registers: RegisterCell::new(),
            context: UnsafeCell::new(None),
            plain: UnsafeCell::new(Plain {
                cell: None,
                suspender: None,
                stack_limit: 0,
                place: None,
                pin: None,
                #[cfg(feature = "tracing")]
                spans: Spans::new(),
            }),
        }
    }

    /// Makes the vacant slot a task; the caller took it from a free list and owns the task.
    #[inline]
    pub(crate) fn start(
        &'static self,
        site: &'static Site,
        shared: &'static Shared,
        parent: Option<&'static Self>,
        stack_limit: usize,
        cell: impl FnOnce(TaskId) -> TaskCell,
    ) -> TaskId {
        let generation = self.state.read().generation();
        let id = TaskId::new(self.slot, generation);
        self.generation.store(generation, Ordering::Relaxed);
        // Release: pairs with the acquire in `try_site` and `shared`, for what is pointed to,
        // because a reader may come before `StateWord::start` below; and see `wait_fields.rs`.
        self.site
            .store(std::ptr::from_ref(site).cast_mut(), Ordering::Release);
        self.shared
            .store(std::ptr::from_ref(shared).cast_mut(), Ordering::Release);
        self.note_parent(parent);
        let cell = cell(id);
        // SAFETY: the caller owns the task.
        unsafe {
            self.plain(|plain| {
                plain.cell = Some(cell);
                plain.stack_limit = stack_limit;
            });
        }
        self.state.start();
        id
    }

    #[inline]
    fn note_parent(&self, parent: Option<&'static Self>) {
        let id = parent.map_or(TaskId::NONE, Self::id);
        let site = parent.map_or(std::ptr::null_mut(), |parent| {
            parent.site.load(Ordering::Relaxed)
        });
        // Release: as for the site.
        self.parent.store(id.as_u64(), Ordering::Release);
        self.parent_site.store(site, Ordering::Release);
    }

    /// Who spawned the current task; of a slot that had one.
    pub(crate) fn parent(&self) -> Option<Parent> {
        let id = TaskId::from_u64(self.parent.load(Ordering::Relaxed));
        // SAFETY: null or a leaked site.
        let site = unsafe { self.parent_site.load(Ordering::Acquire).as_ref() }?;
        (!id.is_none()).then(|| Parent::new(id, site))
    }

    /// The id of the current task; for its owner.
    #[inline]
    pub(crate) fn id(&self) -> TaskId {
        TaskId::new(self.slot, self.generation.load(Ordering::Relaxed))
    }

    /// The site of the current task; of a slot that had one.
    #[inline]
    pub(crate) fn site(&self) -> &'static Site {
        self.try_site().expect("the slot has had no task")
    }

    pub(crate) fn try_site(&self) -> Option<&'static Site> {
        // SAFETY: null or a leaked site.
        unsafe { self.site.load(Ordering::Acquire).as_ref() }
    }

    /// The runtime of the current task; of a slot that had one.
    #[inline]
    pub(crate) fn shared(&self) -> &'static Shared {
        // SAFETY: null or a runtime's shared part, which is never freed.
        let shared = unsafe { self.shared.load(Ordering::Acquire).as_ref() };
        shared.expect("the slot has had no task")
    }

    /// Whether the slot's task, or the last one it had, is one of this runtime.
    pub(crate) fn is_of(&self, runtime: &Shared) -> bool {
        std::ptr::eq(self.shared.load(Ordering::Acquire), runtime)
    }

    /// Binds a context to the task.
    ///
    /// # Safety
    /// The caller owns the task, which has no context.
    #[inline]
    pub(crate) unsafe fn set_context(&self, context: Context) {
        // SAFETY: as the caller promises, nobody borrows the cell.
        self.context
            .with_mut(|cell| unsafe { *cell = Some(context) });
    }

    /// Unbinds the context.
    ///
    /// # Safety
    /// The caller owns the task, which is not running.
    #[inline]
    pub(crate) unsafe fn take_context(&self) -> Option<Context> {
        // SAFETY: as the caller promises, nobody borrows the cell.
        self.context.with_mut(|cell| unsafe { (*cell).take() })
    }

    /// The context, if the task has run before.
    ///
    /// # Safety
    /// The caller owns the task, which is not running, and uses the reference only as long.
    #[inline]
    #[allow(clippy::mut_from_ref, reason = "the caller owns what is borrowed")]
    pub(crate) unsafe fn context(&self) -> Option<&mut Context> {
        // SAFETY: as the caller promises, nobody else borrows the cell.
        self.context.with_mut(|cell| unsafe { (*cell).as_mut() })
    }

    /// Opens the next window of the task's stack if little of the open one is left.
    ///
    /// # Safety
    /// Called on the task's stack.
    #[inline]
    pub(crate) unsafe fn ensure_headroom(&self) {
        // SAFETY: as the caller promises.
        unsafe { self.suspender() }.ensure_headroom();
    }

    /// Notes the task's side of its switch.
    ///
    /// # Safety
    /// Called on the task's stack.
    pub(crate) unsafe fn set_suspender(&self, suspender: Suspender) {
        // SAFETY: as the caller promises.
        unsafe { self.plain(|plain| plain.suspender = Some(suspender)) }
    }

    /// The task's side of its switch.
    ///
    /// # Safety
    /// Called on the task's stack.
    #[inline]
    pub(crate) unsafe fn suspender(&self) -> Suspender {
        // SAFETY: as the caller promises.
        let suspender = unsafe { self.plain(|plain| plain.suspender) };
        suspender.expect("a running task knows its way back")
    }

    /// Takes the body and the place of its result: the task is at its end. One that was
    /// abandoned where it waits in line leaves the line, and passes on what it was woken for.
    ///
    /// # Safety
    /// The caller owns the task, whose body runs no more.
    pub(crate) unsafe fn take_cell(&self) -> Option<TaskCell> {
        // SAFETY: as the caller promises.
        let (cell, place) = unsafe { self.plain(|plain| (plain.cell.take(), plain.place.take())) };
        // SAFETY: as the caller promises; the frames of a body that has returned are in no place.
        unsafe { place::give_up_all(place) };
        cell
    }

    /// Notes where the task waits in line now; gives what was noted before.
    ///
    /// # Safety
    /// Called on the task's stack. What it points to stays there until the next call.
    pub(crate) unsafe fn exchange_place(&self, place: Option<Innermost>) -> Option<Innermost> {
        // SAFETY: as the caller promises.
        unsafe { self.plain(|plain| std::mem::replace(&mut plain.place, place)) }
    }

    /// Where the task waits in line.
    ///
    /// # Safety
    /// The caller owns the task.
    pub(crate) unsafe fn place(&self) -> Option<Innermost> {
        // SAFETY: as the caller promises.
        unsafe { self.plain(|plain| plain.place) }
    }

    /// One more guard pins the task to its thread. Whether it is the first: then the task switches
    /// to its worker with `Request::Pin`.
    ///
    /// # Safety
    /// The caller is the task.
    pub(crate) unsafe fn pin(&self) -> bool {
        let add = |plain: &mut Plain| {
            let is_first = plain.pin.is_none();
            let seats = &self.shared().seats;
            let pin = plain.pin.get_or_insert_with(|| {
                let seat = seats.add();
                Box::new(Pin { seat, guards: 0 })
            });
            pin.guards += 1;
            is_first
        };
        // SAFETY: as the caller promises.
        let is_first = unsafe { self.plain(add) };
        if is_first {
            self.state.pin();
        }
        is_first
    }

    /// One guard less; after the last one, the task may go on anywhere.
    ///
    /// # Safety
    /// The caller is the task, in a blocking call perhaps; it is pinned.
    pub(crate) unsafe fn drop_pin(&self) {
        // SAFETY: as the caller promises.
        let left = unsafe {
            self.plain(|plain| {
                let pin = plain.pin.as_mut().expect("it is pinned");
                pin.guards -= 1;
                pin.guards
            })
        };
        if left == 0 {
            // SAFETY: as the caller promises.
            unsafe { self.unpin() };
        }
    }

    /// The task is pinned no more, however many guards there are.
    ///
    /// # Safety
    /// The caller owns the task, which runs on this thread or has ended on it.
    pub(crate) unsafe fn unpin(&self) {
        self.state.unpin();
        // SAFETY: as the caller promises.
        if let Some(pin) = unsafe { self.plain(|plain| plain.pin.take()) } {
            self.shared().seats.remove(&pin.seat);
        }
    }

    /// The seat of a task that is pinned.
    ///
    /// # Safety
    /// The caller owns the task, which is pinned.
    pub(crate) unsafe fn seat(&self) -> Arc<Seat> {
        let copy = |plain: &mut Plain| plain.pin.as_ref().map(|pin| Arc::clone(&pin.seat));
        // SAFETY: as the caller promises.
        unsafe { self.plain(copy) }.expect("a pinned task has a seat")
    }

    /// A copy of the cell, to run the body; the original stays for `take_cell`.
    ///
    /// # Safety
    /// The caller owns the task, and finishes or cancels only what `take_cell` gives.
    pub(crate) unsafe fn alias_cell(&self) -> Option<TaskCell> {
        let alias = |plain: &mut Plain| {
            // SAFETY: as the caller promises.
            plain.cell.as_ref().map(|cell| unsafe { cell.alias() })
        };
        // SAFETY: as the caller promises.
        unsafe { self.plain(alias) }
    }

    /// The task's own token; `fresh` if it has none yet, or has ended.
    ///
    /// # Safety
    /// The caller is the task.
    pub(crate) unsafe fn token(&self, fresh: Token) -> Token {
        let get = |plain: &mut Plain| match &plain.cell {
            Some(cell) => cell.token(fresh),
            None => fresh,
        };
        // SAFETY: as the caller promises.
        unsafe { self.plain(get) }
    }

    /// The spans that the task is in.
    ///
    /// # Safety
    /// The caller is the task; `touch` neither switches nor comes back here.
    #[cfg(feature = "tracing")]
    #[inline]
    pub(crate) unsafe fn spans<R>(&self, touch: impl FnOnce(&mut Spans) -> R) -> R {
        // SAFETY: as the caller promises.
        unsafe { self.plain(|plain| touch(&mut plain.spans)) }
    }

    /// Since when the token that the task works under is cancelled, by the clock of
    /// [`crate::time::now_ns`]; `None` if it is not, or there is none.
    ///
    /// # Safety
    /// The caller owns the task.
    pub(crate) unsafe fn cancelled_since_ns(&self) -> Option<u64> {
        let look = |plain: &mut Plain| {
            let cell = plain.cell.as_ref()?;
            // SAFETY: as the caller promises.
            unsafe { cell.with_context(cancel::since_ns) }
        };
        // SAFETY: as the caller promises.
        unsafe { self.plain(look) }
    }

    /// A copy of the task's locals; none any more once its cell was taken.
    ///
    /// # Safety
    /// The caller is the task.
    #[inline]
    pub(crate) unsafe fn locals(&self) -> Locals {
        // SAFETY: as the caller promises.
        let copy = |plain: &mut Plain| unsafe { plain.cell.as_ref()?.locals() };
        // SAFETY: as the caller promises.
        unsafe { self.plain(copy) }
    }

    /// Replaces the task's locals.
    ///
    /// # Safety
    /// The caller is the task.
    pub(crate) unsafe fn replace_locals(&self, new: Locals) -> Locals {
        let replace = |plain: &mut Plain| match &plain.cell {
            // SAFETY: as the caller promises.
            Some(cell) => unsafe { cell.replace_locals(new) },
            None => new,
        };
        // SAFETY: as the caller promises.
        unsafe { self.plain(replace) }
    }

    /// The limit of the task's stack in bytes.
    ///
    /// # Safety
    /// The caller owns the task.
    pub(crate) unsafe fn stack_limit(&self) -> usize {
        // SAFETY: as the caller promises.
        unsafe { self.plain(|plain| plain.stack_limit) }
    }

    /// # Safety
    /// The caller owns the task; `touch` neither switches nor comes back here.
    #[inline(always)]
    unsafe fn plain<R>(&self, touch: impl FnOnce(&mut Plain) -> R) -> R {
        self.plain.with_mut(|plain| {
            // SAFETY: as the caller promises, no other reference to the fields is live.
            let plain = unsafe { &mut *plain };
            touch(plain)
        })
    }
}
