//! A made-up process for the reporter to look at.

use super::STALL_PERIOD_NS;
use crate::ledger::stall::{self, ParkWord};
use crate::ledger::{COUNTERS, Counter, Sums};
use crate::monitor::source::{Parked, Source};
use crate::pool::PoolSums;
use runtime_abi::Reason;

/// A process that does what it is told. Odd sites are services.
#[derive(Default)]
pub(super) struct Model {
    pub(super) now_ns: u64,
    pub(super) sites: Vec<[u64; COUNTERS]>,
    growth_epoch: u64,
    pub(super) slots: Vec<Slot>,
    pub(super) pools: Vec<(u32, PoolSums)>,
}

#[derive(Clone, Copy, Default)]
pub(super) struct Slot {
    word: ParkWord,
    pub(super) site: u32,
    pub(super) task: u64,
}

impl Source for Model {
    fn sites(&self) -> u32 {
        self.sites.len() as u32
    }

    fn sums(&self, site: u32) -> Sums {
        Sums::from_values(self.sites[site as usize])
    }

    fn growths(&self, site: u32) -> u64 {
        self.sites[site as usize][Counter::Growths as usize]
    }

    fn growth_epoch(&self) -> u64 {
        self.growth_epoch
    }

    fn pools(&self) -> impl IntoIterator<Item = (u32, PoolSums)> {
        self.pools.clone()
    }

    fn slots(&self) -> u32 {
        self.slots.len() as u32
    }

    fn word(&self, slot: u32) -> ParkWord {
        self.slots[slot as usize].word
    }

    fn words(&self, from: u32, to: u32, mut each: impl FnMut(u32, ParkWord)) {
        (from..to).for_each(|slot| each(slot, self.word(slot)));
    }

    fn parked(&self, slot: u32) -> Option<Parked> {
        let Slot { word, site, task } = self.slots[slot as usize];
        word.reason().map(|_| Parked {
            task,
            site,
            service: site % 2 == 1,
        })
    }
}

impl Model {
    pub(super) fn with(sites: usize, slots: usize) -> Self {
        Self {
            now_ns: 1_000_000_000_000,
            sites: vec![[0; COUNTERS]; sites],
            slots: vec![Slot::default(); slots],
            ..Self::default()
        }
    }

    pub(super) fn count(&mut self, site: usize, counter: Counter, delta: u64) {
        self.sites[site][counter as usize] += delta;
        self.growth_epoch += u64::from(counter == Counter::Growths);
    }

    pub(super) fn park(&mut self, slot: usize, site: u32, reason: Reason) {
        let tick = stall::tick_of(self.now_ns);
        let Slot { word, task, .. } = self.slots[slot];
        if word.reason().is_none() {
            // Another generation of the slot.
            let task = ((task >> 32) + 1) << 32 | slot as u64;
            self.slots[slot] = Slot {
                word: word.parked(tick, reason),
                site,
                task,
            };
        }
    }

    pub(super) fn unpark(&mut self, slot: usize) {
        self.slots[slot].word = self.slots[slot].word.unparked();
    }

    /// From here on nothing changes: what would become a stall goes on.
    pub(super) fn freeze(&mut self) {
        let now = stall::tick_of(self.now_ns);
        for slot in 0..self.slots.len() {
            if self.slots[slot].word.parked_ns(now) <= STALL_PERIOD_NS {
                self.unpark(slot);
            }
        }
    }

    pub(super) fn stalled(&self) -> impl Iterator<Item = (Slot, Reason)> {
        let now = stall::tick_of(self.now_ns);
        self.slots.iter().filter_map(move |slot| {
            let reason = slot.word.reason()?;
            (slot.word.parked_ns(now) > STALL_PERIOD_NS).then_some((*slot, reason))
        })
    }
}
