//! Values of several processors as one.

use observer_ebpf_abi::{Histogram, ProbeCost};

/// Durations come from the target: their sum may wrap, and must not end the observer.
pub(super) fn histograms(one: Histogram, other: Histogram) -> Histogram {
    Histogram {
        sum_ns: one.sum_ns.wrapping_add(other.sum_ns),
        buckets: std::array::from_fn(|bucket| one.buckets[bucket] + other.buckets[bucket]),
    }
}

pub(super) fn costs(one: ProbeCost, other: ProbeCost) -> ProbeCost {
    ProbeCost {
        hits: one.hits + other.hits,
        sampled: one.sampled + other.sampled,
        sampled_ns: one.sampled_ns + other.sampled_ns,
    }
}
