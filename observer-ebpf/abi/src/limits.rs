//! The bounds of every map. What happens at each is written beside it; every loss is counted
//! in [`crate::Loss`].

/// Processes that can be watched at once. Beyond: hits are dropped ([`crate::Loss::Processes`]).
pub const MAX_PROCESSES: u32 = 4_096;

/// (process, site) pairs with ledger values. Beyond: new pairs are dropped
/// ([`crate::Loss::Ledger`]), known ones go on.
pub const MAX_LEDGER: u32 = 131_072;

/// (process, site) pairs whose record was read in the kernel. Beyond: user space reads it.
pub const MAX_SITES: u32 = 65_536;

/// (process, site, reason) triples with stalled tasks. Beyond: [`crate::Loss::Parked`].
pub const MAX_PARKED: u32 = 65_536;

/// (process, site) pairs with an object pool. Beyond: [`crate::Loss::Pool`].
pub const MAX_POOLS: u32 = 4_096;

/// (process, site) pairs counted in events mode. Beyond: [`crate::Loss::Counts`].
pub const MAX_COUNTS: u32 = 65_536;

/// Histograms (process, kind, reason) in events mode. Beyond: [`crate::Loss::Histogram`].
pub const MAX_HISTOGRAMS: u32 = 8_192;

/// Bytes of the ring for stalls and for ends of processes. Full: [`crate::Loss::Ring`].
pub const RING_BYTES: u32 = 8 << 20;

/// Bytes of a site's file name that the kernel copies; a longer one is cut at its start.
pub const FILE_BYTES: usize = 256;

/// Bytes of a site's static name that the kernel copies; a longer one is cut at its end.
pub const NAME_BYTES: usize = 64;

/// Buckets of a duration histogram: bucket `i` counts durations below 2^(i + 10) ns that are
/// not below 2^(i + 9) ns; the first also all shorter ones, the last all longer ones.
pub const HISTOGRAM_BUCKETS: usize = 28;

/// One hit in this many is timed, per processor and probe.
pub const COST_SAMPLE: u64 = 64;
