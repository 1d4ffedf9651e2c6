//! The switch with corosensei: a resume and a suspension save and load the callee-saved
//! registers, nothing else.

use super::{RegisterCell, Switch};
use crate::stack::{self, Stack, Window};
use crate::sys::registers;
use corosensei::stack::StackPointer;
use corosensei::{Coroutine, CoroutineResult, Yielder};
use std::cell::Cell;
use std::mem::ManuallyDrop;

thread_local! {
    static WORKER_WORD: Cell<usize> = const { Cell::new(0) };
}

/// A body and the stack on which it runs, has run, or will run.
///
/// Dropped before it started, it drops the body and the stack. Dropped while suspended, it
/// forgets both: what lies on the stack may be referred to from elsewhere, and the stack is
/// never used again.
pub(crate) struct Context {
    coroutine: ManuallyDrop<Coroutine<(), (), (), Stack>>,
}

// SAFETY: the creator of a context promises that its body may continue on another thread (see
// `Context::new`); the stack is a plain memory range, and the word for the worker is read again
// after every switch.
unsafe impl Send for Context {}

/// The body's side of the switch. The body copies it to where its own code finds it; it is valid
/// until the body returns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Suspender {
    yielder: *const Yielder<(), ()>,
    window: Window,
}

// SAFETY: the pointer is to the root of the body's stack and is used only by `suspend`, whose
// caller promises to run on that stack.
unsafe impl Send for Suspender {}
// SAFETY: as above.
unsafe impl Sync for Suspender {}

// SAFETY: below the window of a stack everything faults, down to the slot's begin; the window
// has 32 KiB at least. `top` is a multiple of 64.
unsafe impl corosensei::stack::Stack for Stack {
    #[inline(always)]
    fn base(&self) -> StackPointer {
        // SAFETY: user memory never ends at address 0.
        unsafe { StackPointer::new_unchecked(self.top()) }
    }

    fn limit(&self) -> StackPointer {
        // SAFETY: user memory never begins at address 0.
        unsafe { StackPointer::new_unchecked(self.bottom()) }
    }
}

impl Context {
    /// Lays the body at the top of the stack; nothing runs yet, nothing is allocated.
    ///
    /// The body, and everything that it holds across a suspension, may be continued on another
    /// thread. It must not unwind: that aborts the process.
    pub(crate) fn new<F>(stack: Stack, body: F) -> Self
    where
        F: FnOnce(Suspender) + Send + 'static,
    {
        let window = stack.window();
        let coroutine = Coroutine::with_stack(stack, move |yielder: &Yielder<(), ()>, ()| {
            let unwound = AbortOnUnwind;
            body(Suspender { yielder, window });
            std::mem::forget(unwound);
        });
        Self {
            coroutine: ManuallyDrop::new(coroutine),
        }
    }

    /// Runs the body on its own stack until it suspends itself or returns.
    ///
    /// # Panics
    ///
    /// If the body has returned before.
    #[inline]
    pub(crate) fn resume(&mut self) -> Switch {
        match self.coroutine.resume(()) {
            CoroutineResult::Yield(()) => Switch::Suspended,
            CoroutineResult::Return(()) => Switch::Finished,
        }
    }

    /// The stack, for the next body.
    ///
    /// # Panics
    ///
    /// If the body has not returned yet.
    pub(crate) fn into_stack(mut self) -> Stack {
        // SAFETY: the value is not used again: the context is forgotten in the next line.
        let coroutine = unsafe { ManuallyDrop::take(&mut self.coroutine) };
        std::mem::forget(self);
        coroutine.into_stack()
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        if self.coroutine.done() || !self.coroutine.started() {
            // SAFETY: the value is not used again.
            unsafe { ManuallyDrop::drop(&mut self.coroutine) };
        }
    }
}

impl Suspender {
    /// Leaves the body's stack and returns from the `resume` that runs it; returns itself when the
    /// context is resumed the next time, perhaps on another thread. Keeps in `registers` where
    /// the body can be found meanwhile.
    ///
    /// Always inlined, and so should be what calls it: after a switch the processor's prediction of
    /// returns is that of the other stack, so every return between here and the task's own loop
    /// is mispredicted. A bare corosensei loop on a busy virtual machine: 3.6 ns for a resume and
    /// a suspension inlined, 42 ns with one function out of line between.
    ///
    /// # Safety
    ///
    /// The caller runs on the stack of the body that was given this suspender, and not while
    /// unwinding, unless the body is resumed on this thread before anything else runs on it: panic
    /// counters belong to threads.
    #[inline(always)]
    pub(crate) unsafe fn suspend(self, registers: &RegisterCell) {
        // SAFETY: the body runs, so the root of its stack is alive.
        let yielder = unsafe { &*self.yielder };
        registers.store(registers::capture());
        yielder.suspend(());
    }

    /// Makes sure that the body has 8 KiB of open stack below it; see
    /// [`stack::ensure_headroom`]. Called on the body's stack.
    #[inline(always)]
    pub(crate) fn ensure_headroom(self) {
        stack::ensure_headroom(self.window);
    }
}

/// Aborts when it is dropped: a body has unwound.
struct AbortOnUnwind;

impl Drop for AbortOnUnwind {
    fn drop(&mut self) {
        stack::abort_with(format_args!(
            "\nfatal runtime error: a task unwound past its root\n"
        ));
    }
}

/// The word that the current thread's worker has set; 0 on other threads.
#[inline(never)]
pub(crate) fn worker_word() -> usize {
    WORKER_WORD.get()
}

/// Sets the word of the current thread.
#[inline(never)]
pub(crate) fn set_worker_word(word: usize) {
    WORKER_WORD.set(word);
}
