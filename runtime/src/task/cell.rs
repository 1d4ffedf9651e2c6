//! The one allocation of a spawn: a task's body, later its result, and the join word.
//!
//! Two parties hold it, the task through [`TaskCell`] and the handle through [`HandleCell`];
//! `join_word.rs` says who may touch what when, and who frees it. The types of body and
//! result are erased behind a table of functions.

use std::{
    any::Any,
    borrow::Cow,
    marker::PhantomData,
    mem::{ManuallyDrop, MaybeUninit},
    panic::{AssertUnwindSafe, catch_unwind},
    ptr::NonNull,
    sync::PoisonError,
};

use runtime_abi::Outcome;

use crate::cancel::Token;
use crate::primitive::UnsafeCell;
use crate::primitive::static_sync::{Arc, Mutex, MutexGuard};
use crate::site::Site;
use crate::task::{
    JoinError, TaskId, Waiter,
    extras::ExtrasCell,
    join_word::{Finished, JoinWord},
    local::{Entry, Locals},
    unjoined,
};

/// What both parties see.
struct Header {
    word: JoinWord,
    task: TaskId,
    site: &'static Site,
    waiter: UnsafeCell<Option<Joiner>>,
    extras: ExtrasCell,
    functions: &'static Functions,
}

/// Who waits for a task's end. Written once: the task may read it at any time from then on.
#[derive(Clone)]
enum Joiner {
    /// One that waits until it is there.
    Steadfast(Waiter),
    /// One whose waits have an end: there may be nobody, and then another.
    Changing(Arc<Mutex<Option<Waiter>>>),
}

impl Joiner {
    fn wake(self) {
        let waiter = match self {
            Self::Steadfast(waiter) => Some(waiter),
            Self::Changing(place) => lock(&place).take(),
        };
        // One that has ended had the only handle: nobody else waits.
        if let Some(waiter) = waiter {
            waiter.unpark();
        }
    }
}

fn lock(place: &Mutex<Option<Waiter>>) -> MutexGuard<'_, Option<Waiter>> {
    place.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What depends on the types of body and result.
struct Functions {
    run: unsafe fn(NonNull<Header>) -> Outcome,
    cancel: unsafe fn(NonNull<Header>, JoinError),
    free: unsafe fn(NonNull<Header>) -> bool,
}

/// The header comes first: a pointer to it is a pointer to the whole.
#[repr(C)]
struct Whole<F, T> {
    result: ResultPart<T>,
    body: UnsafeCell<Option<F>>,
}

/// A whole in its allocation: 128 bytes, as most spawns need, or more. The size is a power of two
/// because `mimalloc` allocates other sizes by a slow path when it is asked for an alignment, as
/// Rust always does (30 ns a spawn, measured).
#[repr(C)]
union Allocation<F, T> {
    whole: ManuallyDrop<Whole<F, T>>,
    at_least: [MaybeUninit<u8>; 128],
}

/// What a handle knows the type of.
#[repr(C)]
struct ResultPart<T> {
    header: Header,
    result: UnsafeCell<Option<Result<T, JoinError>>>,
}

/// The task's side.
pub(crate) struct TaskCell(NonNull<Header>);

/// The handle's side.
pub(crate) struct HandleCell<T> {
    part: NonNull<ResultPart<T>>,
    owns: PhantomData<ResultPart<T>>,
}

// SAFETY: body and result are `Send` (demanded by `new`), and the join word says who touches
// them.
unsafe impl Send for TaskCell {}
// SAFETY: as above; the handle gives out only `T`.
unsafe impl<T: Send> Send for HandleCell<T> {}
// SAFETY: a shared handle only reads the word and the header's constants.
unsafe impl<T: Send> Sync for HandleCell<T> {}

/// Allocates the cell of a new task.
///
/// # Safety
/// Body and result are good until the task has ended, and what its handle gets from then on for
/// as long as the handle is used.
#[inline]
pub(crate) unsafe fn new<F, T>(
    task: TaskId,
    site: &'static Site,
    extras: ExtrasCell,
    body: F,
) -> (TaskCell, HandleCell<T>)
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    let header = Header {
        word: JoinWord::new(),
        task,
        site,
        waiter: UnsafeCell::new(None),
        extras,
        functions: Whole::<F, T>::FUNCTIONS,
    };
    let result: ResultPart<T> = ResultPart {
        header,
        result: UnsafeCell::new(None),
    };
    let whole = Whole {
        result,
        body: UnsafeCell::new(Some(body)),
    };
    let pointer = NonNull::from(Box::leak(Box::<Allocation<F, T>>::new_uninit())).cast();
    // SAFETY: a fresh allocation, of at least this size and of its alignment.
    unsafe { pointer.write(whole) };
    let handle = HandleCell {
        part: pointer.cast(),
        owns: PhantomData,
    };
    (TaskCell(pointer.cast()), handle)
}

