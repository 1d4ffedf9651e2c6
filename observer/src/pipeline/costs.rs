//! What the probes' programs cost, estimated from the hits that were timed.

use observer_ebpf_abi::ProbeCost;
use runtime_abi::ProbeId;

/// Seconds by probe: hits times the mean of the timed ones.
pub(super) fn probe_seconds(costs: &[(ProbeId, ProbeCost)]) -> Vec<(&'static str, f64)> {
    let named = costs
        .iter()
        .map(|(id, cost)| (id.probe().name, seconds(cost)));
    named.collect()
}

fn seconds(cost: &ProbeCost) -> f64 {
    if cost.sampled == 0 {
        return 0.0;
    }
    cost.hits as f64 * (cost.sampled_ns as f64 / cost.sampled as f64) / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_costs_its_hits_times_the_mean_of_the_timed_ones() {
        let cost = ProbeCost {
            hits: 6_400,
            sampled: 100,
            sampled_ns: 50_000,
        };
        let costs = [
            (ProbeId::Ledger, cost),
            (ProbeId::Stall, ProbeCost::default()),
        ];
        assert_eq!(probe_seconds(&costs), [("ledger", 0.003_2), ("stall", 0.0)]);
    }
}
