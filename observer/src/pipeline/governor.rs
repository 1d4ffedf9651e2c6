//! Keeps the price of events mode within a share of a core, file by file. Pure: hits and times
//! come in, orders go out.
//!
//! ```text
//!             spent more than its share in the last 10 s: `Order::Drop`
//!   events ───────────────────────────────────────────────────────────▶ ledger
//!      ▲                                                                  │
//!      └──────────────────────────────────────────────────────────────────┘
//!              a pause of 30 s, doubled each time up to 8 min: `Order::Restore`
//! ```
//!
//! While a file's events are dropped nobody knows what they would cost, so trying is the only
//! way back. Each try costs at most one window's share, and the pauses double, so an executable
//! that stays too busy costs ever less. One that keeps within its share for ten windows begins
//! with the first pause again.
//!
//! The ledger probes are never dropped: the contract bounds their rate.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::discover::FileId;

const WINDOW_NS: u64 = 10_000_000_000;
const FIRST_PAUSE_NS: u64 = 30_000_000_000;
const LONGEST_PAUSE_NS: u64 = 480_000_000_000;
/// After so long within its share a file's history is forgotten.
const CALM_NS: u64 = 10 * WINDOW_NS;

/// What is to be done with the event probes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Detach them.
    Drop(FileId),
    /// Attach them again.
    Restore(FileId),
}

/// The governor.
#[derive(Debug)]
pub(super) struct Governor {
    /// Of one core; 0 lets everything pass.
    share: f64,
    files: HashMap<FileId, Burden>,
}

#[derive(Debug)]
struct Burden {
    /// Boot time and nanoseconds spent, of the last window; empty while dropped.
    spent: VecDeque<(u64, f64)>,
    /// When the events are attached again, if they are dropped.
    until_ns: Option<u64>,
    /// When they were last attached.
    since_ns: u64,
    next_pause_ns: u64,
}

impl Governor {
    pub(super) fn new(share: f64) -> Self {
        let files = HashMap::new();
        Self { share, files }
    }

    /// Takes what each file's event probes cost since the last look, in nanoseconds. Times never
    /// go back.
    pub(super) fn look(&mut self, now_ns: u64, spent: &HashMap<FileId, f64>) -> Vec<Order> {
        if self.share <= 0.0 {
            return Vec::new();
        }
        for (id, ns) in spent {
            let burden = self.files.entry(*id).or_insert_with(|| Burden::new(now_ns));
            burden.spent.push_back((now_ns, *ns));
        }
        let budget_ns = self.share * WINDOW_NS as f64;
        let files = self.files.iter_mut();
        files
            .filter_map(|(id, burden)| burden.look(*id, now_ns, budget_ns))
            .collect()
    }

    /// The file's event probes are dropped.
    pub(super) fn is_dropped(&self, id: FileId) -> bool {
        self.files
            .get(&id)
            .is_some_and(|burden| burden.until_ns.is_some())
    }

    /// `parkwatch_observer_governor_state`: 0 nothing is dropped, 1 the events of some file are.
    pub(super) fn state(&self) -> u8 {
        self.files
            .values()
            .any(|burden| burden.until_ns.is_some())
            .into()
    }

    /// Forgets the files that are not attached and whose pause is over.
    pub(super) fn retain(&mut self, now_ns: u64, attached: &HashSet<FileId>) {
        self.files.retain(|id, burden| {
            attached.contains(id) || burden.until_ns.is_some_and(|until_ns| now_ns < until_ns)
        });
    }
}

impl Burden {
    fn new(now_ns: u64) -> Self {
        Self {
            spent: VecDeque::new(),
            until_ns: None,
            since_ns: now_ns,
            next_pause_ns: FIRST_PAUSE_NS,
        }
    }

