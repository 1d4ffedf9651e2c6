//! One watched process.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use observer_ebpf_abi::{Histogram, HistogramKey, MAX_LEDGER, SiteKey};
use runtime_abi::{MAX_SITES_IN_ROTATION, Reason};

use super::address::Address;
use super::faults::Faults;
use super::losses::Losses;
use super::model::Meta;
use super::park::{Parked, Stalled, Sums};
use super::site::{Site, label_of};
use super::stacks::{NamedStack, Stacks};
use super::stalls::{NamedStall, Stalls};
use super::{Counters, incarnation};
use crate::collect::{Fact, Gauges, Incarnation, PoolReport, TaskReport, Text};
use crate::discover::ProcessId;

/// How long a process may send events before it counts as one without a ledger.
const LEDGER_PATIENCE_NS: u64 = 3_000_000_000;
/// After this long a monitor has reported every site once, up to a bound of sites; with slack.
const ROTATION_NS: u64 = 3_000_000_000;

/// The object pool of a site.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pool {
    /// Bytes that it retains.
    pub retained_bytes: u64,
    /// Objects taken from it.
    pub hits: u64,
    /// Objects that had to be made.
    pub misses: u64,
}

/// One watched process: what its probes said.
#[derive(Debug)]
pub struct Process {
    id: ProcessId,
    meta: Meta,
    incarnation: Incarnation,
    /// Boot time of its last report.
    heard_ns: u64,
    monitor: Option<Gauges>,
    has_ledger: bool,
    addresses: HashMap<u64, Address>,
    sites: Vec<Site>,
    by_label: HashMap<Arc<str>, usize>,
    totals: Counters,
    parked: Parked,
    sums: Sums,
    stalls: Stalls,
    pub(super) stacks: Stacks,
    pool_reports: HashMap<u64, PoolReport>,
    pools: BTreeMap<usize, Pool>,
    histograms: BTreeMap<(u32, Option<Reason>), Histogram>,
    pub(super) faults: Faults,
    /// Not yet added to the model's.
    pub(super) losses: Losses,
}

impl Process {
    pub(super) fn new(id: ProcessId, meta: Meta) -> Self {
        Self {
            id,
            meta,
            incarnation: Incarnation::default(),
            heard_ns: 0,
            monitor: None,
            has_ledger: false,
            addresses: HashMap::new(),
            sites: Vec::new(),
            by_label: HashMap::new(),
            totals: Counters::default(),
            parked: Parked::default(),
            sums: Sums::default(),
            stalls: Stalls::default(),
            stacks: Stacks::default(),
            pool_reports: HashMap::new(),
            pools: BTreeMap::new(),
            histograms: BTreeMap::new(),
            faults: Faults::default(),
            losses: Losses::default(),
        }
    }

    /// Who it is.
    #[must_use]
    pub fn id(&self) -> ProcessId {
        self.id
    }

    /// Its names.
    #[must_use]
    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// The source's number for this life of it; 0 before it was heard.
    #[must_use]
    pub fn incarnation(&self) -> u64 {
        self.incarnation.number
    }

    /// A probe of it was hit. A fork without exec never is: its probes are disarmed.
    #[must_use]
    pub fn is_heard(&self) -> bool {
        self.heard_ns != 0
    }

    /// Boot time of its first hit in nanoseconds.
    #[must_use]
    pub fn first_heard_ns(&self) -> u64 {
        self.incarnation.first_heard_ns
    }

    /// Its last `monitor` report.
    #[must_use]
    pub fn monitor(&self) -> Option<&Gauges> {
        self.monitor.as_ref()
    }

    /// Counts of the whole process, sites without a known text included.
    #[must_use]
    pub fn totals(&self) -> &Counters {
        &self.totals
    }

    /// The sites whose text is known, in order of discovery; the order never changes and none
    /// is ever taken out.
    #[must_use]
    pub fn sites(&self) -> &[Site] {
        &self.sites
    }

    /// Stalled tasks by index of the site and reason (`None`: a code of a newer target). A key
    /// stays, at zero, until the process ends.
    #[must_use]
    pub fn stalled(&self) -> &BTreeMap<(usize, Option<Reason>), Stalled> {
        &self.sums.stalled
    }

