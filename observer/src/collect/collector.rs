//! Reads the maps.

use super::read::Reader;
use super::torn::{Sequenced, leave_out_torn};
use super::{CollectError, MapUse, Snapshot, Text, sum, text};
use crate::attach::{Kernel, Maps};
use observer_ebpf_abi::{
    FaultKey, HistogramKey, LedgerValue, Loss, MonitorValue, ParkedKey, ParkedValue, Plain,
    PoolValue, Process, ReasonKey, SiteKey, SiteText, TaskKey, WalkedStack, incarnation_tgid,
    names,
};
use runtime_abi::ProbeId;
use std::sync::Arc;

/// Reads the maps of one [`Kernel`]; lives on when the kernel is dropped.
#[derive(Clone, Debug)]
pub struct Collector {
    maps: Arc<Maps>,
}

impl Collector {
    /// A collector over the kernel's maps.
    #[must_use]
    pub fn new(kernel: &Kernel) -> Self {
        Self {
            maps: kernel.maps(),
        }
    }

    /// Reads all maps. Blocks for some milliseconds with many sites: call it where that is
    /// allowed.
    ///
    /// # Errors
    ///
    /// A map could not be read.
    pub fn read(&self) -> Result<Snapshot, CollectError> {
        let mut map_entries = Vec::new();
        let mut torn = 0;
        let mut used = |name, entries: usize| map_entries.push(self.map_use(name, entries as u64));
        let processes: Vec<(u32, Process)> = self.reader(names::PROCESSES).entries()?;
        used("processes", processes.len());
        let ledgers = self.whole::<SiteKey, LedgerValue>(names::LEDGER, &mut torn)?;
        used("ledger", ledgers.len());
        let parked = self.whole::<ParkedKey, ParkedValue>(names::PARKED, &mut torn)?;
        used("parked", parked.len());
        let pools = self.whole::<SiteKey, PoolValue>(names::POOLS, &mut torn)?;
        used("pools", pools.len());
        let monitors = self.whole::<u64, MonitorValue>(names::MONITORS, &mut torn)?;
        used("monitors", monitors.len());
        let counts = self.reader(names::COUNTS).entries()?;
        used("counts", counts.len());
        let faults = self.reader(names::FAULTS).entries()?;
        used("faults", faults.len());
        let histograms: Vec<(HistogramKey, _)> =
            self.reader(names::HISTOGRAMS).sums(sum::histograms)?;
        used("histograms", histograms.len());
        used("sites", self.reader(names::SITES).keys::<SiteKey>()?.len());
        used(
            "reasons",
            self.reader(names::REASONS).keys::<ReasonKey>()?.len(),
        );
        used(
            "stacks",
            self.reader(names::STACKS).keys::<TaskKey>()?.len(),
        );
        let losses = self
            .reader(names::LOSSES)
            .elements(|one: u64, other| one + other)?;
        let costs = self.reader(names::COSTS).elements(sum::costs)?;
        Ok(Snapshot {
            processes,
            ledgers,
            parked,
            pools,
            monitors,
            counts,
            faults,
            histograms,
            losses: Loss::ALL.into_iter().zip(losses).collect(),
            costs: ProbeId::ALL.into_iter().zip(costs).collect(),
            map_entries,
            torn,
        })
    }

    /// Deletes everything that is kept for an incarnation, after its end. Returns how many
    /// entries that were.
    ///
    /// # Errors
    ///
    /// A map could not be read.
    pub fn forget(&self, incarnation: u64) -> Result<usize, CollectError> {
        let is_site = |key: &SiteKey| key.incarnation == incarnation;
        let mut deleted = self.forget_process(incarnation)?;
        for map in [names::LEDGER, names::SITES, names::POOLS, names::COUNTS] {
            deleted += self.reader(map).delete(is_site)?;
        }
        deleted += self
            .reader(names::PARKED)
            .delete(|key: &ParkedKey| key.incarnation == incarnation)?;
        deleted += self
            .reader(names::FAULTS)
            .delete(|key: &FaultKey| key.incarnation == incarnation)?;
        deleted += self
            .reader(names::MONITORS)
            .delete(|key: &u64| *key == incarnation)?;
        deleted += self
            .reader(names::HISTOGRAMS)
            .delete(|key: &HistogramKey| key.incarnation == incarnation)?;
        deleted += self
            .reader(names::REASONS)
            .delete(|key: &ReasonKey| key.incarnation == incarnation)?;
        deleted += self.forget_stacks(|key| key.incarnation == incarnation)?;
        Ok(deleted)
    }

    /// What the kernel walked of a stalled task's stack, if it did. `walked_ns` is 0 while it does.
    ///
    /// # Errors
    ///
    /// The map could not be read.
    pub fn stack(&self, key: TaskKey) -> Result<Option<WalkedStack>, CollectError> {
        self.reader(names::STACKS).get(&key)
    }

    /// Deletes the stacks of these tasks; returns how many that were. One that is stalled all the
    /// same is walked again at its next report.
    ///
    /// # Errors
    ///
    /// The map could not be read.
    pub fn forget_stacks(&self, is_over: impl Fn(&TaskKey) -> bool) -> Result<usize, CollectError> {
        self.reader(names::STACKS).delete(is_over)
    }

    /// How much was lost for one cause since the load.
    ///
    /// # Errors
    ///
    /// The map could not be read.
    pub fn lost(&self, cause: Loss) -> Result<u64, CollectError> {
        let losses = self
            .reader(names::LOSSES)
            .elements(|one: u64, other| one + other)?;
        Ok(losses.get(cause as usize).copied().unwrap_or(0))
    }

    /// A site's text: what the kernel copied at the first hit, else read from the target's
    /// memory. `None` while neither can be read.
    #[must_use]
    pub fn site_text(&self, pid: u32, key: SiteKey) -> Option<Text> {
        let copied: Option<SiteText> = self.reader(names::SITES).get(&key).ok().flatten();
        copied
            .and_then(|copied| text::from_copy(&copied))
            .or_else(|| text::from_memory(pid, key.site))
    }

    /// Deletes the thread group's own entry, unless it is a newer incarnation's.
    fn forget_process(&self, incarnation: u64) -> Result<usize, CollectError> {
        let tgid = incarnation_tgid(incarnation);
        let reader = self.reader(names::PROCESSES);
        match reader.get::<u32, Process>(&tgid)? {
            Some(process) if process.incarnation == incarnation => {
                reader.delete(|key: &u32| *key == tgid)
            }
            _ => Ok(0),
        }
    }

    /// All entries of a map whose values carry a sequence, none of them torn; adds how many
    /// were left out.
    fn whole<K: Plain, V: Sequenced>(
        &self,
        name: &'static str,
        torn: &mut u64,
    ) -> Result<Vec<(K, V)>, CollectError> {
        let reader = self.reader(name);
        let mut entries: Vec<(K, V)> = reader.entries()?;
        *torn += leave_out_torn(&mut entries, |key| reader.get(key))?;
        Ok(entries)
    }

    fn reader(&self, name: &'static str) -> Reader<'_> {
        Reader::new(&self.maps, name)
    }

    fn map_use(&self, map: &'static str, entries: u64) -> MapUse {
        let capacity = u64::from(self.maps.get(&map.to_uppercase()).capacity());
        MapUse {
            map,
            entries,
            capacity,
        }
    }
}
