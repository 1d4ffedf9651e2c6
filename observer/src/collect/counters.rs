//! Cumulative counts of a site or a process.

use observer_ebpf_abi::{EventCounts, LedgerValue};

/// Cumulative counts of a site or a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Tasks spawned.
    pub spawned: u64,
    /// Tasks that returned.
    pub returned: u64,
    /// Tasks that panicked.
    pub panicked: u64,
    /// Tasks that were cancelled.
    pub cancelled: u64,
    /// Tasks that ended in a way that a newer target knows and we do not.
    pub ended_otherwise: u64,
    /// Parks.
    pub parks: u64,
    /// Yields.
    pub yields: u64,
    /// Widenings of stack windows.
    pub growths: u64,
    /// Those of them that are known to have made a window wider than half the default limit:
    /// of events only, the ledger has no single stack.
    pub deep_growths: u64,
}

impl Counters {
    /// Live tasks: spawned less ended, never negative.
    #[must_use]
    pub fn live(&self) -> u64 {
        self.spawned.saturating_sub(self.ended())
    }

    /// Tasks that ended, in whatever way.
    #[must_use]
    pub fn ended(&self) -> u64 {
        [
            self.returned,
            self.panicked,
            self.cancelled,
            self.ended_otherwise,
        ]
        .into_iter()
        .fold(0, u64::saturating_add)
    }

    /// Adds another site's counts.
    pub fn add(&mut self, other: &Self) {
        self.combine(other, u64::saturating_add);
    }

    /// Takes newer counts of the same site; none falls.
    pub fn raise(&mut self, newer: &Self) {
        self.combine(newer, u64::max);
    }

    /// What happened since an earlier state.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut difference = *self;
        difference.combine(earlier, u64::saturating_sub);
        difference
    }

    fn combine(&mut self, other: &Self, join: fn(u64, u64) -> u64) {
        for (mine, theirs) in [
            (&mut self.spawned, other.spawned),
            (&mut self.returned, other.returned),
            (&mut self.panicked, other.panicked),
            (&mut self.cancelled, other.cancelled),
            (&mut self.ended_otherwise, other.ended_otherwise),
            (&mut self.parks, other.parks),
            (&mut self.yields, other.yields),
            (&mut self.growths, other.growths),
            (&mut self.deep_growths, other.deep_growths),
        ] {
            *mine = join(*mine, theirs);
        }
    }
}

impl From<&LedgerValue> for Counters {
    fn from(value: &LedgerValue) -> Self {
        Self {
            spawned: value.spawned,
            returned: value.returned,
            panicked: value.panicked,
            cancelled: value.cancelled,
            ended_otherwise: 0,
            parks: value.parks,
            yields: value.yields,
            growths: value.growths,
            deep_growths: 0,
        }
    }
}

impl From<&EventCounts> for Counters {
    fn from(counts: &EventCounts) -> Self {
        let [returned, panicked, cancelled, ended_otherwise] = counts.exited;
        Self {
            spawned: counts.spawned,
            returned,
            panicked,
            cancelled,
            ended_otherwise,
            parks: counts.parks,
            yields: 0,
            growths: counts.growths,
            deep_growths: counts.deep_growths,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn counters() -> impl Strategy<Value = Counters> {
        any::<[u64; 9]>().prop_map(|[a, b, c, d, e, f, g, h, i]| Counters {
            spawned: a,
            returned: b,
            panicked: c,
            cancelled: d,
            ended_otherwise: e,
            parks: f,
            yields: g,
            growths: h,
            deep_growths: i,
        })
    }

    #[test]
    fn live_is_spawned_less_all_ends_and_never_negative() {
        let mut counters = Counters {
            spawned: 10,
            returned: 3,
            panicked: 2,
            cancelled: 1,
            ..Counters::default()
        };
        assert_eq!(counters.live(), 4);
        counters.ended_otherwise = 5;
        assert_eq!(counters.live(), 0);
    }

    proptest! {
        #[test]
        fn no_count_falls_whatever_is_observed(a in counters(), b in counters()) {
            let mut raised = a;
            raised.raise(&b);
            prop_assert!(raised.spawned >= a.spawned && raised.growths >= a.growths);
            prop_assert!(raised.ended() >= a.ended() && raised.parks >= a.parks);
        }

        #[test]
        fn raising_is_the_same_in_any_order(a in counters(), b in counters()) {
            let (mut left, mut right) = (a, b);
            left.raise(&b);
            right.raise(&a);
            prop_assert_eq!(left, right);
        }
    }
}
