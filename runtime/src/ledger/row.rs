//! One row of counters: what one shard knows of one site. A cache line.
//!
//! Two ways to write: [`Row::add_owned`] by the only writer of the row (a load and a store), and
//! [`Row::add_shared`] by anyone, also in a signal handler (an atomic add). A row is written in
//! one of the two ways for its whole life.
//!
//! **Why live is never negative.** A task's spawn is counted before the task can be seen by
//! anybody, its exit after it ran. So the count of the spawn happens before the count of the
//! exit, whichever threads and shards they are in. Exits are stored with release; a reader
//! first reads the exits of all rows with acquire, then the spawns. Every exit that it saw
//! brings its spawn with it. (The owner's plain stores form no release sequence, but each of
//! them is a release of its own; atomic adds do form one.)

use super::chunks::Zeroed;
use crate::primitive::static_atomic::{AtomicU64, Ordering};

/// What is counted per site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(usize)]
pub(crate) enum Counter {
    /// Tasks created. Count it before the task can be seen by another thread.
    Spawned,
    /// Tasks whose function returned.
    Returned,
    /// Tasks whose function panicked.
    Panicked,
    /// Tasks that were cancelled.
    Cancelled,
    /// Parks.
    Parks,
    /// Yields.
    Yields,
    /// Stack windows widened.
    Growths,
    /// Bytes of stack in use: the only one that also falls.
    StackBytes,
}

/// How many counters there are.
pub(crate) const COUNTERS: usize = 8;

/// A counter's cell: `std`'s atomic, or the model checker's.
pub(crate) trait Cell: Default + Sync {
    /// See `AtomicU64`.
    fn load(&self, ordering: Ordering) -> u64;
    /// See `AtomicU64`.
    fn store(&self, value: u64, ordering: Ordering);
    /// See `AtomicU64`.
    fn fetch_add(&self, value: u64, ordering: Ordering) -> u64;
}

macro_rules! cell {
    ($atomic:ty) => {
        impl Cell for $atomic {
            #[inline(always)]
            fn load(&self, ordering: Ordering) -> u64 {
                Self::load(self, ordering)
            }

            #[inline(always)]
            fn store(&self, value: u64, ordering: Ordering) {
                Self::store(self, value, ordering);
            }

            #[inline(always)]
            fn fetch_add(&self, value: u64, ordering: Ordering) -> u64 {
                Self::fetch_add(self, value, ordering)
            }
        }
    };
}

cell!(AtomicU64);
#[cfg(loom)]
cell!(crate::primitive::atomic::AtomicU64);

/// The cells of one site in one shard.
#[derive(Default)]
#[repr(align(64))]
pub(crate) struct Row<C = AtomicU64> {
    cells: [C; COUNTERS],
}

// SAFETY: zeroed atomics are zero.
unsafe impl Zeroed for Row {}

impl Row {
    /// A row of zeroes.
    pub(crate) const fn new() -> Self {
        Self {
            cells: [const { AtomicU64::new(0) }; COUNTERS],
        }
    }
}

impl<C: Cell> Row<C> {
    /// Adds from the row's only writer.
    #[inline]
    pub(crate) fn add_owned(&self, counter: Counter, delta: i64) {
        let cell = &self.cells[counter as usize];
        let value = cell.load(Ordering::Relaxed).wrapping_add_signed(delta);
        // Release: pairs with the acquire of a sum that reads exits.
        cell.store(value, Ordering::Release);
    }

    /// Adds from anywhere. Async-signal-safe.
    #[inline]
    pub(crate) fn add_shared(&self, counter: Counter, delta: i64) {
        // Release: pairs with the acquire of a sum that reads exits.
        self.cells[counter as usize].fetch_add(delta as u64, Ordering::Release);
    }

    /// The cell's value; acquires what its writers did before.
    #[inline]
    pub(crate) fn read(&self, counter: Counter) -> u64 {
        self.cells[counter as usize].load(Ordering::Acquire)
    }
}

#[cfg(all(test, loom))]
mod model {
    use super::*;
    use crate::primitive::{Arc, atomic, thread};

    type Modelled = Row<atomic::AtomicU64>;

    /// Live as a sum reads it: the exits of all rows, then the spawns.
    fn live(rows: &[Modelled; 3]) -> i64 {
        let read = |counter| rows.iter().map(|row| row.read(counter) as i64).sum::<i64>();
        let exits = read(Counter::Returned);
        read(Counter::Spawned) - exits
    }

    #[test]
    fn live_is_never_negative_whoever_counts_the_exit() {
        loom::model(|| {
            let rows: Arc<[Modelled; 3]> = Arc::default();
            let queue = Arc::new(atomic::AtomicU64::new(0));
            let first = {
                let (rows, queue) = (Arc::clone(&rows), Arc::clone(&queue));
                thread::spawn(move || {
                    for _ in 0..2 {
                        rows[0].add_owned(Counter::Spawned, 1);
                        queue.fetch_add(1, Ordering::Release);
                    }
                })
            };
            let second = {
                let (rows, queue) = (Arc::clone(&rows), Arc::clone(&queue));
                thread::spawn(move || {
                    // Ends what it finds: one task in its own row, one in the shared row.
                    let found = queue.load(Ordering::Acquire);
                    if found > 0 {
                        rows[1].add_owned(Counter::Returned, 1);
                    }
                    if found > 1 {
                        rows[2].add_shared(Counter::Returned, 1);
                    }
                })
            };
            assert!(live(&rows) >= 0);
            first.join().expect("no panic");
            second.join().expect("no panic");
            assert!(live(&rows) >= 0);
        });
    }
}
