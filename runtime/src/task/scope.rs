//! Scopes: tasks that borrow from the task that spawns them, and end before it goes on.
//!
//! # Why it is sound
//!
//! A child holds references into its parent's stack. They are good for as long as that stack
//! is there and the borrowed data are not touched otherwise, that is until [`scope`] returns; and
//! it does so only when every child has ended *and* its body and result are gone or in its
//! handle's hands ([`OnEnd`] is told after that). It waits in the same way when `inside` panics.
//! Handles cannot leave `inside`: their type names a lifetime that only it knows.
//!
//! Where the runtime ends while the parent waits, the parent is abandoned: its stack is never
//! freed, and its children, who are in the same runtime, never run again either.

use std::fmt;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use runtime_abi::Reason;

use crate::primitive::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use crate::primitive::static_sync::Arc;
use crate::task::{
    Builder, JoinError, JoinHandle, TaskId, Waiter, current,
    extras::OnEnd,
    wait::{park, waiter},
};

/// Where tasks that may borrow are spawned; see [`scope`].
pub struct Scope<'scope, 'env: 'scope> {
    children: Arc<Children>,
    /// Neither lifetime may be shortened.
    scope: PhantomData<&'scope mut &'scope ()>,
    env: PhantomData<&'env mut &'env ()>,
}

/// A [`JoinHandle`] of a task that may borrow. Dropping it detaches the task, which still ends
/// before the scope does.
pub struct ScopedJoinHandle<'scope, T> {
    handle: JoinHandle<T>,
    scope: PhantomData<&'scope ()>,
}

/// How many children are alive, and who waits for them.
struct Children {
    /// One more while the scope's own function runs.
    alive: AtomicUsize,
    lost_panic: AtomicBool,
    /// The child that was spawned last.
    youngest: AtomicU64,
    parent: Waiter,
}

/// Runs `inside`, in which tasks can be spawned that borrow from the caller's stack; returns when
/// they have all ended.
///
/// ```
/// use runtime::{Runtime, task};
///
/// Runtime::run(|| {
///     let words = ["a", "green", "task"];
///     let mut longest = 0;
///     task::scope(|scope| {
///         let lengths = words.map(|word| scope.spawn(move || word.len()));
///         scope.spawn(|| longest = lengths.into_iter().map(|l| l.join().unwrap()).max().unwrap());
///     });
///     assert_eq!(longest, 5);
/// });
/// ```
///
/// Nothing that borrows gets out:
///
/// ```compile_fail
/// runtime::Runtime::run(|| {
///     let escaped = runtime::task::scope(|scope| scope.spawn(|| 7));
///     escaped.join().unwrap();
/// });
/// ```
///
/// # Panics
///
/// If `inside` does, with its payload; or if a task panicked that nobody joined. On a thread that
/// runs no task.
#[track_caller]
pub fn scope<'env, R>(inside: impl for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> R) -> R {
    assert!(
        current::record().is_some(),
        "scope was called on a thread that runs no task: call it inside `Runtime::run`"
    );
    let children = Arc::new(Children {
        alive: AtomicUsize::new(1),
        lost_panic: AtomicBool::new(false),
        youngest: AtomicU64::new(0),
        parent: waiter(),
    });
    let scope = Scope {
        children: Arc::clone(&children),
        scope: PhantomData,
        env: PhantomData,
    };
    let result = catch_unwind(AssertUnwindSafe(|| inside(&scope)));
    children.wait();
    match result {
        Err(payload) => resume_unwind(payload),
        Ok(_) if children.lost_panic.load(Ordering::Relaxed) => {
            panic!("a task of the scope panicked")
        }
        Ok(result) => result,
    }
}

impl<'scope> Scope<'scope, '_> {
    /// Spawns a task that may borrow what lives as long as the scope; see
    /// [`spawn`](crate::spawn).
    ///
    /// # Panics
    ///
    /// On a thread that runs no task.
    #[track_caller]
    pub fn spawn<F, T>(&'scope self, body: F) -> ScopedJoinHandle<'scope, T>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        self.spawn_as(Builder::new(), body)
    }

    /// Spawns a task with these settings.
    ///
    /// # Panics
    ///
    /// On a thread that runs no task, or one of another runtime than the scope's.
    #[track_caller]
    pub fn spawn_as<F, T>(&'scope self, settings: Builder, body: F) -> ScopedJoinHandle<'scope, T>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        let children = Arc::clone(&self.children);
        // Before the child can end.
        children.alive.fetch_add(1, Ordering::Relaxed);
        let counted = Counted(&self.children);
        // SAFETY: both are good until `scope` returns, and that is after the listener was told.
        // The handle cannot be used after that.
        let handle = unsafe { settings.spawn_listened(children, body) };
        std::mem::forget(counted);
        let youngest = handle.id().as_u64();
        self.children.youngest.store(youngest, Ordering::Relaxed);
        ScopedJoinHandle {
            handle,
            scope: PhantomData,
        }
    }
}

