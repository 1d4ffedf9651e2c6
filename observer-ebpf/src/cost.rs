//! What the programs cost: hits per probe, and the time of one hit in
//! [`COST_SAMPLE`](observer_ebpf_abi::COST_SAMPLE).
//!
//! The kernel's own accounting of programs needs a privilege and taxes every program of the
//! host; this costs the other hits one addition. Only the program's own time is seen, not the
//! trap's.

use crate::maps::COSTS;
use aya_ebpf::helpers::bpf_ktime_get_ns;
use core::intrinsics::{AtomicOrdering, atomic_xadd};
use observer_ebpf_abi::{COST_SAMPLE, ProbeCost};
use runtime_abi::ProbeId;

/// Counts a hit and, if it is a sampled one, its time.
pub struct Stopwatch {
    cost: Option<*mut ProbeCost>,
    /// When a sampled hit began; 0 for others.
    start_ns: u64,
}

impl Stopwatch {
    /// Counts a hit of the probe.
    #[inline(always)]
    pub fn start(probe: ProbeId) -> Self {
        let cost = COSTS.get_ptr_mut(probe as u32);
        let hits = cost.map_or(1, count_hit);
        let start_ns = if hits.is_multiple_of(COST_SAMPLE) {
            now_ns()
        } else {
            0
        };
        Self { cost, start_ns }
    }

    /// Counts the time of a sampled hit.
    #[inline(always)]
    pub fn stop(self) {
        if self.start_ns == 0 {
            return;
        }
        if let Some(cost) = self.cost {
            let elapsed_ns = now_ns().wrapping_sub(self.start_ns);
            // SAFETY: a value of the map, valid while the program runs.
            add(unsafe { &raw mut (*cost).sampled }, 1);
            // SAFETY: as above.
            add(unsafe { &raw mut (*cost).sampled_ns }, elapsed_ns);
        }
    }
}

/// Counts a hit and returns how many there were, give or take those of threads that preempted
/// this one.
#[inline(always)]
fn count_hit(cost: *mut ProbeCost) -> u64 {
    // SAFETY: a value of the map, valid while the program runs.
    let hits = unsafe { &raw mut (*cost).hits };
    add(hits, 1);
    // SAFETY: as above.
    unsafe { hits.read_volatile() }
}

#[inline(always)]
fn now_ns() -> u64 {
    // SAFETY: the helper has no preconditions.
    unsafe { bpf_ktime_get_ns() }
}

/// Adds to a counter in a map.
///
/// Atomic also where the value is this processor's own: programs on probes are preempted, by
/// other threads that hit the same probe among others, and no event may be lost. It does not
/// return what was there: LLVM 22 compiles a relaxed addition to the instruction that does not
/// fetch, even where the result is used.
#[inline(always)]
pub fn add(counter: *mut u64, amount: u64) {
    // SAFETY: callers pass an aligned counter inside a value of a map, which stays valid while
    // the program runs and is only ever written through here. (`core` offers no `fetch_add` on
    // a target without compare-and-swap.)
    unsafe { atomic_xadd::<u64, u64, { AtomicOrdering::Relaxed }>(counter, amount) };
}
