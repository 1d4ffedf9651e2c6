//! What few tasks have: locals, a token of their own, somebody who listens to their end. It is
//! allocated where it is first needed, so that a spawn without it pays one word.

use std::ptr::null_mut;

use crate::cancel::Token;
use crate::primitive::UnsafeCell;
use crate::primitive::static_atomic::{AtomicPtr, Ordering};
use crate::primitive::static_sync::{Arc, OnceLock};
use crate::task::local::Locals;

/// What is told of the end of a task that it listens to.
pub(crate) trait OnEnd: Send + Sync {
    /// The task has ended: nothing of its body is left, its joiner was woken, and its result is
    /// in its handle's hands, or dropped. `lost_panic`: it panicked and nobody will join it.
    fn ended(&self, lost_panic: bool);
}

/// Who listens to a task's end.
pub(crate) type Listener = Option<Arc<dyn OnEnd>>;

/// A task's extras, if it has any.
pub(crate) struct ExtrasCell(AtomicPtr<Extras>);

/// See the file.
pub(super) struct Extras {
    /// What the task inherited or set; the task's until it has finished.
    pub(super) locals: UnsafeCell<Locals>,
    /// The task's own token, made by whoever first asks for it: the task, or its handle.
    pub(super) token: OnceLock<Token>,
    /// The task's until it has finished.
    pub(super) listener: UnsafeCell<Listener>,
}

impl ExtrasCell {
    #[inline]
    pub(super) const fn none() -> Self {
        Self(AtomicPtr::new(null_mut()))
    }

    /// The extras of a new task.
    #[inline]
    pub(super) fn new(locals: Locals, listener: Listener) -> Self {
        if locals.is_none() && listener.is_none() {
            return Self::none();
        }
        Self(AtomicPtr::new(Extras::boxed(locals, listener)))
    }

    #[inline]
    pub(super) fn get(&self) -> Option<&Extras> {
        // SAFETY: null, or a box that is freed with this cell. Acquire: pairs with `make`.
        unsafe { self.0.load(Ordering::Acquire).as_ref() }
    }

    pub(super) fn get_or_make(&self) -> &Extras {
        self.get().unwrap_or_else(|| self.make())
    }

    #[cold]
    fn make(&self) -> &Extras {
        let new = Extras::boxed(None, None);
        // Release: the other side finds it as it was made.
        let made = self
            .0
            .compare_exchange(null_mut(), new, Ordering::AcqRel, Ordering::Acquire);
        if made.is_err() {
            // SAFETY: nobody else has seen it.
            drop(unsafe { Box::from_raw(new) });
        }
        self.get().expect("it was made here or there")
    }
}

impl Extras {
    #[cold]
    fn boxed(locals: Locals, listener: Listener) -> *mut Self {
        Box::into_raw(Box::new(Self {
            locals: UnsafeCell::new(locals),
            token: OnceLock::new(),
            listener: UnsafeCell::new(listener),
        }))
    }
}

impl Drop for ExtrasCell {
    fn drop(&mut self) {
        let extras = self.0.load(Ordering::Acquire);
        if !extras.is_null() {
            // SAFETY: a box of this cell's own, which ends here.
            drop(unsafe { Box::from_raw(extras) });
        }
    }
}