impl<T> ScopedJoinHandle<'_, T> {
    /// Waits for the task's end and takes its result.
    ///
    /// # Errors
    ///
    /// If the task panicked.
    pub fn join(self) -> Result<T, JoinError> {
        self.handle.join()
    }

    /// The task.
    #[must_use]
    pub fn id(&self) -> TaskId {
        self.handle.id()
    }

    /// Whether the task has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.handle.is_finished()
    }

    /// Tells the task to stop; see [`JoinHandle::cancel`].
    pub fn cancel(&self) {
        self.handle.cancel();
    }
}

impl Children {
    /// Parks until all have ended.
    fn wait(&self) {
        // Acquire: all that the children did comes before what the parent does next.
        if self.alive.fetch_sub(1, Ordering::AcqRel) == 1 {
            return;
        }
        let address = std::ptr::from_ref(self).addr();
        while self.alive.load(Ordering::Acquire) > 0 {
            let youngest = TaskId::from_u64(self.youngest.load(Ordering::Relaxed));
            park(Reason::WaitGroup, address, youngest);
        }
    }

    fn one_less(&self) {
        // A copy: once the count is zero, the parent may be gone.
        let parent = self.parent.clone();
        // Release: pairs with the parent's acquire.
        if self.alive.fetch_sub(1, Ordering::AcqRel) == 1 {
            parent.unpark();
        }
    }
}

impl OnEnd for Children {
    fn ended(&self, lost_panic: bool) {
        self.lost_panic.fetch_or(lost_panic, Ordering::Relaxed);
        self.one_less();
    }
}

/// A child that is counted and not yet spawned: spawning may panic.
struct Counted<'a>(&'a Children);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.one_less();
    }
}

impl fmt::Debug for Scope<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope")
            .field("alive", &self.children.alive.load(Ordering::Relaxed))
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for ScopedJoinHandle<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.handle.fmt(f)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::{Builder as RuntimeBuilder, Runtime, sleep, spawn, yield_now};
    use std::sync::Mutex;
    use std::time::Duration;

    #[test]
    fn children_borrow_and_have_ended_when_the_scope_ends() {
        Runtime::run(|| {
            let mut numbers = [0_u64; 64];
            let total = AtomicU64::new(0);
            scope(|scope| {
                for (place, number) in numbers.iter_mut().enumerate() {
                    let total = &total;
                    scope.spawn(move || {
                        yield_now();
                        *number = place as u64;
                        total.fetch_add(*number, Ordering::Relaxed);
                    });
                }
            });
            assert_eq!(total.into_inner(), numbers.iter().sum::<u64>());
        });
    }

    #[test]
    fn children_spawn_siblings_through_the_scope() {
        Runtime::run(|| {
            let count = AtomicUsize::new(0);
            scope(|scope| {
                let outer = scope.spawn(|| {
                    let inner = scope.spawn(|| count.fetch_add(1, Ordering::Relaxed));
                    inner.join().unwrap();
                    scope.spawn(|| count.fetch_add(1, Ordering::Relaxed));
                });
                outer.join().unwrap();
            });
            assert_eq!(count.into_inner(), 2);
        });
    }

    #[test]
    fn a_scope_that_panics_waits_for_its_children() {
        Runtime::run(|| {
            let done = Mutex::new(0);
            let panicked = catch_unwind(AssertUnwindSafe(|| {
                scope(|scope| {
                    for _ in 0..8 {
                        scope.spawn(|| {
                            yield_now();
                            *done.lock().unwrap() += 1;
                        });
                    }
                    resume_unwind(Box::new(7));
                })
            }));
            assert_eq!(panicked.unwrap_err().downcast_ref(), Some(&7));
            assert_eq!(*done.lock().unwrap(), 8);
        });
    }

    #[test]
    fn a_panic_that_nobody_joins_becomes_the_scopes() {
        Runtime::run(|| {
            let joined = scope(|scope| scope.spawn(|| panic!("joined")).join().is_err());
            assert!(joined);
            let lost = catch_unwind(|| {
                scope(|scope| drop(scope.spawn(|| panic!("lost"))));
            });
            assert!(lost.is_err());
        });
    }

    #[test]
    fn results_that_borrow_are_dropped_before_the_scope_ends() {
        struct Counts<'a>(&'a AtomicUsize);
        impl Drop for Counts<'_> {
            fn drop(&mut self) {
                yield_now();
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
        Runtime::run(|| {
            let drops = AtomicUsize::new(0);
            scope(|scope| {
                for child in 0..32 {
                    let handle = scope.spawn(|| Counts(&drops));
                    if child % 2 == 0 {
                        drop(handle);
                    } else if child % 3 == 0 {
                        drop(handle.join());
                    }
                }
            });
            assert_eq!(drops.into_inner(), 32);
        });
    }

    #[test]
    fn a_runtime_that_ends_in_a_scope_leaves_parent_and_children() {
        let finished = RuntimeBuilder::new().workers(2).try_run(|| {
            let (started, parent_waits) = crate::chan::bounded(1);
            spawn(move || {
                let borrowed = String::from("on the parent's stack");
                scope(|scope| {
                    scope.spawn(|| {
                        started.send(borrowed.len()).unwrap();
                        sleep(Duration::from_secs(3600));
                        borrowed.len()
                    });
                });
            });
            parent_waits.recv().unwrap();
        });
        let leftover = finished.unwrap().leftover;
        assert_eq!(leftover.iter().map(|site| site.tasks()).sum::<u64>(), 2);
    }
}
