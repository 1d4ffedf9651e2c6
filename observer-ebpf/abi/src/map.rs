//! Names, keys and values of the maps.
//!
//! All keys but a thread group's id start with an *incarnation*: a number that the kernel
//! side gives to a thread group at its first hit and takes away when it ends or execs. What
//! a dead incarnation leaves behind can therefore never be mistaken for a reused pid's.

use crate::plain;

/// Names of the maps in the object.
pub mod names {
    /// Hash: thread group id (`u32`) → [`super::Process`].
    pub const PROCESSES: &str = "PROCESSES";
    /// Hash: [`super::SiteKey`] → [`super::LedgerValue`].
    pub const LEDGER: &str = "LEDGER";
    /// Hash: [`super::SiteKey`] → [`super::SiteText`].
    pub const SITES: &str = "SITES";
    /// Hash: [`super::ParkedKey`] → [`super::ParkedValue`].
    pub const PARKED: &str = "PARKED";
    /// Hash: [`super::SiteKey`] → [`super::PoolValue`].
    pub const POOLS: &str = "POOLS";
    /// Hash: incarnation (`u64`) → [`super::MonitorValue`].
    pub const MONITORS: &str = "MONITORS";
    /// Hash: [`super::SiteKey`] → [`super::EventCounts`] (events mode).
    pub const COUNTS: &str = "COUNTS";
    /// Per-processor hash: [`super::HistogramKey`] → [`super::Histogram`] (events mode).
    pub const HISTOGRAMS: &str = "HISTOGRAMS";
    /// Hash: [`super::ReasonKey`] → [`super::ReasonChunk`] (events mode).
    pub const REASONS: &str = "REASONS";
    /// Hash: [`super::FaultKey`] → [`super::FaultValue`]: where stacks grow, while that is armed.
    pub const FAULTS: &str = "FAULTS";
    /// Hash: [`super::TaskKey`] → [`super::WalkedStack`]: where stalled tasks are parked.
    pub const STACKS: &str = "STACKS";
    /// Per-processor array: [`crate::Loss`] → `u64`.
    pub const LOSSES: &str = "LOSSES";
    /// Per-processor array: row of the probe table → [`super::ProbeCost`].
    pub const COSTS: &str = "COSTS";
    /// Ring buffer of [`crate::Record`]s.
    pub const RING: &str = "RING";
    /// Array of one [`crate::TraceFilter`].
    pub const TRACE_FILTER: &str = "TRACE_FILTER";
    /// Hash: site (`u64`) → `u32` without meaning: sites that a trace leaves out.
    pub const TRACE_UNWANTED: &str = "TRACE_UNWANTED";
    /// Ring buffer of [`crate::TraceRecord`]s.
    pub const TRACE: &str = "TRACE";
    /// Ring buffer of [`crate::StackRecord`]s and [`crate::CopyRecord`]s, told apart by their
    /// lengths.
    pub const TRACE_STACKS: &str = "TRACE_STACKS";
    /// Hash: [`crate::StackRecord::key`] (`u64`) → `u32` without meaning: stacks that are not
    /// copied any more, because their frames by frame pointers are known to say all.
    pub const TRACE_KNOWN: &str = "TRACE_KNOWN";
}

/// What the kernel side knows of a thread group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Process {
    /// The number under which all its values are kept; never 0. Low 22 bits: thread group id;
    /// high 42 bits: boot time of the first hit in units of 1,024 ns.
    pub incarnation: u64,
    /// The attach cookie whose hits count, one per attached carrier and never 0. Two links may
    /// cover one file (overlays); the first to hit wins, hits of others are ignored. User
    /// space sets it to 0 when that link goes, and the next to hit wins.
    pub cookie: u64,
    /// The thread that fired the first ledger probe; 0 before. A ledger hit of any other
    /// thread is counted as [`crate::Loss::ForeignThread`] and recorded all the same.
    pub monitor_tid: u32,
    /// Zero.
    pub padding: u32,
}

/// The incarnation of a thread group whose first hit is at this boot time.
///
/// ```
/// let incarnation = observer_ebpf_abi::incarnation_of(4_711, 5_000_000_000);
/// assert_eq!(observer_ebpf_abi::incarnation_tgid(incarnation), 4_711);
/// ```
#[inline(always)]
#[must_use]
pub const fn incarnation_of(tgid: u32, boot_ns: u64) -> u64 {
    ((boot_ns >> 10) << INCARNATION_TGID_BITS) | (tgid & INCARNATION_TGID_MASK) as u64
}

