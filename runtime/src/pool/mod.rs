//! Pools of objects that are used again.

mod registry;
mod shelf;

use std::fmt;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::panic::Location;

use crate::primitive::static_sync::{Arc, Weak};
use crate::sched::handle::Handle;
use crate::site;
use crate::task::current::with_worker;

use registry::{Counters, Trim};
pub(crate) use registry::{PoolSums, sums, trim_all};
use shelf::{Item, Shelves};

/// Objects that are kept for the next one who needs such an object: buffers, parsers,
/// connections.
///
/// Every worker has a shelf of its own, and takes from the shelves of others before it makes a
/// new object; so an object is used again also where tasks move between workers. What has lain
/// unused on a shelf for a second or two is dropped, a pool keeps no peak for ever.
///
/// It bounds nothing: where there is none to use again, another one is made. (A bound on how many
/// are in use is a [`Semaphore`](crate::sync)'s business.)
///
/// Observers are told what a pool retains and how often it served, at the line that made it.
///
/// ```
/// use runtime::{Pool, Runtime};
///
/// Runtime::run(|| {
///     let buffers = Pool::builder(|| Vec::with_capacity(4096))
///         .reset(|buffer: &mut Vec<u8>| buffer.clear())
///         .weigh(|buffer| buffer.capacity())
///         .build();
///     buffers.get().extend_from_slice(b"some bytes");
///     let buffer = buffers.get();
///     assert!(buffer.is_empty() && buffer.capacity() >= 4096, "the same again");
/// });
/// ```
pub struct Pool<T: Send + 'static> {
    core: Arc<Core<T>>,
}

/// Settings of a [`Pool`].
#[must_use = "a builder does nothing until `build` is called"]
pub struct Builder<T> {
    functions: Functions<T>,
    retain: usize,
}

/// An object on loan; it goes back to its pool when it is dropped.
pub struct Pooled<'a, T: Send + 'static> {
    pool: &'a Pool<T>,
    object: ManuallyDrop<T>,
}

struct Functions<T> {
    make: Box<dyn Fn() -> T + Send + Sync>,
    reset: Box<dyn Fn(&mut T) + Send + Sync>,
    weigh: Box<dyn Fn(&T) -> usize + Send + Sync>,
}

struct Core<T> {
    functions: Functions<T>,
    shelves: Shelves<T>,
}

/// Objects that a worker's shelf holds at most, unless the builder says otherwise.
const RETAIN: usize = 1_024;

impl<T: Send + 'static> Pool<T> {
    /// A pool that makes an object where it has none.
    #[track_caller]
    #[must_use]
    pub fn new(make: impl Fn() -> T + Send + Sync + 'static) -> Self {
        Self::builder(make).build()
    }

    /// A pool with settings of its own.
    pub fn builder(make: impl Fn() -> T + Send + Sync + 'static) -> Builder<T> {
        Builder {
            functions: Functions {
                make: Box::new(make),
                reset: Box::new(|_| ()),
                weigh: Box::new(|_| size_of::<T>()),
            },
            retain: RETAIN,
        }
    }

    /// An object on loan, one that was used before if there is one.
    pub fn get(&self) -> Pooled<'_, T> {
        Pooled {
            pool: self,
            object: ManuallyDrop::new(self.take()),
        }
    }

    /// An object, for good: give it back with [`Pool::put`], or keep it.
    pub fn take(&self) -> T {
        let core = &*self.core;
        match core.shelves.take(place()) {
            Some(item) => item.object,
            None => {
                core.shelves.counters().used_by(Handle::current());
                (core.functions.make)()
            }
        }
    }

    /// Gives an object to the pool: one that was taken, or any other.
    pub fn put(&self, mut object: T) {
        let core = &*self.core;
        (core.functions.reset)(&mut object);
        let weight = (core.functions.weigh)(&object);
        let refused = core.shelves.put(place(), Item { object, weight });
        drop(refused);
    }

    /// How many objects lie on its shelves.
    #[must_use]
    pub fn retained(&self) -> usize {
        self.core.shelves.len()
    }
}

impl<T: Send + 'static> Builder<T> {
    /// What is done with an object that comes back, before it is used again.
    pub fn reset(mut self, reset: impl Fn(&mut T) + Send + Sync + 'static) -> Self {
        self.functions.reset = Box::new(reset);
        self
    }

    /// The bytes that an object holds, with those behind pointers: what observers are told. By
    /// default its size alone.
    pub fn weigh(mut self, weigh: impl Fn(&T) -> usize + Send + Sync + 'static) -> Self {
        self.functions.weigh = Box::new(weigh);
        self
    }

    /// The objects that each worker's shelf holds at most (1,024); what comes beyond is dropped.
    pub fn retain(mut self, objects: usize) -> Self {
        self.retain = objects;
        self
    }

    /// The pool. This line is its site.
    #[track_caller]
    #[must_use]
    pub fn build(self) -> Pool<T> {
        let site = site::intern(Location::caller(), None, false);
        let Self { functions, retain } = self;
        let core = Arc::new_cyclic(|core: &Weak<Core<T>>| Core {
            functions,
            shelves: Shelves::new(Counters::register(site.index(), core.clone()), retain),
        });
        Pool { core }
    }
}

impl<T: Send + 'static> Trim for Core<T> {
    fn trim(&self) {
        self.shelves.trim();
    }
}

/// The caller's shelf, before it is cut to how many there are.
fn place() -> usize {
    with_worker(|worker| worker.index()).unwrap_or_else(shelf::of_thread)
}

impl<T: Send + 'static> Pooled<'_, T> {
    /// Keeps the object; the pool will not see it again.
    #[must_use]
    pub fn into_inner(this: Self) -> T {
        let mut this = ManuallyDrop::new(this);
        // SAFETY: `this` is never dropped, so nobody takes it a second time.
        unsafe { ManuallyDrop::take(&mut this.object) }
    }
}

impl<T: Send + 'static> Drop for Pooled<'_, T> {
    fn drop(&mut self) {
        // SAFETY: nobody uses the field after its drop.
        let object = unsafe { ManuallyDrop::take(&mut self.object) };
        self.pool.put(object);
    }
}

impl<T: Send + 'static> Deref for Pooled<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.object
    }
}

impl<T: Send + 'static> DerefMut for Pooled<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.object
    }
}

impl<T: fmt::Debug + Send + 'static> fmt::Debug for Pooled<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: Send + 'static> fmt::Debug for Pool<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("retained", &self.retained())
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Builder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("retain", &self.retain)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