impl<F: FnOnce() -> T, T> Whole<F, T> {
    const FUNCTIONS: &'static Functions = &Functions {
        run: Self::run,
        cancel: Self::cancel,
        free: Self::free,
    };

    /// # Safety
    /// The pointer is to a whole of these types, and the task owns its content.
    unsafe fn run(header: NonNull<Header>) -> Outcome {
        // SAFETY: as the caller promises; the whole lives until the task has finished.
        let whole = unsafe { header.cast::<Self>().as_ref() };
        // SAFETY: the task owns the body.
        let body = whole.body.with_mut(|body| unsafe { (*body).take() });
        let body = body.expect("a task runs once");
        let result = catch_unwind(AssertUnwindSafe(body));
        let result = result.map_err(|payload| whole.result.panicked(payload));
        let outcome = if result.is_ok() {
            Outcome::Returned
        } else {
            Outcome::Panicked
        };
        // SAFETY: the task owns the result.
        whole
            .result
            .result
            .with_mut(|place| unsafe { *place = Some(result) });
        outcome
    }

    /// # Safety
    /// As for `run`, and the body is not running and never will.
    unsafe fn cancel(header: NonNull<Header>, error: JoinError) {
        // SAFETY: as the caller promises.
        let whole = unsafe { header.cast::<Self>().as_ref() };
        // SAFETY: the task owns the result.
        whole
            .result
            .result
            .with_mut(|place| unsafe { *place = Some(Err(error)) });
        // SAFETY: the task owns the body.
        let body = whole.body.with_mut(|body| unsafe { (*body).take() });
        contain(|| drop(body));
    }

    /// # Safety
    /// As for `run`, and nobody else uses the cell any more.
    ///
    /// Whether there was a panic that nobody has taken.
    unsafe fn free(header: NonNull<Header>) -> bool {
        // SAFETY: allocated by `new` as this type; the caller is the last.
        let mut allocation = unsafe { Box::from_raw(header.cast::<Allocation<F, T>>().as_ptr()) };
        // SAFETY: `new` has written it.
        let whole = unsafe { &mut allocation.whole };
        // SAFETY: the caller is the last.
        let take = |place: *mut Option<_>| unsafe { (*place).take() };
        let result = whole.result.result.with_mut(take);
        // SAFETY: it is not used any more.
        unsafe { ManuallyDrop::drop(whole) };
        drop(allocation);
        let Some(Err(error)) = result else {
            return false;
        };
        unjoined::report(&error);
        error.is_panic()
    }
}

impl<T> ResultPart<T> {
    fn panicked(&self, payload: Box<dyn Any + Send>) -> JoinError {
        JoinError::panicked(self.header.task, self.header.site, payload)
    }
}

/// Calls a user's code where nothing may unwind. The hook has reported its panic; the payload
/// is leaked, because its destructor is a user's as well.
pub(crate) fn contain(call: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(call)) {
        std::mem::forget(payload);
    }
}

impl TaskCell {
    /// Runs the body; a panic of it becomes the result.
    pub(crate) fn run(&self) -> Outcome {
        let run = self.header().functions.run;
        // SAFETY: a `TaskCell` exists once and only until the task has finished.
        unsafe { run(self.0) }
    }

    /// The task ends without having returned: drops a body that has not begun. A panic of its
    /// destructor, or of an unwanted result's, goes to the panic hook and no further: the
    /// caller is the scheduler.
    pub(crate) fn cancel(self, reason: Cow<'static, str>) {
        let header = self.header();
        let error = JoinError::cancelled(header.task, header.site, reason);
        let cancel = header.functions.cancel;
        // SAFETY: as in `run`; the caller's task runs no more.
        unsafe { cancel(self.0, error) };
        contain(|| self.finish());
    }

    /// Hands the result over: wakes a joiner, or frees the cell if there is no handle.
    #[inline]
    pub(crate) fn finish(self) {
        if self.header().extras.get().is_some() {
            self.finish_with_extras();
        } else {
            self.hand_over();
        }
    }

    #[cold]
    fn finish_with_extras(self) {
        let extras = self.header().extras.get_or_make();
        // SAFETY: the task owns its locals and does not look at them any more.
        let locals = extras.locals.with_mut(|locals| unsafe { (*locals).take() });
        contain(|| drop(locals));
        // SAFETY: as above.
        let listener = extras.listener.with_mut(|place| unsafe { (*place).take() });
        let lost_panic = self.hand_over();
        if let Some(listener) = listener {
            listener.ended(lost_panic);
        }
    }

    /// Whether the task panicked and there was nobody to give that to.
    #[inline]
    fn hand_over(self) -> bool {
        let header = self.header();
        // SAFETY: the word says that the waiter was written and is ours to read.
        let copy = || header.waiter.with(|waiter| unsafe { (*waiter).clone() });
        match header.word.finish(copy) {
            Finished::Handle => false,
            Finished::Wake(waiter) => {
                waiter.into_iter().for_each(Joiner::wake);
                false
            }
            Finished::Nobody => {
                let free = header.functions.free;
                // SAFETY: the handle is gone.
                unsafe { free(self.0) }
            }
        }
    }

