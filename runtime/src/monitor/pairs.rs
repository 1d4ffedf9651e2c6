//! Which (site, reason) pairs to report: how many tasks are stalled there, and since when the
//! oldest is.
//!
//! A scan counts into `building`; when it has seen every slot its counts become the current
//! ones. A pair that falls to zero is reported so, again for a rotation, and then forgotten.

use super::rotation::{Pace, Rotation};
use crate::ledger::stall::TICK_NS;
use runtime_abi::Reason;

/// Reports of a zero: the change and its repeats.
const ZEROES: u8 = 3;

const REASONS: usize = Reason::ALL.len();

/// Stalled tasks of one pair.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    /// How many.
    pub stalled: u64,
    /// How long the oldest has been parked.
    pub oldest_ns: u64,
}

/// What a scan that is under way has counted of a pair; small, there is one per stall to look at.
#[derive(Clone, Copy, Default)]
struct Building {
    stalled: u32,
    oldest_ticks: u32,
}

/// A pair's number, dense from 0: for as long as the reporter lives.
pub(super) type PairId = u32;

#[derive(Clone, Copy)]
struct Pair {
    site: u32,
    reason: Reason,
    current: Count,
    reported: u64,
    zeroes: u8,
}

/// All pairs that ever had stalled tasks.
#[derive(Default)]
pub(super) struct Pairs {
    /// The pair of a site and reason plus one; 0 if there is none yet.
    ids: Vec<u32>,
    pairs: Vec<Pair>,
    /// By pair; apart from the rest, so that a scan of a million stalls stays in the cache.
    building: Vec<Building>,
    rotation: Rotation,
}

impl Pairs {
    /// The pair of this site and reason.
    pub(super) fn id(&mut self, site: u32, reason: Reason) -> PairId {
        let place = site as usize * REASONS + reason as usize;
        if place >= self.ids.len() {
            self.ids.resize((site as usize + 1) * REASONS, 0);
        }
        if self.ids[place] == 0 {
            let current = Count::default();
            self.pairs.push(Pair {
                site,
                reason,
                current,
                reported: 0,
                zeroes: 0,
            });
            self.building.push(Building::default());
            self.ids[place] = self.pairs.len() as u32;
        }
        self.ids[place] - 1
    }

    /// Counts one stalled task into the scan that is under way.
    #[inline]
    pub(super) fn count(&mut self, id: PairId, parked_ticks: u32) {
        let building = &mut self.building[id as usize];
        building.stalled += 1;
        building.oldest_ticks = building.oldest_ticks.max(parked_ticks);
    }

    /// The scan has seen every slot: its counts are the truth now.
    pub(super) fn finish_scan(&mut self) {
        let Self {
            pairs,
            building,
            rotation,
            ..
        } = self;
        for (id, (pair, building)) in (0..).zip(pairs.iter_mut().zip(building)) {
            let counted = std::mem::take(building);
            pair.current = Count {
                stalled: u64::from(counted.stalled),
                oldest_ns: u64::from(counted.oldest_ticks) * TICK_NS,
            };
            if pair.current.stalled > 0 {
                pair.zeroes = ZEROES;
                rotation.insert(id);
            }
            if pair.current.stalled != pair.reported {
                rotation.change(id);
            }
        }
    }

    /// Queues the repeats of this tick.
    pub(super) fn walk(&mut self, tick: u32, pace: Pace) {
        self.rotation.walk(tick, 1, pace, |_| false);
    }

    /// The next pair to report.
    pub(super) fn next(&mut self, tick: u32) -> Option<(u32, Reason, Count)> {
        let id = self.rotation.next(tick)?;
        let pair = &mut self.pairs[id as usize];
        pair.reported = pair.current.stalled;
        if pair.current.stalled == 0 {
            pair.zeroes = pair.zeroes.saturating_sub(1);
            if pair.zeroes == 0 {
                self.rotation.remove(id);
            }
        }
        Some((pair.site, pair.reason, pair.current))
    }

    /// At most how many reports are waiting.
    pub(super) fn waiting(&self) -> usize {
        self.rotation.waiting()
    }

    /// How many pairs are in rotation.
    pub(super) fn len(&self) -> usize {
        self.rotation.members()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_that_falls_to_zero_is_repeated_and_then_forgotten() {
        let mut pairs = Pairs::default();
        let id = pairs.id(3, Reason::Mutex);
        pairs.count(id, 50);
        pairs.count(id, 70);
        pairs.finish_scan();
        let two = Count {
            stalled: 2,
            oldest_ns: 70 * TICK_NS,
        };
        assert_eq!(pairs.next(1), Some((3, Reason::Mutex, two)));
        assert_eq!(pairs.next(1), None);

        let mut zeroes = 0;
        for tick in 2..100 {
            pairs.finish_scan();
            pairs.walk(tick, Pace::Relaxed);
            while let Some((_, _, count)) = pairs.next(tick) {
                assert_eq!(count, Count::default());
                zeroes += 1;
            }
        }
        assert_eq!((zeroes, pairs.len()), (u32::from(ZEROES), 0));
        assert_eq!(pairs.id(3, Reason::Mutex), id);
    }

    #[test]
    fn a_pair_that_comes_back_is_reported_again() {
        let mut pairs = Pairs::default();
        for round in 0..5 {
            let id = pairs.id(0, Reason::Join);
            pairs.count(id, 9);
            pairs.finish_scan();
            assert_eq!(pairs.next(round).expect("a change").2.stalled, 1);
            pairs.finish_scan();
            assert_eq!(pairs.next(round).expect("a change").2.stalled, 0);
        }
    }
}
