//! Which sites have series of their own.
//!
//! Two bounds: sites per process, and series over all processes, shared fairly. What is once
//! exported stays until its process ends, so that no counter falls or vanishes. What has no
//! room is summed under `~other` (gauges) or counted by the process's totals (counters).
//!
//! Series are shared by max-min fairness: a process that wants less than an equal share gets
//! what it wants, and what it leaves is shared by the others. When processes appear after
//! others have filled the bound, they get their equal share all the same and the sum exceeds
//! the bound until the older ones end; the process's own series (about twenty) are always
//! there. The observer's own series and those of findings (at most a hundred per process) are
//! not counted.
//!
//! The busiest sites come first, and for that all must be known: sites are chosen when their
//! live tasks account for all that the monitor reports, or after one and a half seconds.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use runtime_abi::{Class, Reason};

use crate::discover::ProcessId;
use crate::model::{Model, Process, Site};

const PATIENCE_NS: u64 = 1_500_000_000;
/// Series of a process beside those of its sites.
const PROCESS_SERIES: usize = 24;
/// Series that every exported site has: live, spawned, returned, stack bytes, info.
const SITE_SERIES: usize = 5;
/// Series that a site is likely to need in the end.
const LIKELY_SITE_SERIES: usize = 9;
const HISTOGRAM_SERIES: usize = observer_ebpf_abi::HISTOGRAM_BUCKETS + 3;

/// Bounds of what is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Sites of one process.
    pub max_sites: usize,
    /// Series of all processes.
    pub max_series: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_sites: 50,
            max_series: 10_000,
        }
    }
}

/// Series of a site that exist from their first value above zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Families(u16);

impl Families {
    pub(super) const PARKS: Self = Self(1);
    pub(super) const YIELDS: Self = Self(1 << 1);
    /// Growths and storms.
    pub(super) const GROWTHS: Self = Self(1 << 2);
    pub(super) const PANICKED: Self = Self(1 << 3);
    pub(super) const CANCELLED: Self = Self(1 << 4);
    pub(super) const OTHERWISE: Self = Self(1 << 5);
    pub(super) const POOL: Self = Self(1 << 6);

    /// With the number of series of each, the most telling first.
    const ALL: [(Self, usize); 7] = [
        (Self::GROWTHS, 3),
        (Self::PANICKED, 1),
        (Self::CANCELLED, 1),
        (Self::OTHERWISE, 1),
        (Self::PARKS, 1),
        (Self::YIELDS, 1),
        (Self::POOL, 3),
    ];

    pub(super) fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    fn wanted(site: &Site, has_pool: bool) -> Self {
        let counters = site.counters();
        let mut wanted = Self::default();
        for (family, present) in [
            (Self::PARKS, counters.parks > 0),
            (Self::YIELDS, counters.yields > 0),
            (Self::GROWTHS, counters.growths > 0),
            (Self::PANICKED, counters.panicked > 0),
            (Self::CANCELLED, counters.cancelled > 0),
            (Self::OTHERWISE, counters.ended_otherwise > 0),
            (Self::POOL, has_pool),
        ] {
            wanted.0 |= if present { family.0 } else { 0 };
        }
        wanted
    }
}

/// What is exported of one process.
#[derive(Debug, Default)]
pub(super) struct Chosen {
    incarnation: u64,
    open: bool,
    sites: HashMap<usize, Families>,
    stalled: BTreeSet<(usize, Option<Reason>)>,
    series: usize,
    dropped: usize,
    /// Optional series that are wanted and have no room.
    missing: usize,
    left_out: usize,
}

/// What is exported of every process.
#[derive(Debug, Default)]
pub struct Selection {
    limits: Limits,
    processes: BTreeMap<ProcessId, Chosen>,
    sites_dropped: u64,
    series_left_out: u64,
}

impl Selection {
    /// Nothing yet.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// Chooses anew at boot time `now_ns`.
    pub fn update(&mut self, now_ns: u64, model: &Model) {
        let heard: Vec<&Process> = model.processes().filter(|known| known.is_heard()).collect();
        let alive: BTreeSet<ProcessId> = heard.iter().map(|process| process.id()).collect();
        self.processes.retain(|id, _| alive.contains(id));
        let mut demands: Vec<(usize, &Process)> = heard
            .into_iter()
            .map(|process| (self.demand(process), process))
            .collect();
        demands.sort_by_key(|(demand, process)| (*demand, process.id()));
        let mut left = self.limits.max_series;
        let count = demands.len();
        for (index, (demand, process)) in demands.into_iter().enumerate() {
            let share = demand.min(left / (count - index));
            let chosen = self.processes.entry(process.id()).or_default();
            chosen.update(now_ns, process, share, self.limits.max_sites);
            left = left.saturating_sub(share.max(chosen.series));
            self.sites_dropped += chosen.newly_dropped(process);
            self.series_left_out += chosen.newly_left_out();
        }
    }

