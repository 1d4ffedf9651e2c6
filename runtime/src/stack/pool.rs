//! The stacks that no processor holds: one pool a class, and the slabs behind it.
//!
//! Processors' caches take from here in batches and return what they hold too much of. Pages are
//! given back lazily, by the monitor: of the stacks that the pool did not touch in a whole
//! period, half lose their pages and their wide windows. A load that comes and goes within a
//! period therefore keeps its stacks warm, and one that has ended pays for them for a few
//! periods only.
//!
//! ```text
//!   take ◀── back ┌──────────────── warm ────────────────┐ front ── give_back ──▶ cold ──▶ take
//!   put  ──▶ back └──────────────────────────────────────┘          (pages gone)
//! ```

use super::layout::{CLASSES, Class};
use super::owned::Spare;
use super::slab::{FIRST_SLAB_BYTES, LARGEST_SLAB_BYTES, Place, Slab};
use super::{StackError, guard, totals};
use crate::primitive::static_atomic::{AtomicPtr, AtomicUsize, Ordering};
use crate::primitive::static_sync::{Mutex, MutexGuard};
use std::collections::VecDeque;
use std::ptr;
use std::sync::PoisonError;

static POOLS: [Pool; CLASSES] = [const { Pool::new() }; CLASSES];

struct Pool {
    stacks: Mutex<Stacks>,
    /// How many stacks there are, so that an empty pool is seen without its lock.
    count: AtomicUsize,
    /// The slab that fresh slots are taken from; null before the first.
    slab: AtomicPtr<Slab>,
    /// Held while a slab is reserved.
    reserving: Mutex<()>,
}

struct Stacks {
    warm: VecDeque<Spare>,
    cold: Vec<Spare>,
    /// The fewest warm stacks since [`give_back`] last looked.
    least_warm: usize,
}

/// Moves up to `most` stacks of a class to `list`, and returns how many bytes are open in them.
pub(super) fn take(class: Class, most: usize, list: &mut Vec<Spare>) -> usize {
    let pool = &POOLS[class.index()];
    if pool.count.load(Ordering::Relaxed) == 0 {
        return 0;
    }
    let mut stacks = pool.lock();
    let before = list.len();
    // The coldest first: the caller pops from the end.
    let warm = most.min(stacks.warm.len());
    let cold = (most - warm).min(stacks.cold.len());
    let first_cold = stacks.cold.len() - cold;
    list.extend(stacks.cold.drain(first_cold..));
    let cold_bytes: usize = list[before..].iter().map(Spare::open_bytes).sum();
    let first_warm = stacks.warm.len() - warm;
    list.extend(stacks.warm.drain(first_warm..));
    stacks.least_warm = stacks.least_warm.min(stacks.warm.len());
    pool.count
        .store(stacks.warm.len() + stacks.cold.len(), Ordering::Relaxed);
    drop(stacks);
    totals::shared().add_cached(cold_bytes as i64);
    list[before..].iter().map(Spare::open_bytes).sum()
}

/// Takes stacks in, the last one to be handed out first.
pub(super) fn put(spares: impl Iterator<Item = Spare>) {
    for spare in spares {
        let pool = &POOLS[spare.slot().class().index()];
        let mut stacks = pool.lock();
        stacks.warm.push_back(spare);
        pool.count
            .store(stacks.warm.len() + stacks.cold.len(), Ordering::Relaxed);
    }
}

/// A stack that was never used.
pub(super) fn fresh(class: Class) -> Result<Spare, StackError> {
    let (slab, place) = POOLS[class.index()].fresh_slot(class)?;
    match guard::prepare(slab, place) {
        Ok(slot) => Ok(Spare::fresh(slot, place)),
        Err(error) => {
            slab.give_back_fresh(place);
            Err(error)
        }
    }
}

/// Gives the pages of idle stacks back to the kernel, of at most `budget` stacks, and returns of
/// how many. For the monitor, once a period of about a second: some 2 µs a stack.
pub(crate) fn give_back(budget: usize) -> usize {
    let mut left = budget;
    for pool in &POOLS {
        left -= pool.give_back(left);
    }
    budget - left
}

impl Pool {
    const fn new() -> Self {
        Self {
            stacks: Mutex::new(Stacks {
                warm: VecDeque::new(),
                cold: Vec::new(),
                least_warm: 0,
            }),
            count: AtomicUsize::new(0),
            slab: AtomicPtr::new(ptr::null_mut()),
            reserving: Mutex::new(()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Stacks> {
        self.stacks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn give_back(&self, budget: usize) -> usize {
        if self.count.load(Ordering::Relaxed) == 0 {
            return 0;
        }
        let idle = self.take_idle(budget);
        let bytes: usize = idle.iter().map(Spare::open_bytes).sum();
        totals::shared().add_cached(-(bytes as i64));
        idle.iter().for_each(Spare::give_back);
        let count = idle.len();
        self.lock().cold.extend(idle);
        self.count.fetch_add(count, Ordering::Relaxed);
        count
    }

    /// Half of those that lay at the front for the whole period.
    fn take_idle(&self, budget: usize) -> Vec<Spare> {
        let mut stacks = self.lock();
        let idle = stacks.least_warm.div_ceil(2).min(budget);
        let taken: Vec<_> = stacks.warm.drain(..idle).collect();
        stacks.least_warm = stacks.warm.len();
        self.count
            .store(stacks.warm.len() + stacks.cold.len(), Ordering::Relaxed);
        taken
    }

    fn fresh_slot(&self, class: Class) -> Result<(&'static Slab, Place), StackError> {
        loop {
            let slab = self.current_slab();
            if let Some(found) = slab.and_then(|slab| Some((slab, slab.take_fresh()?))) {
                return Ok(found);
            }
            self.reserve_after(slab, class)?;
        }
    }

    fn current_slab(&self) -> Option<&'static Slab> {
        // SAFETY: the pointer is null or of a slab, which is never freed. Acquire: pairs with the
        // release in `reserve_after`.
        unsafe { self.slab.load(Ordering::Acquire).as_ref() }
    }

    /// Reserves the next slab, unless someone else has done so since `full` was seen.
    fn reserve_after(&self, full: Option<&'static Slab>, class: Class) -> Result<(), StackError> {
        let _reserving = self
            .reserving
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let current = self.current_slab();
        if current.map(ptr::from_ref) != full.map(ptr::from_ref) {
            return Ok(());
        }
        let bytes = full.map_or(FIRST_SLAB_BYTES, |slab| 2 * slab.bytes());
        let slab = Slab::reserve(class, bytes.min(LARGEST_SLAB_BYTES))?;
        self.slab
            .store(ptr::from_ref(slab).cast_mut(), Ordering::Release);
        Ok(())
    }
}
