//! Who hits event probes how often, from the counts that the kernel programs keep anyway.

use std::collections::HashMap;

use observer_ebpf_abi::{EventCounts, ProbeCost, SiteKey, incarnation_tgid};
use runtime_abi::{Family, ProbeId};

/// What the trap of a hit costs beside its program, on the machines where it was measured (0.44
/// to 0.54 µs). The program's own time is sampled by itself and does not contain it.
const TRAP_NS: f64 = 500.0;

/// Tells new hits from those of earlier snapshots.
#[derive(Debug, Default)]
pub(super) struct EventHits {
    seen: HashMap<u64, u64>,
}

impl EventHits {
    /// New event hits by process since the last call. An incarnation that is met for the first
    /// time has all its hits since then.
    pub(super) fn since_last(&mut self, counts: &[(SiteKey, EventCounts)]) -> HashMap<u32, u64> {
        let mut now: HashMap<u64, u64> = HashMap::new();
        for (key, counts) in counts {
            let hits = now.entry(key.incarnation).or_default();
            *hits = hits.saturating_add(hits_of(counts));
        }
        let mut new: HashMap<u32, u64> = HashMap::new();
        for (incarnation, hits) in &now {
            let before = self.seen.get(incarnation).copied().unwrap_or(0);
            *new.entry(incarnation_tgid(*incarnation)).or_default() += hits.saturating_sub(before);
        }
        self.seen = now;
        new
    }
}

fn hits_of(counts: &EventCounts) -> u64 {
    let exited = counts.exited.iter();
    let counts = [
        counts.spawned,
        counts.parks,
        counts.unparks,
        counts.runs,
        counts.growths,
    ];
    counts
        .iter()
        .chain(exited)
        .fold(0, |sum, count| sum.saturating_add(*count))
}

/// Nanoseconds that a hit of an event probe costs its target: the trap, and the mean of the
/// programs by what was timed so far.
pub(super) fn event_hit_ns(costs: &[(ProbeId, ProbeCost)]) -> f64 {
    let events = costs
        .iter()
        .filter(|(id, _)| id.probe().family == Family::Event);
    let (sampled, ns) = events.fold((0_u64, 0_u64), |(sampled, ns), (_, cost)| {
        (
            sampled.saturating_add(cost.sampled),
            ns.saturating_add(cost.sampled_ns),
        )
    });
    TRAP_NS
        + if sampled == 0 {
            0.0
        } else {
            ns as f64 / sampled as f64
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use observer_ebpf_abi::incarnation_of;

    fn counts(incarnation: u64, site: u64, spawned: u64) -> (SiteKey, EventCounts) {
        let counts = EventCounts {
            spawned,
            exited: [0, 1, 0, 0],
            runs: 2,
            ..EventCounts::default()
        };
        (SiteKey { incarnation, site }, counts)
    }

    #[test]
    fn hits_are_those_of_all_sites_since_the_last_look() {
        let (first, second) = (incarnation_of(7, 1_024), incarnation_of(8, 1_024));
        let mut hits = EventHits::default();
        let new = hits.since_last(&[counts(first, 1, 10), counts(first, 2, 20)]);
        assert_eq!(new, HashMap::from([(7, 36)]));
        let new = hits.since_last(&[
            counts(first, 1, 15),
            counts(first, 2, 20),
            counts(second, 1, 1),
        ]);
        assert_eq!(new, HashMap::from([(7, 5), (8, 4)]));
    }

    #[test]
    fn a_new_incarnation_of_a_pid_begins_at_zero() {
        let mut hits = EventHits::default();
        hits.since_last(&[counts(incarnation_of(7, 1_024), 1, 100)]);
        let new = hits.since_last(&[counts(incarnation_of(7, 9_999_999), 1, 5)]);
        assert_eq!(new, HashMap::from([(7, 8)]));
    }

    #[test]
    fn a_hit_costs_the_trap_and_the_mean_of_the_event_programs() {
        let cost = |sampled, sampled_ns| ProbeCost {
            hits: 64 * sampled,
            sampled,
            sampled_ns,
        };
        assert!((event_hit_ns(&[]) - 500.0).abs() < 1e-9);
        let costs = [
            (ProbeId::Spawn, cost(1, 400)),
            (ProbeId::Run, cost(3, 400)),
            (ProbeId::Ledger, cost(10, 90_000)),
        ];
        assert!((event_hit_ns(&costs) - 700.0).abs() < 1e-9);
    }
}