/// The thread group id in an incarnation.
#[must_use]
pub const fn incarnation_tgid(incarnation: u64) -> u32 {
    incarnation as u32 & INCARNATION_TGID_MASK
}

/// The boot time of the first hit in an incarnation, in nanoseconds, to about a microsecond.
///
/// ```
/// use observer_ebpf_abi::{incarnation_first_ns, incarnation_of};
///
/// let first_ns = incarnation_first_ns(incarnation_of(4_711, 5_000_000_000));
/// assert!(first_ns.abs_diff(5_000_000_000) < 1_024);
/// ```
#[must_use]
pub const fn incarnation_first_ns(incarnation: u64) -> u64 {
    (incarnation >> INCARNATION_TGID_BITS) << 10
}

/// Linux gives no thread group an id of more bits (`PID_MAX_LIMIT`).
const INCARNATION_TGID_BITS: u32 = 22;
const INCARNATION_TGID_MASK: u32 = (1 << INCARNATION_TGID_BITS) - 1;

/// A site of an incarnation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(C)]
pub struct SiteKey {
    /// See [`Process::incarnation`].
    pub incarnation: u64,
    /// The site record's address in the target.
    pub site: u64,
}

/// The arguments of the last `ledger` hit.
///
/// A reader that finds `sequence` and `sequence_end` different has caught an update in the
/// middle, and reads again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct LedgerValue {
    /// Boot time of the hit in nanoseconds.
    pub sequence: u64,
    /// Tasks spawned.
    pub spawned: u64,
    /// Tasks that returned.
    pub returned: u64,
    /// Tasks that panicked.
    pub panicked: u64,
    /// Tasks that were cancelled.
    pub cancelled: u64,
    /// Parks.
    pub parks: u64,
    /// Yields.
    pub yields: u64,
    /// Widenings of stack windows.
    pub growths: u64,
    /// Bytes of open stack windows.
    pub stack_bytes: u64,
    /// Equal to `sequence` unless torn.
    pub sequence_end: u64,
}

/// What a site's record says, copied by the kernel at the first `ledger` hit. A reader that
/// finds line 0 has caught the copy in the middle: the line is written last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct SiteText {
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1.
    pub column: u32,
    /// The record's flags.
    pub flags: u64,
    /// Length of the file name in the target; more than [`crate::FILE_BYTES`] if it was cut.
    pub file_len: u64,
    /// Length of the static name in the target; 0 if there is none.
    pub name_len: u64,
    /// The last bytes of the file name.
    pub file: [u8; crate::FILE_BYTES],
    /// The first bytes of the static name.
    pub name: [u8; crate::NAME_BYTES],
}

/// Tasks of a site that are stalled for one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(C)]
pub struct ParkedKey {
    /// See [`Process::incarnation`].
    pub incarnation: u64,
    /// The site record's address in the target.
    pub site: u64,
    /// The reason's code, as sent.
    pub reason: u64,
}

/// The arguments of the last `parked` hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct ParkedValue {
    /// Boot time of the hit in nanoseconds.
    pub sequence: u64,
    /// Tasks now stalled.
    pub stalled: u64,
    /// Nanoseconds that the oldest of them has been parked at the time of the hit.
    pub oldest_ns: u64,
    /// Equal to `sequence` unless torn.
    pub sequence_end: u64,
}

/// The arguments of the last `pool` hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct PoolValue {
    /// Boot time of the hit in nanoseconds.
    pub sequence: u64,
    /// Bytes that the pool retains.
    pub retained_bytes: u64,
    /// Objects taken from the pool.
    pub hits: u64,
    /// Objects that had to be made.
    pub misses: u64,
    /// Equal to `sequence` unless torn.
    pub sequence_end: u64,
}

/// The arguments of the last `monitor` hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct MonitorValue {
    /// Boot time of the hit in nanoseconds.
    pub sequence: u64,
    /// Schema version.
    pub schema: u64,
    /// Live tasks.
    pub live: u64,
    /// Runnable tasks.
    pub runnable: u64,
    /// Workers.
    pub workers: u64,
    /// Workers without work.
    pub idle_workers: u64,
    /// Processors handed to another worker, ever.
    pub handoffs: u64,
    /// Steals, ever.
    pub steals: u64,
    /// Bytes of open stack windows.
    pub stack_bytes: u64,
    /// Bytes of stacks that wait for reuse.
    pub stack_bytes_cached: u64,
    /// The runtime's stall period.
    pub stall_period_ns: u64,
    /// Equal to `sequence` unless torn.
    pub sequence_end: u64,
}

