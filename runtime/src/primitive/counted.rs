//! Atomics that count what is expensive about them, in the crate's own tests only: `budgets.rs`
//! holds hot paths to what they say they cost.
//!
//! Counted are read-modify-writes, sequentially consistent fences, locks taken (each is two more
//! read-modify-writes inside std) and reads of the clock, by thread. Loads and stores are as cheap as
//! those of plain memory, and are not.

use std::cell::Cell;
use std::ops::{Deref, DerefMut, Sub};
use std::sync::{LockResult, MutexGuard, TryLockResult};

use super::plain;
pub(crate) use super::plain::Ordering;

/// What a thread has done so far, or what a path has cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Costs {
    /// Atomic read-modify-writes.
    pub(crate) changes: u64,
    /// Sequentially consistent fences.
    pub(crate) fences: u64,
    /// Locks taken, or tried.
    pub(crate) locks: u64,
    /// Reads of the monotonic clock.
    pub(crate) clock_reads: u64,
}

impl Costs {
    const NONE: Self = Self {
        changes: 0,
        fences: 0,
        locks: 0,
        clock_reads: 0,
    };
}

impl Sub for Costs {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self {
            changes: self.changes - other.changes,
            fences: self.fences - other.fences,
            locks: self.locks - other.locks,
            clock_reads: self.clock_reads - other.clock_reads,
        }
    }
}

thread_local! {
    static COSTS: Cell<Costs> = const { Cell::new(Costs::NONE) };
}

/// What the calling thread has done so far. Never inlined, as `note`: a task reads the thread-local of
/// the thread on which it is, whatever it was on before.
#[inline(never)]
pub(crate) fn costs() -> Costs {
    COSTS.get()
}

#[inline(never)]
fn note(change: impl FnOnce(&mut Costs)) {
    let mut costs = COSTS.get();
    change(&mut costs);
    COSTS.set(costs);
}

fn note_change() {
    note(|costs| costs.changes += 1);
}

/// By who reads the monotonic clock.
pub(crate) fn note_clock_read() {
    note(|costs| costs.clock_reads += 1);
}

pub(crate) fn fence(order: Ordering) {
    if order == Ordering::SeqCst {
        note(|costs| costs.fences += 1);
    }
    plain::fence(order);
}

/// std's lock; its guards are std's own.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T: ?Sized>(std::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(std::sync::Mutex::new(value))
    }
}

impl<T: ?Sized> Mutex<T> {
    pub(crate) fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        note(|costs| costs.locks += 1);
        self.0.lock()
    }

    #[allow(dead_code, reason = "not every feature tries")]
    pub(crate) fn try_lock(&self) -> TryLockResult<MutexGuard<'_, T>> {
        note(|costs| costs.locks += 1);
        self.0.try_lock()
    }
}

impl<T: ?Sized> Deref for Mutex<T> {
    type Target = std::sync::Mutex<T>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<T: ?Sized> DerefMut for Mutex<T> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

macro_rules! counted {
    ($name:ident $(<$type:ident>)?, $value:ty, $($operation:ident)*) => {
        #[derive(Debug, Default)]
        #[repr(transparent)]
        pub(crate) struct $name $(<$type>)? (plain::$name $(<$type>)?);

        #[allow(dead_code, reason = "each has what any of them needs")]
        impl $(<$type>)? $name $(<$type>)? {
            pub(crate) const fn new(value: $value) -> Self {
                Self(plain::$name::new(value))
            }

            pub(crate) fn into_inner(self) -> $value {
                self.0.into_inner()
            }

            pub(crate) fn load(&self, order: Ordering) -> $value {
                self.0.load(order)
            }

            pub(crate) fn store(&self, value: $value, order: Ordering) {
                self.0.store(value, order);
            }

            $(
                pub(crate) fn $operation(&self, value: $value, order: Ordering) -> $value {
                    note_change();
                    self.0.$operation(value, order)
                }
            )*

            pub(crate) fn compare_exchange(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                note_change();
                self.0.compare_exchange(current, new, success, failure)
            }

            pub(crate) fn compare_exchange_weak(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                note_change();
                self.0.compare_exchange_weak(current, new, success, failure)
            }

            pub(crate) fn fetch_update(
                &self,
                set: Ordering,
                fetch: Ordering,
                mut next: impl FnMut($value) -> Option<$value>,
            ) -> Result<$value, $value> {
                self.0.fetch_update(set, fetch, |value| {
                    note_change();
                    next(value)
                })
            }
        }

        impl $(<$type>)? Deref for $name $(<$type>)? {
            type Target = plain::$name $(<$type>)?;

            fn deref(&self) -> &Self::Target {
                &self.0
            }
        }

        impl $(<$type>)? DerefMut for $name $(<$type>)? {
            fn deref_mut(&mut self) -> &mut Self::Target {
                &mut self.0
            }
        }
    };
}

macro_rules! counted_numbers {
    ($($name:ident $value:ty),*) => {
        $(counted!($name, $value,
            swap fetch_add fetch_sub fetch_and fetch_or fetch_max fetch_min);)*
    };
}

counted_numbers!(AtomicI64 i64, AtomicU8 u8, AtomicU32 u32, AtomicU64 u64, AtomicUsize usize);
counted!(AtomicBool, bool, swap fetch_and fetch_or);
counted!(AtomicPtr<T>, *mut T, swap);

impl AtomicU32 {
    /// # Safety
    /// As for std's.
    pub(crate) unsafe fn from_ptr<'a>(place: *mut u32) -> &'a Self {
        // SAFETY: as the caller promises; the layout is that of std's, which is a number's.
        unsafe { &*place.cast() }
    }
}
