//! What the reporter looks at, behind a trait: the process, or a made-up one in tests.

use crate::ledger::stall::{self, ParkWord};
use crate::ledger::{self, Counter, Sums};
use crate::pool::{self, PoolSums};
use crate::{site, task};

/// Everything that the reporter reads.
pub(super) trait Source {
    /// How many sites there are; they are numbered from 0.
    fn sites(&self) -> u32;

    /// A site's counters now.
    fn sums(&self, site: u32) -> Sums;

    /// A site's growths now: cheaper than its sums.
    fn growths(&self, site: u32) -> u64;

    /// Moves whenever a growth is counted at any site.
    fn growth_epoch(&self) -> u64;

    /// The sums of every site with object pools.
    fn pools(&self) -> impl IntoIterator<Item = (u32, PoolSums)>;

    /// One more than the highest slot ever used.
    fn slots(&self) -> u32;

    /// Whether and since when the slot's task is parked.
    fn word(&self, slot: u32) -> ParkWord;

    /// Gives every slot's word from `from` up to `to`; slots without one may be left out.
    fn words(&self, from: u32, to: u32, each: impl FnMut(u32, ParkWord));

    /// Whose park it is; `None` if it has just ended.
    fn parked(&self, slot: u32) -> Option<Parked>;
}

/// A parked task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parked {
    /// Its id.
    pub task: u64,
    /// Its site's number.
    pub site: u32,
    /// Whether the site is a service.
    pub service: bool,
}

/// This process.
pub(super) struct Process;

impl Source for Process {
    fn sites(&self) -> u32 {
        site::count()
    }

    fn sums(&self, site: u32) -> Sums {
        site::by_index(site).map(ledger::sum).unwrap_or_default()
    }

    fn growths(&self, site: u32) -> u64 {
        // Growths are counted in the shared shard only.
        site::by_index(site).map_or(0, |site| site.shared_row().read(Counter::Growths))
    }

    fn growth_epoch(&self) -> u64 {
        ledger::growth_epoch()
    }

    fn pools(&self) -> impl IntoIterator<Item = (u32, PoolSums)> {
        pool::sums()
    }

    fn slots(&self) -> u32 {
        task::table::slots()
    }

    fn word(&self, slot: u32) -> ParkWord {
        stall::word(slot)
    }

    fn words(&self, from: u32, to: u32, each: impl FnMut(u32, ParkWord)) {
        stall::words(from, to, each);
    }

    fn parked(&self, slot: u32) -> Option<Parked> {
        let park = task::table::parked_snapshot(slot)?;
        Some(Parked {
            task: park.task.as_u64(),
            site: park.site.index(),
            service: park.service,
        })
    }
}
