//! The facade over atomics, locks and threads: `std`, `loom` under `cfg(loom)`, or `shuttle` in
//! loom's place under `cfg(loom)` with `cfg(shuttle)`.
//!
//! Every other file of the crate takes these names from here, so that a protocol that is
//! model-checked and the one that runs are the same source. What lives in a `static` and so
//! outlives a loom model takes [`static_atomic`] and [`static_sync`], which are always `std`.
//!
//! In the crate's own tests the atomics count what they do (`primitive/counted.rs`).
//!
//! Loom explores every schedule of a protocol, shuttle random ones of whole programs. Shuttle's
//! threads take turns on one thread of the system, so no lock of `static_sync` may be held
//! across anything else of this file: whoever came next would wait for ever.

#[cfg(all(loom, not(shuttle)))]
pub(crate) use self::model::*;
#[cfg(shuttle)]
pub(crate) use self::random::*;
#[cfg(not(loom))]
pub(crate) use self::real::*;

#[cfg(all(test, not(any(loom, miri))))]
pub(crate) mod counted;

#[cfg(all(test, not(any(loom, miri))))]
use self::counted as chosen;
#[cfg(not(all(test, not(any(loom, miri)))))]
use self::plain as chosen;

/// The standard library's.
mod plain {
    #[allow(
        unused_imports,
        reason = "the facade is wider than one configuration's use"
    )]
    pub(crate) use std::sync::{
        Mutex,
        atomic::{
            AtomicBool, AtomicI64, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize,
            Ordering, fence,
        },
    };
}

/// Atomics of statics: never modelled.
pub(crate) mod static_atomic {
    #[allow(
        unused_imports,
        reason = "the facade is wider than one configuration's use"
    )]
    pub(crate) use super::chosen::{
        AtomicBool, AtomicI64, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering,
        fence,
    };
    #[allow(
        unused_imports,
        reason = "the facade is wider than one configuration's use"
    )]
    pub(crate) use std::sync::atomic::compiler_fence;
}

/// Locks of statics: never modelled.
pub(crate) mod static_sync {
    #[allow(
        unused_imports,
        reason = "the facade is wider than one configuration's use"
    )]
    pub(crate) use super::chosen::Mutex;
    #[allow(
        unused_imports,
        reason = "the facade is wider than one configuration's use"
    )]
    pub(crate) use std::sync::{Arc, Condvar, MutexGuard, Once, OnceLock, RwLock, Weak};
}

#[cfg(not(loom))]
mod real {
    #[allow(
        unused_imports,
        reason = "the facade is wider than one configuration's use"
    )]
    pub(crate) use std::{hint::spin_loop, thread, thread_local};

    pub(crate) use super::cell::UnsafeCell;
    pub(crate) use super::static_atomic as atomic;
    #[allow(
        unused_imports,
        reason = "the facade is wider than one configuration's use"
    )]
    pub(crate) use super::static_sync::{Arc, Condvar, Mutex, MutexGuard};
}

#[cfg(any(not(loom), shuttle))]
mod cell {
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

#[cfg(all(loom, not(shuttle)))]
mod model {
    #[allow(
        unused_imports,
        reason = "the facade is wider than one configuration's use"
    )]
    pub(crate) use loom::{
        cell::UnsafeCell,
        hint::spin_loop,
        sync::{Arc, Condvar, Mutex, MutexGuard},
    };
    pub(crate) use std::thread_local;

    /// loom's threads with a token of our own. loom's `unpark` also lets a thread go on that
    /// waits for a lock or has yielded, and then forgets the token (0.7.2, `set_unparked`).
    pub(crate) mod thread {
        #[allow(
            unused_imports,
            reason = "the facade is wider than one configuration's use"
        )]
        pub(crate) use loom::thread::*;

        use loom::sync::{Arc, Condvar, Mutex};

        loom::thread_local! {
            static TOKEN: Thread = Thread(Arc::default());
        }

        /// A handle by which a thread is unparked.
        #[derive(Clone, Debug)]
        pub(crate) struct Thread(Arc<Token>);

        #[derive(Debug, Default)]
        struct Token {
            is_given: Mutex<bool>,
            given: Condvar,
        }

        impl Thread {
            pub(crate) fn unpark(&self) {
                *self.0.is_given.lock().unwrap() = true;
                self.0.given.notify_one();
            }
        }

        pub(crate) fn current() -> Thread {
            TOKEN.with(Clone::clone)
        }

        /// Returns when the calling thread was given its token, and takes it.
        pub(crate) fn park() {
            let Thread(token) = current();
            let mut is_given = token.is_given.lock().unwrap();
            while !*is_given {
                is_given = token.given.wait(is_given).unwrap();
            }
            *is_given = false;
        }
    }

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

#[cfg(shuttle)]
mod random {
    #[allow(
        unused_imports,
        reason = "the facade is wider than one configuration's use"
    )]
    pub(crate) use shuttle::{
        hint::spin_loop,
        sync::{Arc, Condvar, Mutex, MutexGuard},
        thread, thread_local,
    };

    pub(crate) use super::cell::UnsafeCell;

    pub(crate) mod atomic {
        #[allow(
            unused_imports,
            reason = "the facade is wider than one configuration's use"
        )]
        pub(crate) use shuttle::sync::atomic::{
            AtomicBool, AtomicI64, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize,
            Ordering, fence,
        };
    }
}