    fn look(&mut self, id: FileId, now_ns: u64, budget_ns: f64) -> Option<Order> {
        if let Some(until_ns) = self.until_ns {
            // Hits from before the detaching may still come in.
            self.spent.clear();
            return (now_ns >= until_ns).then(|| {
                self.until_ns = None;
                self.since_ns = now_ns;
                Order::Restore(id)
            });
        }
        let is_over = |(at_ns, _): &(u64, f64)| at_ns.saturating_add(WINDOW_NS) <= now_ns;
        while self.spent.front().is_some_and(is_over) {
            self.spent.pop_front();
        }
        let spent_ns: f64 = self.spent.iter().map(|(_, ns)| ns).sum();
        if spent_ns <= budget_ns {
            return None;
        }
        if now_ns.saturating_sub(self.since_ns) >= CALM_NS {
            self.next_pause_ns = FIRST_PAUSE_NS;
        }
        self.until_ns = Some(now_ns + self.next_pause_ns);
        self.next_pause_ns = (2 * self.next_pause_ns).min(LONGEST_PAUSE_NS);
        Some(Order::Drop(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: u64 = 1_000_000_000;
    const SHARE: f64 = 0.05;
    const FILE: FileId = FileId {
        device: 1,
        inode: 7,
    };

    /// Looks once a second from `from` to `to`, while every second costs `share` of a core as
    /// long as the events are attached. Returns the orders with their seconds.
    fn run(governor: &mut Governor, from: u64, to: u64, share: f64) -> Vec<(u64, Order)> {
        let mut orders = Vec::new();
        for second in from..to {
            let ns = if governor.is_dropped(FILE) {
                0.0
            } else {
                share * 1e9
            };
            let given = governor.look(second * SECOND, &HashMap::from([(FILE, ns)]));
            orders.extend(given.into_iter().map(|order| (second, order)));
        }
        orders
    }

    #[test]
    fn what_keeps_within_its_share_keeps_its_events() {
        let mut governor = Governor::new(SHARE);
        assert_eq!(run(&mut governor, 0, 1_000, 0.049), []);
        assert_eq!(governor.state(), 0);
    }

    #[test]
    fn a_burst_that_the_window_can_pay_is_let_pass_and_a_longer_one_is_not() {
        let mut governor = Governor::new(SHARE);
        assert_eq!(run(&mut governor, 0, 2, 0.25), []);
        assert_eq!(run(&mut governor, 2, 60, 0.0), []);
        assert_eq!(run(&mut governor, 60, 63, 0.25), [(62, Order::Drop(FILE))]);
        assert_eq!(governor.state(), 1);
    }

    #[test]
    fn events_come_back_after_pauses_that_double_up_to_a_bound() {
        let mut governor = Governor::new(SHARE);
        let orders = run(&mut governor, 0, 2_000, 1.0);
        let dropped: Vec<u64> = orders
            .iter()
            .filter(|(_, order)| *order == Order::Drop(FILE))
            .map(|(second, _)| *second)
            .collect();
        let pauses: Vec<u64> = dropped
            .windows(2)
            .map(|pair| pair[1] - pair[0] - 1)
            .collect();
        assert_eq!(pauses, [30, 60, 120, 240, 480, 480, 480]);
    }

    #[test]
    fn a_long_calm_forgets_the_pauses() {
        let mut governor = Governor::new(SHARE);
        run(&mut governor, 0, 100, 1.0);
        assert!(!run(&mut governor, 100, 400, 0.0).is_empty(), "restored");
        let orders = run(&mut governor, 400, 432, 1.0);
        assert_eq!(
            orders,
            [
                (400, Order::Drop(FILE)),
                (430, Order::Restore(FILE)),
                (431, Order::Drop(FILE))
            ]
        );
    }

    #[test]
    fn one_file_does_not_pay_for_another() {
        let mut governor = Governor::new(SHARE);
        let calm = FileId { inode: 8, ..FILE };
        let spent = HashMap::from([(FILE, 1e9), (calm, 1e6)]);
        assert_eq!(governor.look(SECOND, &spent), [Order::Drop(FILE)]);
        assert!(!governor.is_dropped(calm));
    }

    #[test]
    fn a_share_of_0_governs_nothing() {
        let mut governor = Governor::new(0.0);
        assert_eq!(run(&mut governor, 0, 100, 5.0), []);
    }

    #[test]
    fn a_file_that_is_detached_and_attached_again_keeps_its_pause() {
        let mut governor = Governor::new(SHARE);
        run(&mut governor, 0, 1, 1.0);
        governor.retain(SECOND, &HashSet::new());
        assert!(governor.is_dropped(FILE));
        governor.retain(31 * SECOND, &HashSet::new());
        assert!(!governor.is_dropped(FILE));
    }

    proptest! {
        /// In any history no window costs more than the share and what one look brings.
        #[test]
        fn no_window_costs_more_than_its_share_and_one_look(
            costs in prop::collection::vec(0_u64..3_000_000_000, 1..200),
        ) {
            let mut governor = Governor::new(SHARE);
            let mut paid: Vec<f64> = Vec::new();
            for (second, cost) in (1_u64..).zip(costs) {
                let ns = if governor.is_dropped(FILE) { 0.0 } else { cost as f64 };
                paid.push(ns);
                governor.look(second * SECOND, &HashMap::from([(FILE, ns)]));
                let window = &paid[paid.len().saturating_sub(10)..];
                let most = window.iter().copied().fold(0.0, f64::max);
                let sum: f64 = window.iter().sum();
                prop_assert!(sum <= SHARE * WINDOW_NS as f64 + most);
            }
        }
    }
}
