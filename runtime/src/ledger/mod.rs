//! The ledger: the cumulative counters of the process per site, and the table of parks by slot.
//!
//! Workers write, each to its own shard; only the monitor sums. Nobody pays for being watched:
//! counting is the same whether an observer is there or not.
//!
//! | file | what |
//! |---|---|
//! | `row.rs` | one cache line of counters, and why live is never negative |
//! | `shard.rs` | a table of rows per processor, and the shared one |
//! | `stall.rs` | since when, and why, the task of each slot is parked |
//! | `chunks.rs` | the table under all of them: grows, never moves |

mod chunks;
mod row;
mod shard;
pub(crate) mod stall;
#[cfg(test)]
mod tests;

pub(crate) use chunks::{Chunks, Zeroed};
pub(crate) use row::{COUNTERS, Counter, Row};
pub(crate) use shard::{Shard, growth_epoch, shared};

use crate::site::Site;

/// The counters of one site, summed over all shards at about one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums([u64; COUNTERS]);

const EXITS: [Counter; 3] = [Counter::Returned, Counter::Panicked, Counter::Cancelled];
const OTHERS: [Counter; 5] = [
    Counter::Spawned,
    Counter::Parks,
    Counter::Yields,
    Counter::Growths,
    Counter::StackBytes,
];

impl Sums {
    /// The sum of one counter.
    #[must_use]
    pub(crate) fn get(&self, counter: Counter) -> u64 {
        self.0[counter as usize]
    }

    /// Tasks spawned at the site that have not ended.
    #[must_use]
    pub(crate) fn live(&self) -> u64 {
        EXITS.iter().fold(self.get(Counter::Spawned), |live, exit| {
            live.wrapping_sub(self.get(*exit))
        })
    }

    /// All counters, in the order of the `ledger` probe's arguments after the site.
    #[must_use]
    pub(crate) fn values(&self) -> [u64; COUNTERS] {
        self.0
    }

    #[cfg(test)]
    pub(crate) fn from_values(values: [u64; COUNTERS]) -> Self {
        Self(values)
    }

    fn add_row(&mut self, row: &Row, counters: &[Counter]) {
        for &counter in counters {
            let sum = &mut self.0[counter as usize];
            *sum = sum.wrapping_add(row.read(counter));
        }
    }
}

/// Sums a site over all shards: first the exits, then the rest (see `row.rs`).
#[must_use]
pub(crate) fn sum(site: &'static Site) -> Sums {
    let mut sums = Sums::default();
    for counters in [&EXITS[..], &OTHERS[..]] {
        sums.add_row(site.shared_row(), counters);
        for row in Shard::all().filter_map(|shard| shard.row(site)) {
            sums.add_row(row, counters);
        }
    }
    // Bytes are added and taken back in different rows: a sum in between may be below zero.
    let bytes = &mut sums.0[Counter::StackBytes as usize];
    *bytes = (*bytes).cast_signed().max(0).cast_unsigned();
    sums
}