    /// Stalled tasks that should have a name and have none: then names are a sample.
    #[must_use]
    pub fn stalls_unnamed(&self) -> u64 {
        self.sums.unnamed
    }

    /// The named stalls: task, index of the site where known, reason, stall.
    pub fn stalls(
        &self,
    ) -> impl Iterator<Item = (u64, Option<usize>, Option<Reason>, &NamedStall)> {
        self.stalls.iter().map(|(task, stall)| {
            let site = self
                .addresses
                .get(&stall.site)
                .and_then(|address| address.site);
            (task, site, Reason::from_code(stall.reason), stall)
        })
    }

    /// Where a stalled task is parked, if that was found out and its park lasts.
    #[must_use]
    pub fn stack_of(&self, task: u64) -> Option<&NamedStack> {
        self.stacks.of(task, self.stalls.get(task)?)
    }

    /// Whether it should be found out where this task is parked.
    #[must_use]
    pub fn wants_stack_of(&self, task: u64) -> bool {
        let stall = self.stalls.get(task);
        stall.is_some_and(|stall| self.stacks.is_wanted(task, stall))
    }

    /// Whether a stall of this task is known.
    #[must_use]
    pub fn is_stalled(&self, task: u64) -> bool {
        self.stalls.get(task).is_some()
    }

    /// Object pools by index of the site.
    #[must_use]
    pub fn pools(&self) -> &BTreeMap<usize, Pool> {
        &self.pools
    }

    /// The functions in which stacks of a site's tasks grew while that was listened to, with how
    /// many growths, most first.
    #[must_use]
    pub fn growing_functions(&self, site: usize) -> Vec<(Arc<str>, u64)> {
        let is_of_site = |record: u64| {
            let address = self.addresses.get(&record);
            address.is_some_and(|address| address.site == Some(site))
        };
        self.faults.by_function(is_of_site)
    }

    /// Histograms by kind and reason (events mode).
    #[must_use]
    pub fn histograms(&self) -> &BTreeMap<(u32, Option<Reason>), Histogram> {
        &self.histograms
    }

    /// Learns the incarnation. A newer one drops all that is known; an older one is refused.
    pub(super) fn adopt(&mut self, incarnation: Incarnation) -> bool {
        if self.incarnation.number == incarnation.number {
            return true;
        }
        let newer = incarnation.first_heard_ns >= self.first_heard_ns();
        if newer && incarnation::may_be_of(incarnation, self.id) {
            *self = Self {
                incarnation,
                losses: self.losses,
                ..Self::new(self.id, self.meta.clone())
            };
            return true;
        }
        false
    }

    /// Takes a fact.
    pub(super) fn take(&mut self, fact: &Fact) {
        match fact {
            Fact::Ledger(ledger) => {
                self.has_ledger = true;
                self.hear(ledger.at_ns);
                let new = self.has_heard_every_site();
                if let Some(address) = self.address(ledger.site) {
                    address.set_ledger(ledger, new);
                }
            }
            Fact::Events { site, counters } => {
                if let Some(address) = self.address(*site) {
                    address.set_events(counters);
                }
                self.hear(self.first_heard_ns());
            }
            Fact::Fault { site, pc, growths } => {
                self.address(*site);
                self.faults.set(*site, *pc, *growths);
            }
            Fact::Parked(parked) => {
                self.hear(parked.at_ns);
                self.address(parked.site);
                self.parked.set(parked);
            }
            Fact::Pool(pool) => {
                self.hear(pool.at_ns);
                self.address(pool.site);
                self.pool_reports.insert(pool.site, *pool);
            }
            Fact::Gauges(gauges) => {
                self.has_ledger = true;
                self.hear(gauges.at_ns);
                self.monitor = Some(*gauges);
            }
            Fact::Durations { key, histogram } => self.set_histogram(key, histogram),
        }
    }

    fn set_histogram(&mut self, key: &HistogramKey, histogram: &Histogram) {
        let reason = Reason::from_code(u64::from(key.reason));
        let entry = self
            .histograms
            .entry((key.kind, reason))
            .or_insert(*histogram);
        if histogram.sum_ns >= entry.sum_ns {
            *entry = *histogram;
        }
    }

