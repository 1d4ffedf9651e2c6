//! The shelves of a pool: where objects lie until they are used again.
//!
//! A shelf is a stack behind a lock that nearly always its worker alone takes: the object that
//! was used last comes first, its memory is warm. A thief takes the older half, and leaves a
//! shelf that is locked alone. No two shelves are locked at once, and no foreign code runs under
//! a lock.
//!
//! A take or a put that finds its own shelf in order costs one lock: two read-modify-writes. The
//! counters are written under that lock only, with plain loads and stores.

use std::num::NonZero;
use std::sync::PoisonError;
use std::thread::available_parallelism;

use crossbeam_utils::CachePadded;

use super::registry::{Cell, Counters};
use crate::primitive::static_atomic::{AtomicUsize, Ordering};
use crate::primitive::static_sync::{Arc, Mutex, MutexGuard};

/// An object on a shelf, and its weight in bytes when it was put there.
pub(super) struct Item<T> {
    pub(super) object: T,
    pub(super) weight: usize,
}

struct Shelf<T> {
    /// The one that was used last is on top.
    items: Vec<Item<T>>,
    /// The fewest items since the last trim: so many were not needed.
    least: usize,
}

/// All shelves of a pool.
pub(super) struct Shelves<T> {
    shelves: Box<[CachePadded<Mutex<Shelf<T>>>]>,
    counters: Arc<Counters>,
    retain: usize,
}

/// How many shelves a pool has.
pub(super) fn count() -> usize {
    available_parallelism().map_or(1, NonZero::get).min(64)
}

/// A number for a thread that is no worker.
pub(super) fn of_thread() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static MINE: usize = NEXT.fetch_add(1, Ordering::Relaxed));
    MINE.with(|mine| *mine)
}

impl<T> Shelves<T> {
    pub(super) fn new(counters: Arc<Counters>, retain: usize) -> Self {
        let shelf = || Shelf {
            items: Vec::new(),
            least: 0,
        };
        let shelves = (0..count()).map(|_| CachePadded::new(Mutex::new(shelf())));
        Self {
            shelves: shelves.collect(),
            counters,
            retain,
        }
    }

    pub(super) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Takes an item: from this place's shelf, or from another's.
    pub(super) fn take(&self, place: usize) -> Option<Item<T>> {
        let place = place % self.shelves.len();
        if let Some(item) = self.lock(place).pop(self.cell(place)) {
            return Some(item);
        }
        let stolen = self.steal(place);
        let mut shelf = self.lock(place);
        let cell = self.cell(place);
        shelf.push_all(stolen, cell);
        // Another of this place may have put one there meanwhile.
        let item = shelf.pop(cell);
        if item.is_none() {
            cell.miss();
        }
        item
    }

    /// Puts an item on the place's shelf; gives it back if that is full.
    #[must_use]
    pub(super) fn put(&self, place: usize, item: Item<T>) -> Option<Item<T>> {
        let place = place % self.shelves.len();
        let mut shelf = self.lock(place);
        if shelf.items.len() >= self.retain {
            return Some(item);
        }
        shelf.push(item, self.cell(place));
        None
    }

    /// The older half of some other shelf.
    fn steal(&self, place: usize) -> Vec<Item<T>> {
        let shelves = self.shelves.len();
        let others = (1..shelves).map(|distance| (place + distance) % shelves);
        for other in others {
            let Ok(mut shelf) = self.shelves[other].try_lock() else {
                continue;
            };
            if !shelf.items.is_empty() {
                let half = shelf.items.len().div_ceil(2);
                return shelf.remove_oldest(half, self.cell(other));
            }
        }
        Vec::new()
    }

    /// Drops what was not needed since the last trim.
    pub(super) fn trim(&self) {
        for place in 0..self.shelves.len() {
            let unneeded = {
                let mut shelf = self.lock(place);
                let least = shelf.least;
                let unneeded = shelf.remove_oldest(least, self.cell(place));
                shelf.least = shelf.items.len();
                unneeded
            };
            drop(unneeded);
        }
    }

    pub(super) fn len(&self) -> usize {
        (0..self.shelves.len())
            .map(|place| self.lock(place).items.len())
            .sum()
    }

    fn cell(&self, place: usize) -> &Cell {
        self.counters.cell(place)
    }

    fn lock(&self, place: usize) -> MutexGuard<'_, Shelf<T>> {
        self.shelves[place]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Drop for Shelves<T> {
    fn drop(&mut self) {
        self.counters.end();
    }
}

/// With the shelf's lock held, which `cell` is written under.
impl<T> Shelf<T> {
    fn pop(&mut self, cell: &Cell) -> Option<Item<T>> {
        let item = self.items.pop()?;
        self.least = self.least.min(self.items.len());
        cell.hit(item.weight);
        Some(item)
    }

    fn push(&mut self, item: Item<T>, cell: &Cell) {
        cell.add(item.weight);
        self.items.push(item);
    }

    /// Puts older items below what is there.
    fn push_all(&mut self, older: Vec<Item<T>>, cell: &Cell) {
        cell.add(older.iter().map(|item| item.weight).sum());
        self.items.splice(0..0, older);
    }

    fn remove_oldest(&mut self, count: usize, cell: &Cell) -> Vec<Item<T>> {
        let oldest: Vec<_> = self.items.drain(..count).collect();
        self.least = self.least.min(self.items.len());
        cell.remove(oldest.iter().map(|item| item.weight).sum());
        oldest
    }
}