    /// Sites that had no room, ever.
    #[must_use]
    pub fn sites_dropped(&self) -> u64 {
        self.sites_dropped
    }

    /// Series of chosen sites that had no room, ever.
    #[must_use]
    pub fn series_left_out(&self) -> u64 {
        self.series_left_out
    }

    pub(super) fn of(&self, process: &Process) -> Option<&Chosen> {
        self.processes.get(&process.id())
    }

    fn demand(&self, process: &Process) -> usize {
        let used = self
            .processes
            .get(&process.id())
            .map_or(0, |chosen| chosen.series);
        let sites = process.sites().len().min(self.limits.max_sites);
        let stalled = process.stalled().len() * 3;
        used.max(own_series(process) + sites * LIKELY_SITE_SERIES + stalled)
    }
}

fn own_series(process: &Process) -> usize {
    PROCESS_SERIES + process.histograms().len() * HISTOGRAM_SERIES
}

impl Chosen {
    pub(super) fn sites(&self) -> &HashMap<usize, Families> {
        &self.sites
    }

    /// The optional series of a site, or `None` if it has no series of its own.
    pub(super) fn families(&self, site: usize) -> Option<Families> {
        self.sites.get(&site).copied()
    }

    /// The stalls of a site and reason have series of their own.
    pub(super) fn has_stalled(&self, site: usize, reason: Option<Reason>) -> bool {
        self.stalled.contains(&(site, reason))
    }

    /// The choice has begun; before, sites that are not chosen are withheld.
    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    fn update(&mut self, now_ns: u64, process: &Process, share: usize, max_sites: usize) {
        if self.incarnation != process.incarnation() {
            *self = Self {
                incarnation: process.incarnation(),
                ..Self::default()
            };
        }
        self.open |= is_complete(now_ns, process);
        self.series = self.series.max(own_series(process));
        if self.open {
            self.choose_sites(process, share, max_sites);
            self.choose_stalled(process, share);
            self.choose_families(process, share);
        }
    }

    fn choose_sites(&mut self, process: &Process, share: usize, max_sites: usize) {
        let room = max_sites.saturating_sub(self.sites.len());
        let room = room.min(share.saturating_sub(self.series) / SITE_SERIES);
        let sites = process.sites().iter().enumerate();
        let mut candidates: Vec<(usize, &Site)> = sites
            .filter(|(index, _)| !self.sites.contains_key(index))
            .collect();
        if candidates.len() > room {
            candidates.sort_by_key(|(index, site)| (std::cmp::Reverse(business(site)), *index));
        }
        for (index, _) in candidates.into_iter().take(room) {
            self.sites.insert(index, Families::default());
            self.series += SITE_SERIES;
        }
    }

    fn choose_stalled(&mut self, process: &Process, share: usize) {
        for (site, reason) in process.stalled().keys() {
            let blocked = reason.is_some_and(|reason| reason.class() == Class::Blocked);
            let series = if blocked { 3 } else { 2 };
            let room = self.series + series <= share;
            let has_site = self.sites.contains_key(site);
            if room && has_site && self.stalled.insert((*site, *reason)) {
                self.series += series;
            }
        }
    }

    fn choose_families(&mut self, process: &Process, share: usize) {
        self.missing = 0;
        for (index, site) in process.sites().iter().enumerate() {
            let Some(families) = self.sites.get_mut(&index) else {
                continue;
            };
            let wanted = Families::wanted(site, process.pools().contains_key(&index));
            for (family, series) in Families::ALL {
                let missing = wanted.has(family) && !families.has(family);
                if missing && self.series + series <= share {
                    families.0 |= family.0;
                    self.series += series;
                } else if missing {
                    self.missing += series;
                }
            }
        }
    }

    fn newly_dropped(&mut self, process: &Process) -> u64 {
        let without = process.sites().len() - self.sites.len();
        let dropped = if self.open { without } else { 0 };
        let newly = dropped.saturating_sub(self.dropped);
        self.dropped += newly;
        newly as u64
    }

    fn newly_left_out(&mut self) -> u64 {
        let newly = self.missing.saturating_sub(self.left_out);
        self.left_out += newly;
        newly as u64
    }
}

fn is_complete(now_ns: u64, process: &Process) -> bool {
    let named: u64 = process
        .sites()
        .iter()
        .map(|site| site.counters().live())
        .sum();
    let accounted = process
        .monitor()
        .is_some_and(|monitor| named >= monitor.live && named > 0);
    accounted || now_ns >= process.first_heard_ns().saturating_add(PATIENCE_NS)
}

fn business(site: &Site) -> (u64, u64) {
    (site.counters().spawned, site.counters().parks)
}

#[cfg(test)]
#[path = "select_tests.rs"]
mod tests;