/// What the event probes counted for a site, by atomic additions of all processors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct EventCounts {
    /// `spawn` hits.
    pub spawned: u64,
    /// `exit` hits by outcome; the last counts unknown outcomes.
    pub exited: [u64; 4],
    /// `park` hits.
    pub parks: u64,
    /// `unpark` hits.
    pub unparks: u64,
    /// `run` hits.
    pub runs: u64,
    /// `stack_grow` hits.
    pub growths: u64,
    /// Those of them after which the window was wider than [`crate::DEEP_STACK_BYTES`].
    pub deep_growths: u64,
}

/// Where tasks of a site touch the end of their stacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(C)]
pub struct FaultKey {
    /// See [`Process::incarnation`].
    pub incarnation: u64,
    /// The site record's address in the target.
    pub site: u64,
    /// The instruction.
    pub pc: u64,
}

/// What the hits of `stack_grow` at one instruction add up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct FaultValue {
    /// Hits.
    pub growths: u64,
    /// The widest window that one of them made, in bytes.
    pub widest_bytes: u64,
}

/// A task of an incarnation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(C)]
pub struct TaskKey {
    /// See [`Process::incarnation`].
    pub incarnation: u64,
    /// The task.
    pub task: u64,
}

/// The stack of a stalled task, as its frame pointers tell: one walk for each park.
///
/// It is the stack of a park if that began before the walk and was reported again after it:
/// nobody ran on the stack meanwhile. Whether there are frame pointers at all is for the reader
/// to judge: what is no address of code in the process is no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct WalkedStack {
    /// The saved program counter.
    pub pc: u64,
    /// The saved stack pointer.
    pub sp: u64,
    /// The saved frame pointer.
    pub fp: u64,
    /// How many of the frames were found; the others say nothing.
    pub frame_count: u64,
    /// Where each caller goes on, the innermost first.
    pub frames: [u64; crate::STALL_FRAMES],
    /// Boot time of the hit in nanoseconds, written last: 0 until the other fields are there.
    pub walked_ns: u64,
}

/// What a histogram is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(C)]
pub struct HistogramKey {
    /// See [`Process::incarnation`].
    pub incarnation: u64,
    /// [`HISTOGRAM_PARK`] or [`HISTOGRAM_WAKE`].
    pub kind: u32,
    /// The park's reason, or [`REASON_UNKNOWN`]; 0 for [`HISTOGRAM_WAKE`].
    pub reason: u32,
}

/// The reason of a park that began before the attach, or whose chunk did not fit.
pub const REASON_UNKNOWN: u32 = u32::MAX;

/// A run of task slots of an incarnation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(C)]
pub struct ReasonKey {
    /// See [`Process::incarnation`].
    pub incarnation: u64,
    /// The slots' number divided by [`crate::REASONS_PER_CHUNK`].
    pub chunk: u64,
}

/// Why the tasks of a run of slots are parked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct ReasonChunk {
    /// By slot: 0 not parked, else the reason's code plus 1.
    pub reasons: [u8; crate::REASONS_PER_CHUNK],
}

/// Kind of a histogram: how long parks lasted.
pub const HISTOGRAM_PARK: u32 = 0;

/// Kind of a histogram: from runnable to running.
pub const HISTOGRAM_WAKE: u32 = 1;

/// A histogram of durations; see [`crate::HISTOGRAM_BUCKETS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Histogram {
    /// Sum of the durations in nanoseconds.
    pub sum_ns: u64,
    /// Counts, not cumulative.
    pub buckets: [u64; crate::HISTOGRAM_BUCKETS],
}

/// What a probe's program costs, on one processor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct ProbeCost {
    /// Hits.
    pub hits: u64,
    /// Hits that were timed.
    pub sampled: u64,
    /// Nanoseconds of those.
    pub sampled_ns: u64,
}

plain! {
    Process = 24,
    SiteKey = 16,
    LedgerValue = 80,
    SiteText = 352,
    ParkedKey = 24,
    ParkedValue = 32,
    PoolValue = 40,
    MonitorValue = 96,
    EventCounts = 80,
    FaultKey = 24,
    FaultValue = 16,
    TaskKey = 16,
    WalkedStack = 296,
    HistogramKey = 16,
    ReasonKey = 16,
    ReasonChunk = 1024,
    Histogram = 232,
    ProbeCost = 24,
}
