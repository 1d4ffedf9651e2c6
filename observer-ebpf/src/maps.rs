//! The maps. Their names, keys, values and bounds are the contract crate's.
//!
//! Hashes are not preallocated: a host with one small target pays for that one only.

use aya_ebpf::bindings::BPF_F_NO_PREALLOC;
use aya_ebpf::macros::map;
use aya_ebpf::maps::{Array, HashMap, PerCpuArray, PerCpuHashMap, RingBuf};
use observer_ebpf_abi as abi;
use observer_ebpf_abi::{
    EventCounts, FaultKey, FaultValue, Histogram, HistogramKey, LedgerValue, Loss, MonitorValue,
    ParkedKey, ParkedValue, PoolValue, ProbeCost, Process, ReasonChunk, ReasonKey, SiteKey,
    SiteText, TaskKey, TraceFilter, WalkedStack,
};
use runtime_abi::PROBES;

const ON_DEMAND: u32 = BPF_F_NO_PREALLOC;

/// Thread group id → what is known of it.
#[map]
pub static PROCESSES: HashMap<u32, Process> =
    HashMap::with_max_entries(abi::MAX_PROCESSES, ON_DEMAND);

/// Site → last `ledger` hit.
#[map]
pub static LEDGER: HashMap<SiteKey, LedgerValue> =
    HashMap::with_max_entries(abi::MAX_LEDGER, ON_DEMAND);

/// Site → its record.
#[map]
pub static SITES: HashMap<SiteKey, SiteText> = HashMap::with_max_entries(abi::MAX_SITES, ON_DEMAND);

/// Site and reason → last `parked` hit.
#[map]
pub static PARKED: HashMap<ParkedKey, ParkedValue> =
    HashMap::with_max_entries(abi::MAX_PARKED, ON_DEMAND);

/// Site → last `pool` hit.
#[map]
pub static POOLS: HashMap<SiteKey, PoolValue> =
    HashMap::with_max_entries(abi::MAX_POOLS, ON_DEMAND);

/// Incarnation → last `monitor` hit.
#[map]
pub static MONITORS: HashMap<u64, MonitorValue> =
    HashMap::with_max_entries(abi::MAX_PROCESSES, ON_DEMAND);

/// Site → events counted. Not per processor: such entries come from an allocator that fails
/// when some hundred sites begin at once, and an event is not to be lost.
#[map]
pub static COUNTS: HashMap<SiteKey, EventCounts> =
    HashMap::with_max_entries(abi::MAX_COUNTS, ON_DEMAND);

/// Durations by incarnation, kind and reason.
#[map]
pub static HISTOGRAMS: PerCpuHashMap<HistogramKey, Histogram> =
    PerCpuHashMap::with_max_entries(abi::MAX_HISTOGRAMS, ON_DEMAND);

/// Where stacks grow.
#[map]
pub static FAULTS: HashMap<FaultKey, FaultValue> =
    HashMap::with_max_entries(abi::MAX_FAULTS, ON_DEMAND);

/// Stalled task → where it is parked.
#[map]
pub static STACKS: HashMap<TaskKey, WalkedStack> =
    HashMap::with_max_entries(abi::MAX_STACKS, ON_DEMAND);

/// The reasons of parked tasks, by slot.
#[map]
pub static REASONS: HashMap<ReasonKey, ReasonChunk> =
    HashMap::with_max_entries(abi::MAX_REASON_CHUNKS, ON_DEMAND);

/// Losses by cause.
#[map]
pub static LOSSES: PerCpuArray<u64> = PerCpuArray::with_max_entries(Loss::ALL.len() as u32, 0);

/// When a loss was last logged, by cause.
#[map]
pub static LOGGED: PerCpuArray<u64> = PerCpuArray::with_max_entries(Loss::ALL.len() as u32, 0);

/// Costs by probe.
#[map]
pub static COSTS: PerCpuArray<ProbeCost> = PerCpuArray::with_max_entries(PROBES.len() as u32, 0);

/// Records for user space.
#[map]
pub static RING: RingBuf = RingBuf::with_byte_size(abi::RING_BYTES, 0);

/// Whom a trace wants.
#[map]
pub static TRACE_FILTER: Array<TraceFilter> = Array::with_max_entries(1, 0);

/// Sites that a trace leaves out.
#[map]
pub static TRACE_UNWANTED: HashMap<u64, u32> =
    HashMap::with_max_entries(abi::MAX_TRACE_UNWANTED, ON_DEMAND);

/// Events of a trace, which makes the ring larger when it loads.
#[map]
pub static TRACE: RingBuf = RingBuf::with_byte_size(abi::RING_BYTES_UNUSED, 0);

/// Spawns of a trace with their stacks, and exits.
#[map]
pub static TRACE_STACKS: RingBuf = RingBuf::with_byte_size(abi::RING_BYTES_UNUSED, 0);

/// Stacks that a trace does not copy any more.
#[map]
pub static TRACE_KNOWN: HashMap<u64, u32> =
    HashMap::with_max_entries(abi::MAX_TRACE_KNOWN, ON_DEMAND);
