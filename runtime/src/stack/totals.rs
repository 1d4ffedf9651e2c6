//! How many bytes of stack the process uses and keeps, in cells that their owners add to.
//!
//! One cell for each processor's cache, written by plain loads and stores, and one that
//! everyone else shares. A stack that moves from cell to cell leaves its bytes behind: only the
//! sums mean something.

use crate::primitive::static_atomic::{AtomicI64, Ordering};
use crate::primitive::static_sync::{Mutex, MutexGuard};
use std::sync::PoisonError;

/// Bytes of open stack windows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct StackTotals {
    /// Of stacks that tasks own.
    pub(crate) used_bytes: u64,
    /// Of stacks that wait for a task with their pages.
    pub(crate) cached_bytes: u64,
}

/// The cell that anyone may add to.
#[derive(Debug)]
pub(super) struct SharedCell(Cell);

/// A cell with one writer.
#[repr(align(128))]
#[derive(Debug)]
pub(super) struct Cell {
    used: AtomicI64,
    cached: AtomicI64,
}

struct Registry {
    all: Vec<&'static Cell>,
    free: Vec<&'static Cell>,
}

static SHARED: SharedCell = SharedCell(Cell::new());
static REGISTRY: Mutex<Registry> = Mutex::new(Registry {
    all: Vec::new(),
    free: Vec::new(),
});

/// The bytes now. Stacks that change hands meanwhile may be missed or counted twice.
pub(crate) fn totals() -> StackTotals {
    let registry = registry();
    let cells = registry.all.iter().copied().chain([&SHARED.0]);
    let (used, cached) = cells.fold((0, 0), |(used, cached), cell| {
        (
            used + cell.used.load(Ordering::Relaxed),
            cached + cell.cached.load(Ordering::Relaxed),
        )
    });
    StackTotals {
        used_bytes: used.max(0) as u64,
        cached_bytes: cached.max(0) as u64,
    }
}

/// A cell for the caller alone, until [`retire`].
pub(super) fn register() -> &'static Cell {
    let mut registry = registry();
    if let Some(cell) = registry.free.pop() {
        return cell;
    }
    let cell = Box::leak(Box::new(Cell::new()));
    registry.all.push(cell);
    cell
}

/// Gives a cell back; what it counted stays in the sums.
pub(super) fn retire(cell: &'static Cell) {
    registry().free.push(cell);
}

/// The cell for everyone.
pub(super) fn shared() -> &'static SharedCell {
    &SHARED
}

/// A window in use is wider by `bytes`. Async-signal-safe.
pub(super) fn grown(bytes: usize) {
    SHARED.0.used.fetch_add(bytes as i64, Ordering::Relaxed);
}

fn registry() -> MutexGuard<'static, Registry> {
    REGISTRY.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Cell {
    const fn new() -> Self {
        Self {
            used: AtomicI64::new(0),
            cached: AtomicI64::new(0),
        }
    }

    /// A task has `bytes` more. Only by the cell's owner.
    pub(super) fn add_used(&self, bytes: i64) {
        self.used
            .store(self.used.load(Ordering::Relaxed) + bytes, Ordering::Relaxed);
    }

    /// The caches have `bytes` more. Only by the cell's owner.
    pub(super) fn add_cached(&self, bytes: i64) {
        self.cached.store(
            self.cached.load(Ordering::Relaxed) + bytes,
            Ordering::Relaxed,
        );
    }
}

impl SharedCell {
    /// A task's stack of `bytes` is nobody's now.
    pub(super) fn move_to_cached(&self, bytes: usize) {
        self.0.used.fetch_sub(bytes as i64, Ordering::Relaxed);
        self.0.cached.fetch_add(bytes as i64, Ordering::Relaxed);
    }

    /// The caches have `bytes` more.
    pub(super) fn add_cached(&self, bytes: i64) {
        self.0.cached.fetch_add(bytes, Ordering::Relaxed);
    }
}
