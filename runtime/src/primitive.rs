//! The facade over atomics, locks and threads: `std`, or `loom` under `cfg(loom)`.
//!
//! Every other file of the crate takes these names from here, so that a protocol that is
//! model-checked and the one that runs are the same source. What lives in a `static` and so
//! outlives a loom model takes [`static_atomic`] and [`static_sync`], which are always `std`.

#[cfg(loom)]
pub(crate) use self::model::*;
#[cfg(not(loom))]
pub(crate) use self::real::*;

/// Atomics of statics: never modelled.
pub(crate) mod static_atomic {
    #[allow(
        unused_imports,
        reason = "the facade is wider than one configuration's use"
    )]
    pub(crate) use std::sync::atomic::{
        AtomicBool, AtomicI64, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering,
        compiler_fence, fence,
    };
}

/// Locks of statics: never modelled.
pub(crate) mod static_sync {
    #[allow(
        unused_imports,
        reason = "the facade is wider than one configuration's use"
    )]
    pub(crate) use std::sync::{Arc, Condvar, Mutex, MutexGuard, Once, OnceLock, RwLock, Weak};
}

#[cfg(not(loom))]
mod real {
    #[allow(
        unused_imports,
        reason = "the facade is wider than one configuration's use"
    )]
    pub(crate) use std::{
        hint::spin_loop,
        sync::{Arc, Condvar, Mutex, MutexGuard},
        thread,
    };

    pub(crate) mod atomic {
        #[allow(
            unused_imports,
            reason = "the facade is wider than one configuration's use"
        )]
        pub(crate) use std::sync::atomic::{
            AtomicBool, AtomicI64, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize,
            Ordering, fence,
        };
    }

    /// `std`'s cell with loom's interface.
    #[derive(Debug)]
    #[repr(transparent)]
    pub(crate) struct UnsafeCell<T: ?Sized>(std::cell::UnsafeCell<T>);

    impl<T> UnsafeCell<T> {
        pub(crate) const fn new(value: T) -> Self {
            Self(std::cell::UnsafeCell::new(value))
        }

        /// Gives a pointer for reading; the caller upholds what a dereference demands.
        #[inline(always)]
        pub(crate) fn with<R>(&self, read: impl FnOnce(*const T) -> R) -> R {
            read(self.0.get())
        }

        /// Gives a pointer for writing; the caller upholds what a dereference demands.
        #[inline(always)]
        pub(crate) fn with_mut<R>(&self, write: impl FnOnce(*mut T) -> R) -> R {
            write(self.0.get())
        }
    }
}

#[cfg(loom)]
mod model {
    #[allow(
        unused_imports,
        reason = "the facade is wider than one configuration's use"
    )]
    pub(crate) use loom::{
        cell::UnsafeCell,
        hint::spin_loop,
        sync::{Arc, Condvar, Mutex, MutexGuard},
        thread,
    };

    pub(crate) mod atomic {
        #[allow(
            unused_imports,
            reason = "the facade is wider than one configuration's use"
        )]
        pub(crate) use loom::sync::atomic::{
            AtomicBool, AtomicI64, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize,
            Ordering, fence,
        };
    }
}
