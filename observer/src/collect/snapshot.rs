//! The content of all maps at one moment, as plain data.

use observer_ebpf_abi::{
    EventCounts, FaultKey, FaultValue, Histogram, HistogramKey, LedgerValue, Loss, MonitorValue,
    ParkedKey, ParkedValue, PoolValue, ProbeCost, Process, SiteKey,
};
use runtime_abi::ProbeId;

/// How full a map is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapUse {
    /// The map's name in lower case: the `map` label of the observer's metrics.
    pub map: &'static str,
    /// Entries found by this read.
    pub entries: u64,
    /// Entries that fit.
    pub capacity: u64,
}

/// The content of all maps. Order within a list is the kernel's, which is none.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Thread group ids and what the kernel side knows of them.
    pub processes: Vec<(u32, Process)>,
    /// Last `ledger` hit per site.
    pub ledgers: Vec<(SiteKey, LedgerValue)>,
    /// Last `parked` hit per site and reason.
    pub parked: Vec<(ParkedKey, ParkedValue)>,
    /// Last `pool` hit per site.
    pub pools: Vec<(SiteKey, PoolValue)>,
    /// Last `monitor` hit per incarnation.
    pub monitors: Vec<(u64, MonitorValue)>,
    /// Events counted per site.
    pub counts: Vec<(SiteKey, EventCounts)>,
    /// Where stacks grew, in events mode and while storms last.
    pub faults: Vec<(FaultKey, FaultValue)>,
    /// Durations, summed over processors.
    pub histograms: Vec<(HistogramKey, Histogram)>,
    /// Losses by cause since the load, summed over processors.
    pub losses: Vec<(Loss, u64)>,
    /// Costs by probe since the load, summed over processors.
    pub costs: Vec<(ProbeId, ProbeCost)>,
    /// How full the maps are.
    pub map_entries: Vec<MapUse>,
    /// Values that were left out because the kernel was replacing them at every attempt.
    pub torn: u64,
}
