//! What the probes' programs cost, estimated from the hits that were timed.

use std::collections::HashMap;

use observer_ebpf_abi::ProbeCost;
use runtime_abi::ProbeId;

/// Seconds by probe: every hit at the mean of the hits that were timed by then.
///
/// Not all hits at the mean of now: that falls when the mean does, and counters do not.
#[derive(Debug, Default)]
pub(super) struct ProbeSeconds {
    spent: HashMap<ProbeId, Spent>,
}

/// What one probe has cost.
#[derive(Clone, Copy, Debug, Default)]
struct Spent {
    /// Hits that are in the seconds.
    hits: u64,
    seconds: f64,
}

impl ProbeSeconds {
    /// Takes the costs of now, each of all hits ever; the seconds by the probe's name.
    pub(super) fn look(&mut self, costs: &[(ProbeId, ProbeCost)]) -> Vec<(&'static str, f64)> {
        let named = costs.iter().map(|(id, cost)| {
            let spent = self.spent.entry(*id).or_default();
            spent.add(cost);
            (id.probe().name, spent.seconds)
        });
        named.collect()
    }
}

impl Spent {
    fn add(&mut self, cost: &ProbeCost) {
        // Until the first hit is timed the others wait for their price.
        if cost.sampled > 0 {
            let mean_ns = cost.sampled_ns as f64 / cost.sampled as f64;
            self.seconds += cost.hits.saturating_sub(self.hits) as f64 * mean_ns / 1e9;
            self.hits = self.hits.max(cost.hits);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cost(hits: u64, sampled: u64, sampled_ns: u64) -> ProbeCost {
        ProbeCost {
            hits,
            sampled,
            sampled_ns,
        }
    }

    #[test]
    fn a_probe_costs_its_hits_times_the_mean_of_the_timed_ones() {
        let mut seconds = ProbeSeconds::default();
        let costs = [
            (ProbeId::Ledger, cost(6_400, 100, 50_000)),
            (ProbeId::Stall, ProbeCost::default()),
        ];
        assert_eq!(seconds.look(&costs), [("ledger", 0.003_2), ("stall", 0.0)]);
        assert_eq!(seconds.look(&costs), [("ledger", 0.003_2), ("stall", 0.0)]);
    }

    #[test]
    fn hits_before_the_first_that_was_timed_are_paid_with_it() {
        let mut seconds = ProbeSeconds::default();
        let mut look = |cost| seconds.look(&[(ProbeId::Stall, cost)])[0].1;
        assert!(look(cost(63, 0, 0)).abs() < 1e-12);
        assert!((look(cost(64, 1, 1_000)) - 64e-6).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn they_never_fall_however_quick_later_hits_are(
            steps in prop::collection::vec((0_u64..1_000, 0_u64..3, 0_u64..5_000), 1..40),
        ) {
            let (mut seconds, mut now, mut last) = (ProbeSeconds::default(), cost(0, 0, 0), 0.0);
            for (hits, sampled, each_ns) in steps {
                now = cost(
                    now.hits + hits,
                    now.sampled + sampled,
                    now.sampled_ns + sampled * each_ns,
                );
                let told = seconds.look(&[(ProbeId::Ledger, now)])[0].1;
                prop_assert!(told >= last, "{told} after {last}");
                last = told;
            }
        }
    }
}
