//! What the monitor knows of the process's pools: their counters, by site, and whom to ask for a
//! trim.
//!
//! The counters of a pool that has ended are added to those of its site under the same lock
//! under which all are summed, so no sum ever falls.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use crossbeam_utils::CachePadded;

use super::shelf;
use crate::primitive::static_atomic::{AtomicU64, Ordering};
use crate::primitive::static_sync::{Arc, Mutex, MutexGuard, Weak};
use crate::sched::handle::Handle;
use crate::task;

/// What a pool has done, or all pools of a site.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PoolSums {
    /// Bytes that lie on shelves.
    pub(crate) retained_bytes: u64,
    /// Objects that were used again.
    pub(crate) hits: u64,
    /// Objects that were made.
    pub(crate) misses: u64,
}

/// A pool whose shelves can be trimmed.
pub(super) trait Trim: Send + Sync {
    /// Drops what was not needed since the last time. Runs the destructors of objects.
    fn trim(&self);
}

/// A pool's counters, one cell a shelf.
pub(crate) struct Counters {
    site: u32,
    cells: Box<[CachePadded<Cell>]>,
    pool: Weak<dyn Trim>,
    /// The runtime that last made an object: it trims.
    user: Mutex<Option<Handle>>,
}

/// The counters of a shelf. Written with the shelf's lock held, read at any time.
#[derive(Default)]
pub(super) struct Cell {
    retained_bytes: AtomicU64,
    hits: AtomicU64,
    misses: AtomicU64,
}

#[derive(Default)]
struct Registry {
    pools: Vec<Arc<Counters>>,
    /// By site, of pools that have ended: they retain nothing.
    ended: BTreeMap<u32, PoolSums>,
}

static REGISTRY: Mutex<Registry> = Mutex::new(Registry {
    pools: Vec::new(),
    ended: BTreeMap::new(),
});

fn registry() -> MutexGuard<'static, Registry> {
    REGISTRY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The sums of every site that has, or had, a pool.
pub(crate) fn sums() -> BTreeMap<u32, PoolSums> {
    let registry = registry();
    let mut sums = registry.ended.clone();
    for pool in &registry.pools {
        sums.entry(pool.site).or_default().add(pool.sums());
    }
    sums
}

/// Has every pool trimmed that retains something, each by a task of the runtime that uses it:
/// destructors of objects are no business of the monitor's.
pub(crate) fn trim_all() {
    let retaining: Vec<_> = {
        let registry = registry();
        let pools = registry.pools.iter().filter(|pool| pool.retains());
        pools.cloned().collect()
    };
    for counters in retaining {
        // A simulation's schedule is its seed's, and its time is not the monitor's.
        let runtime = counters.user().filter(|runtime| !runtime.is_simulated());
        let Some(runtime) = runtime else {
            continue;
        };
        let pool = Weak::clone(&counters.pool);
        let builder = task::Builder::new().name("pool trim");
        drop(runtime.spawn_with(builder, move || {
            if let Some(pool) = pool.upgrade() {
                pool.trim();
            }
        }));
    }
}

impl Counters {
    /// Counters of a new pool, which the monitor sees from now on.
    pub(super) fn register(site: u32, pool: Weak<dyn Trim>) -> Arc<Self> {
        let counters = Arc::new(Self {
            site,
            cells: (0..shelf::count())
                .map(|_| CachePadded::default())
                .collect(),
            pool,
            user: Mutex::new(Handle::current()),
        });
        registry().pools.push(Arc::clone(&counters));
        counters
    }

    /// The pool is gone: what it counted stays, what it retained does not.
    pub(super) fn end(&self) {
        let mut registry = registry();
        let sums = PoolSums {
            retained_bytes: 0,
            ..self.sums()
        };
        registry.ended.entry(self.site).or_default().add(sums);
        registry
            .pools
            .retain(|pool| !std::ptr::eq(Arc::as_ptr(pool), self));
    }

    pub(super) fn cell(&self, place: usize) -> &Cell {
        &self.cells[place]
    }

    /// The runtime whose tasks use the pool now.
    pub(super) fn used_by(&self, runtime: Option<Handle>) {
        if runtime.is_some() {
            *self.user() = runtime;
        }
    }

    fn user(&self) -> MutexGuard<'_, Option<Handle>> {
        self.user.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn retains(&self) -> bool {
        let mut cells = self.cells.iter();
        cells.any(|cell| cell.retained_bytes.load(Ordering::Relaxed) > 0)
    }

    pub(super) fn sums(&self) -> PoolSums {
        let mut sums = PoolSums::default();
        for cell in &self.cells {
            sums.add(PoolSums {
                retained_bytes: cell.retained_bytes.load(Ordering::Relaxed),
                hits: cell.hits.load(Ordering::Relaxed),
                misses: cell.misses.load(Ordering::Relaxed),
            });
        }
        sums
    }
}

impl PoolSums {
    fn add(&mut self, other: Self) {
        self.retained_bytes += other.retained_bytes;
        self.hits += other.hits;
        self.misses += other.misses;
    }
}

impl Cell {
    pub(super) fn hit(&self, weight: usize) {
        increase(&self.hits, 1);
        self.remove(weight);
    }

    pub(super) fn miss(&self) {
        increase(&self.misses, 1);
    }

    pub(super) fn add(&self, weight: usize) {
        increase(&self.retained_bytes, weight as u64);
    }

    pub(super) fn remove(&self, weight: usize) {
        let retained = self.retained_bytes.load(Ordering::Relaxed);
        let left = retained.saturating_sub(weight as u64);
        self.retained_bytes.store(left, Ordering::Relaxed);
    }
}

/// Adds; the caller is the only writer.
fn increase(counter: &AtomicU64, by: u64) {
    let value = counter.load(Ordering::Relaxed);
    counter.store(value + by, Ordering::Relaxed);
}
