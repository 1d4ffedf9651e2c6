//! Task-locals: values that belong to a task and that the tasks it spawns inherit.
//!
//! A task has at most one list of them, shared with whoever inherited it and never changed: a
//! scope makes a new list and puts the old one back at its end. So inheriting costs a spawn
//! one count up if there is a list, and nothing if there is none. A key is in a list once,
//! also where a task spawns its own successor in a scope, again and again.

use std::any::Any;
use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::task::current;

/// What a task inherits.
pub(crate) type Locals = Option<Arc<[Entry]>>;

/// One value.
#[derive(Clone)]
pub(crate) struct Entry {
    /// The address of its key.
    key: usize,
    value: Arc<dyn Any + Send + Sync>,
}

thread_local! {
    /// The locals of a thread that runs no task. Never borrowed across a call of foreign code.
    static OF_THREAD: RefCell<Locals> = const { RefCell::new(None) };
}

/// A value that each task has for itself, and that the tasks it spawns inherit: the id of the
/// request that they work for, its logger.
///
/// Declare it as a `static`. It is set for the time of a call by [`TaskLocal::scope`]; a task
/// that is spawned meanwhile keeps what it inherited, also when the scope has ended. Unlike a
/// thread-local it goes where the task goes.
///
/// ```
/// use runtime::{Runtime, spawn, task::TaskLocal};
///
/// static REQUEST: TaskLocal<u64> = TaskLocal::new();
///
/// Runtime::run(|| {
///     let handler = REQUEST.scope(7, || spawn(|| REQUEST.get()));
///     assert_eq!(handler.join().unwrap(), Some(7));
///     assert_eq!(REQUEST.get(), None);
/// });
/// ```
pub struct TaskLocal<T: 'static> {
    /// Not empty, so that every key has an address of its own.
    _identity: u8,
    value: PhantomData<fn() -> T>,
}

impl<T: Send + Sync + 'static> TaskLocal<T> {
    /// A key without a value. For a `static`: the key is its address.
    #[must_use]
    #[allow(
        clippy::new_without_default,
        reason = "a default one, outside a static, would be a key that moves"
    )]
    pub const fn new() -> Self {
        Self {
            _identity: 0,
            value: PhantomData,
        }
    }

    /// Runs `inside` with the value set, for this task and the tasks that it spawns meanwhile.
    /// On a thread that runs no task, for this thread.
    pub fn scope<R>(&'static self, value: T, inside: impl FnOnce() -> R) -> R {
        with_all(self.added(value), inside)
    }

    /// Sets the value until the innermost scope, of any key, ends.
    pub(crate) fn set(&'static self, value: T) {
        let list = self.added(value);
        drop(replace(list));
    }

    /// The caller's list with this value.
    fn added(&'static self, value: T) -> Locals {
        let entry = Entry {
            key: self.key(),
            value: Arc::new(value),
        };
        let list = inherited();
        let others = list.iter().flat_map(|list| list.iter());
        let others = others.filter(|other| other.key != entry.key).cloned();
        // The newest first: it is the one that is looked for.
        Some(std::iter::once(entry.clone()).chain(others).collect())
    }

    /// Calls `look` with the task's value, or `None` where no scope has set one.
    ///
    /// `look` may park: the value is kept alive and belongs to no thread.
    pub fn with<R>(&'static self, look: impl FnOnce(Option<&T>) -> R) -> R {
        let value = self.find();
        look(
            value
                .as_deref()
                .and_then(<dyn Any + Send + Sync>::downcast_ref),
        )
    }

    /// A copy of the task's value.
    #[must_use]
    pub fn get(&'static self) -> Option<T>
    where
        T: Clone,
    {
        self.with(|value| value.cloned())
    }

    fn find(&'static self) -> Option<Arc<dyn Any + Send + Sync>> {
        let list = inherited()?;
        let entry = self.entry_in(&list)?;
        Some(Arc::clone(&entry.value))
    }

    /// The value in a task's list.
    pub(crate) fn find_in<'a>(&'static self, list: &'a [Entry]) -> Option<&'a T> {
        self.entry_in(list)?.value.downcast_ref()
    }

    fn entry_in<'a>(&'static self, list: &'a [Entry]) -> Option<&'a Entry> {
        list.iter().find(|entry| entry.key == self.key())
    }

    fn key(&'static self) -> usize {
        std::ptr::from_ref(self).addr()
    }
}

