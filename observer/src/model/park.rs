//! How many tasks of each site are stalled, and for which reason.

use std::collections::{BTreeMap, HashMap};

use runtime_abi::{Class, Reason};

use super::address::Address;
use super::stalls::Stalls;
use crate::collect;

/// Tasks of one site that are stalled for one reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stalled {
    /// How many.
    pub tasks: u64,
    /// Nanoseconds that the oldest has been parked, at its last report.
    pub oldest_ns: u64,
    /// How many of them have names.
    pub named: u64,
}

/// A site's index and a reason; `None` is a code of a newer target.
pub(super) type Key = (usize, Option<Reason>);

/// The last `parked` values of a process.
#[derive(Debug, Default)]
pub(super) struct Parked {
    by_address: HashMap<(u64, u64), collect::Parked>,
}

/// What follows from them and from the named stalls.
#[derive(Debug, Default)]
pub(super) struct Sums {
    /// By site and reason. A key stays, at zero, until the process ends.
    pub(super) stalled: BTreeMap<Key, Stalled>,
    /// Stalled tasks that should have a name by the contract and have none.
    pub(super) unnamed: u64,
}

impl Parked {
    /// Takes a value.
    pub(super) fn set(&mut self, parked: &collect::Parked) {
        let place = (parked.site, parked.reason);
        self.by_address.insert(place, *parked);
    }

    /// Sums up. Where a monitor reports names and no number, the names are counted.
    pub(super) fn sum(
        &self,
        stalls: &Stalls,
        addresses: &HashMap<u64, Address>,
        heard_ns: u64,
        sums: &mut Sums,
    ) {
        sums.stalled
            .values_mut()
            .for_each(|stalled| *stalled = Stalled::default());
        sums.unnamed = 0;
        let mut named = names_by_address(stalls, heard_ns);
        for ((site, reason), value) in &self.by_address {
            let names = named.remove(&(*site, *reason)).unwrap_or_default();
            let oldest_ns = if value.tasks == 0 { 0 } else { value.oldest_ns };
            let stalled = Stalled {
                tasks: value.tasks,
                oldest_ns,
                named: names.named,
            };
            sums.take(addresses.get(site), *reason, stalled);
        }
        for ((site, reason), names) in named {
            sums.take(addresses.get(&site), reason, names);
        }
    }
}

fn names_by_address(stalls: &Stalls, heard_ns: u64) -> HashMap<(u64, u64), Stalled> {
    let mut named: HashMap<(u64, u64), Stalled> = HashMap::new();
    for (_, stall) in stalls.iter() {
        let entry = named.entry((stall.site, stall.reason)).or_default();
        entry.tasks += 1;
        entry.named += 1;
        entry.oldest_ns = entry.oldest_ns.max(heard_ns.saturating_sub(stall.since_ns));
    }
    named
}

impl Sums {
    fn take(&mut self, address: Option<&Address>, reason: u64, stalled: Stalled) {
        let reason = Reason::from_code(reason);
        if may_be_named(address, reason) {
            self.unnamed += stalled.tasks.saturating_sub(stalled.named);
        }
        let Some(site) = address.and_then(|address| address.site) else {
            return;
        };
        if stalled == Stalled::default() && !self.stalled.contains_key(&(site, reason)) {
            return;
        }
        let sum = self.stalled.entry((site, reason)).or_default();
        sum.tasks += stalled.tasks;
        sum.named += stalled.named;
        sum.oldest_ns = sum.oldest_ns.max(stalled.oldest_ns);
    }
}

/// Monitors name tasks of all reasons but the idle ones, and not of waiting ones at services.
fn may_be_named(address: Option<&Address>, reason: Option<Reason>) -> bool {
    match reason.map(Reason::class) {
        Some(Class::Blocked) => true,
        Some(Class::Waiting) => {
            address.is_some_and(|address| address.site.is_some() && !address.service)
        }
        Some(Class::Idle) | None => false,
    }
}
