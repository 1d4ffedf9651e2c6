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

/// (process, site, instruction) triples at which stacks grow. Beyond: new ones are not known
/// ([`crate::Loss::Faults`]), the growths are counted all the same.
pub const MAX_FAULTS: u32 = 8_192;

/// Stalled tasks whose stacks are kept. Beyond: those of others are not known
/// ([`crate::Loss::Stacks`]), their stalls are reported all the same.
pub const MAX_STACKS: u32 = 16_384;

/// Return addresses of a stalled task's stack that are kept, the innermost first; deeper ones are
/// cut.
pub const STALL_FRAMES: usize = 32;

/// How far above the saved stack pointer a frame of a stalled task may lie: the default limit of
/// our runtime's stacks, and more than the innermost frames of wider ones take.
pub const STALL_REACH_BYTES: u64 = 256 << 10;

/// Chunks of park reasons in events mode. Beyond: the reasons of those slots' parks are unknown
/// ([`crate::Loss::Reasons`]).
pub const MAX_REASON_CHUNKS: u32 = 8_192;

/// Task slots whose reasons lie in one chunk.
pub const REASONS_PER_CHUNK: usize = 1_024;

/// Bytes of the ring for stalls and for ends of processes. Full: [`crate::Loss::Ring`].
pub const RING_BYTES: u32 = 8 << 20;

/// Bytes of the ring of a trace's events. Full: [`crate::Loss::Trace`]. Only a trace has it;
/// elsewhere it is one page.
pub const TRACE_RING_BYTES: u32 = 16 << 20;

/// Bytes of the ring of a trace's stacks; three quarters for copies, some 2,700. As above, but
/// spawns beyond these quarters have a record without a copy.
pub const TRACE_STACKS_RING_BYTES: u32 = 32 << 20;

/// Bytes of a ring that nobody reads: one page.
pub const RING_BYTES_UNUSED: u32 = 4_096;

/// Sites that a trace does not want and the kernel leaves out. Beyond: user space leaves them out.
pub const MAX_TRACE_UNWANTED: u32 = 65_536;

/// Stacks whose frame pointers user space trusts, so that they are not copied. Beyond: they are
/// copied each time.
pub const MAX_TRACE_KNOWN: u32 = 16_384;

/// Bytes of a site's file name that the kernel copies; a longer one is cut at its start.
pub const FILE_BYTES: usize = 256;

/// Bytes of a site's static name that the kernel copies; a longer one is cut at its end.
pub const NAME_BYTES: usize = 64;

/// Buckets of a duration histogram: bucket `i` counts durations below 2^(i + 10) ns that are
/// not below 2^(i + 9) ns; the first also all shorter ones, the last all longer ones.
pub const HISTOGRAM_BUCKETS: usize = 28;

/// The bucket that counts a duration.
///
/// ```
/// use observer_ebpf_abi::{HISTOGRAM_BUCKETS, histogram_bucket};
///
/// assert_eq!(histogram_bucket(0), 0);
/// assert_eq!(histogram_bucket(1_023), 0);
/// assert_eq!(histogram_bucket(1_024), 1);
/// assert_eq!(histogram_bucket(u64::MAX), HISTOGRAM_BUCKETS - 1);
/// ```
#[inline(always)]
#[must_use]
pub const fn histogram_bucket(duration_ns: u64) -> usize {
    let bits = 64 - duration_ns.leading_zeros() as usize;
    let bucket = bits.saturating_sub(10);
    if bucket < HISTOGRAM_BUCKETS {
        bucket
    } else {
        HISTOGRAM_BUCKETS - 1
    }
}

/// A window wider than this is a deep stack: half of the default limit of our runtime.
pub const DEEP_STACK_BYTES: u64 = 128 << 10;

/// One hit in this many is timed, per processor and probe.
pub const COST_SAMPLE: u64 = 64;