impl<T> fmt::Debug for TaskLocal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskLocal").finish_non_exhaustive()
    }
}

/// Puts the old list back at the end of a scope, also when it unwinds.
struct Scope {
    outer: Locals,
}

impl Scope {
    fn enter(list: Locals, outer: Locals) -> Self {
        drop(replace(list));
        Self { outer }
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        // A destructor of a value may run here: after the list was put back.
        let inner = replace(self.outer.take());
        drop(inner);
    }
}

/// Runs `inside` with these locals instead of the caller's own.
pub(crate) fn with_all<R>(locals: Locals, inside: impl FnOnce() -> R) -> R {
    let _restored_on_drop = Scope::enter(locals, inherited());
    inside()
}

/// What a task that is spawned here and now inherits.
pub(crate) fn inherited() -> Locals {
    match current::record() {
        // SAFETY: the running task owns itself.
        Some(record) => unsafe { record.locals() },
        None => OF_THREAD.with_borrow(Clone::clone),
    }
}

fn replace(list: Locals) -> Locals {
    match current::record() {
        // SAFETY: as above.
        Some(record) => unsafe { record.replace_locals(list) },
        None => OF_THREAD.replace(list),
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::{Runtime, spawn, yield_now};

    static NUMBER: TaskLocal<u32> = TaskLocal::new();
    static TEXT: TaskLocal<String> = TaskLocal::new();

    #[test]
    fn scopes_nest_and_end_also_by_unwinding() {
        let both = || (NUMBER.get(), TEXT.get());
        Runtime::run(move || {
            NUMBER.scope(1, || {
                TEXT.scope("a".into(), || {
                    let panicked = std::panic::catch_unwind(|| {
                        NUMBER.scope(2, || {
                            assert_eq!(both(), (Some(2), Some("a".into())));
                            std::panic::resume_unwind(Box::new(()));
                        })
                    });
                    assert!(panicked.is_err());
                    assert_eq!(both(), (Some(1), Some("a".into())));
                });
                assert_eq!(both(), (Some(1), None));
            });
            assert_eq!(both(), (None, None));
        });
    }

    #[test]
    fn a_task_inherits_what_its_spawner_had_and_keeps_it() {
        Runtime::run(|| {
            let task = NUMBER.scope(3, || {
                spawn(|| {
                    let grandchild = spawn(|| NUMBER.get());
                    yield_now();
                    (NUMBER.get(), grandchild.join().unwrap())
                })
            });
            let other = NUMBER.scope(4, || spawn(|| NUMBER.get()));
            assert_eq!(task.join().unwrap(), (Some(3), Some(3)));
            assert_eq!(other.join().unwrap(), Some(4));
        });
    }

    #[test]
    fn a_task_of_a_thread_outside_inherits_from_the_thread() {
        Runtime::run(|| {
            let handle = crate::Handle::current().expect("a task has a runtime");
            let thread =
                std::thread::spawn(move || NUMBER.scope(5, || handle.spawn(|| NUMBER.get())));
            let task = thread.join().unwrap();
            assert_eq!(task.join().unwrap(), Some(5));
        });
    }

    #[test]
    fn a_blocking_call_sees_its_tasks_values() {
        Runtime::run(|| {
            let seen = NUMBER.scope(6, || crate::blocking(|| NUMBER.get()));
            assert_eq!(seen, Some(6));
        });
    }

    #[test]
    fn a_key_is_in_a_list_once() {
        fn lists(depth: u32) -> usize {
            match depth {
                0 => inherited().map_or(0, |list| list.len()),
                _ => NUMBER.scope(depth, || lists(depth - 1)),
            }
        }
        assert_eq!(lists(50), 1);
    }

    #[test]
    fn the_value_is_dropped_with_the_last_task_that_has_it() {
        static HELD: TaskLocal<Arc<()>> = TaskLocal::new();
        let held = Arc::new(());
        let inner = Arc::clone(&held);
        Runtime::run(move || {
            let task = HELD.scope(inner, || spawn(|| HELD.with(|value| value.is_some())));
            assert!(task.join().unwrap());
            spawn(|| ()).join().unwrap();
        });
        assert_eq!(Arc::strong_count(&held), 1);
    }
}