    /// The task's own token; `fresh` if it has none yet.
    pub(crate) fn token(&self, fresh: Token) -> Token {
        let token = &self.header().extras.get_or_make().token;
        token.get_or_init(|| fresh).clone()
    }

    /// Calls `look` with the task's own token, if it has one, and with its locals.
    ///
    /// # Safety
    /// The caller owns the task.
    pub(crate) unsafe fn with_context<R>(
        &self,
        look: impl FnOnce(Option<&Token>, Option<&[Entry]>) -> R,
    ) -> R {
        let Some(extras) = self.header().extras.get() else {
            return look(None, None);
        };
        extras.locals.with(|locals| {
            // SAFETY: as the caller promises, nobody writes them.
            let locals = unsafe { &*locals };
            look(extras.token.get(), locals.as_deref())
        })
    }

    /// A copy of the task's locals.
    ///
    /// # Safety
    /// The caller is the task, or owns it.
    #[inline]
    pub(crate) unsafe fn locals(&self) -> Locals {
        let extras = self.header().extras.get()?;
        // SAFETY: as the caller promises, nobody writes them.
        extras.locals.with(|locals| unsafe { (*locals).clone() })
    }

    /// Replaces the task's locals.
    ///
    /// # Safety
    /// The caller is the task.
    pub(crate) unsafe fn replace_locals(&self, new: Locals) -> Locals {
        let locals = &self.header().extras.get_or_make().locals;
        // SAFETY: as the caller promises, nobody else looks at them.
        locals.with_mut(|locals| unsafe { std::mem::replace(&mut *locals, new) })
    }

    /// A copy for the task's root, which runs the body while the record keeps the original
    /// for the one who may have to abandon the task.
    ///
    /// # Safety
    /// Only one of the two may finish or cancel.
    pub(crate) unsafe fn alias(&self) -> Self {
        Self(self.0)
    }

    fn header(&self) -> &Header {
        // SAFETY: the cell lives until the task has finished, and `finish` consumes self.
        unsafe { self.0.as_ref() }
    }
}

impl<T> HandleCell<T> {
    /// The task whose result it is.
    pub(crate) fn task(&self) -> TaskId {
        self.part().header.task
    }

    /// Whether the result is there.
    pub(crate) fn is_done(&self) -> bool {
        self.part().header.word.is_done()
    }

    /// Where a dump says that the joiner waits.
    pub(crate) fn address(&self) -> usize {
        self.part.as_ptr().addr()
    }

    /// Tells the task to stop.
    pub(crate) fn cancel(&self) {
        let token = &self.part().header.extras.get_or_make().token;
        token.get_or_init(Token::new).cancel();
    }

    /// Announces the one joiner; whether it must wait until `is_done`.
    #[inline]
    pub(crate) fn wait(&mut self, waiter: Waiter) -> bool {
        if self.part().header.word.is_waited() {
            return self.wait_anew(Some(waiter));
        }
        self.announce(Joiner::Steadfast(waiter))
    }

    /// Announces a joiner whose wait may end early; with `None`, that it has. Whether the task
    /// is not done.
    pub(crate) fn wait_anew(&mut self, waiter: Option<Waiter>) -> bool {
        let header = &self.part().header;
        if !header.word.is_waited() {
            return self.announce(Joiner::Changing(Arc::new(Mutex::new(waiter))));
        }
        header.waiter.with(|place| {
            // SAFETY: written before `is_waited`, by a caller of this handle, and never again:
            // reading it beside the task is fine.
            if let Some(Joiner::Changing(place)) = unsafe { &*place } {
                *lock(place) = waiter;
            }
        });
        // After the change: a task that ends from here on finds the new waiter.
        !self.is_done()
    }

    #[inline]
    fn announce(&mut self, joiner: Joiner) -> bool {
        let header = &self.part().header;
        // SAFETY: there is one handle, and nobody has announced a joiner: the field is its own.
        header
            .waiter
            .with_mut(|place| unsafe { *place = Some(joiner) });
        header.word.wait()
    }

    /// Takes the result of a task that is done, and frees the cell.
    pub(crate) fn take(self) -> Result<T, JoinError> {
        assert!(self.is_done(), "the result is there");
        let part = self.part();
        // SAFETY: done: the handle owns the result.
        let result = part.result.with_mut(|place| unsafe { (*place).take() });
        // Dropping self frees the cell, now without a result to report.
        result.expect("a result is taken once")
    }

    fn part(&self) -> &ResultPart<T> {
        // SAFETY: the cell lives at least until the handle detaches, on drop.
        unsafe { self.part.as_ref() }
    }
}

impl<T> Drop for HandleCell<T> {
    fn drop(&mut self) {
        let header = &self.part().header;
        if !header.word.detach() {
            return;
        }
        let free = header.functions.free;
        // SAFETY: the task is done with the cell and the handle ends here.
        unsafe { free(self.part.cast()) };
    }
}