    /// Takes what is said of one of its tasks.
    pub(super) fn take_report(&mut self, report: &TaskReport) {
        self.hear(report.at_ns);
        self.address(report.site);
        let fits = self.stalls.take(report);
        self.losses.stalls += u64::from(!fits);
    }

    /// Recomputes all sums, after a snapshot was taken in.
    pub(super) fn settle(&mut self, now_ns: u64) {
        self.stalls.expire(self.heard_ns);
        self.stacks.retain(&self.stalls);
        self.settle_counters(now_ns);
        self.parked
            .sum(&self.stalls, &self.addresses, self.heard_ns, &mut self.sums);
        self.settle_pools();
    }

    /// Addresses whose record should be read now, at most `limit`.
    pub(super) fn unread(&mut self, now_ns: u64, limit: usize) -> Vec<SiteKey> {
        let incarnation = self.incarnation.number;
        self.addresses
            .iter_mut()
            .filter_map(|(site, address)| address.take_attempt(now_ns).then_some(*site))
            .take(limit)
            .map(|site| SiteKey { incarnation, site })
            .collect()
    }

    pub(super) fn learn(&mut self, site: u64, text: &Text) {
        let Some(address) = self
            .addresses
            .get_mut(&site)
            .filter(|known| known.site.is_none())
        else {
            return;
        };
        let label: Arc<str> = label_of(text).into();
        let index = *self.by_label.entry(label.clone()).or_insert_with(|| {
            self.sites.push(Site::new(label));
            self.sites.len() - 1
        });
        address.site = Some(index);
        address.service = text.is_service();
        let fits = self.sites[index].join(text);
        self.losses.site_names += u64::from(!fits);
    }

    fn hear(&mut self, boot_ns: u64) {
        self.heard_ns = self.heard_ns.max(boot_ns);
    }

    /// The entry of an address; a new one only within the bound, so that a hostile target
    /// cannot fill the memory. Beyond, its values are not taken in, and counted as lost.
    fn address(&mut self, site: u64) -> Option<&mut Address> {
        if self.addresses.len() >= MAX_LEDGER as usize {
            let known = self.addresses.get_mut(&site);
            self.losses.addresses += u64::from(known.is_none());
            return known;
        }
        Some(self.addresses.entry(site).or_default())
    }

    fn settle_counters(&mut self, now_ns: u64) {
        let events_only =
            !self.has_ledger && now_ns >= self.first_heard_ns().saturating_add(LEDGER_PATIENCE_NS);
        let mut totals = Counters::default();
        let mut sums = vec![Sum::default(); self.sites.len()];
        for address in self.addresses.values() {
            totals.add(address.counters(events_only));
            if let Some(site) = address.site {
                sums[site].add(address, events_only);
            }
        }
        self.totals.raise(&totals);
        for (site, sum) in self.sites.iter_mut().zip(&sums) {
            site.counters.raise(&sum.counters);
            site.observed.raise(&sum.observed);
            site.stack_bytes = sum.stack_bytes;
        }
    }

    /// A whole rotation has passed since the first hit: a site that appears now is new.
    fn has_heard_every_site(&self) -> bool {
        self.heard_ns >= self.first_heard_ns().saturating_add(ROTATION_NS)
            && self.addresses.len() < MAX_SITES_IN_ROTATION
    }

    fn settle_pools(&mut self) {
        self.pools
            .values_mut()
            .for_each(|pool| *pool = Pool::default());
        for (site, value) in &self.pool_reports {
            let Some(site) = self.addresses.get(site).and_then(|address| address.site) else {
                continue;
            };
            let pool = self.pools.entry(site).or_default();
            pool.retained_bytes = pool.retained_bytes.saturating_add(value.retained_bytes);
            pool.hits = pool.hits.saturating_add(value.hits);
            pool.misses = pool.misses.saturating_add(value.misses);
        }
    }
}

/// The sum over the addresses of one site.
#[derive(Clone, Copy, Default)]
struct Sum {
    counters: Counters,
    observed: Counters,
    stack_bytes: u64,
}

impl Sum {
    fn add(&mut self, address: &Address, events_only: bool) {
        self.counters.add(address.counters(events_only));
        self.observed.add(&address.observed(events_only));
        self.stack_bytes = self.stack_bytes.saturating_add(address.stack_bytes());
    }
}
