//! What is to be reported next: changes at once, everything again and again.
//!
//! Ids (of sites, of (site, reason) pairs, of named stalls) stand in a ring that is walked once
//! in six ticks. A walk puts those whose last report is too old into the queue of repeats;
//! whoever sees a change puts the id into the queue of changes, which is served first. So an id
//! is queued at most three walks, 18 ticks, after its last report, which leaves two for waiting
//! in the queue.
//!
//! Ids are dense and reused. An id that was removed may still stand in a queue or in the ring;
//! it is dropped when it is met.

use std::collections::VecDeque;

/// Ticks in which every member of the ring is visited once.
pub(super) const LONGEST_WALK: u32 = 6;

/// How old a report may be before a visit repeats it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// Repeat at about every visit: few ids, so that late observers see them sooner.
    Eager,
    /// Repeat at every third visit.
    Relaxed,
}

impl Pace {
    const fn ticks(self) -> u32 {
        match self {
            Self::Eager => LONGEST_WALK - 1,
            Self::Relaxed => 2 * LONGEST_WALK + 1,
        }
    }
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Queued {
    #[default]
    No,
    Repeat,
    Change,
}

#[derive(Clone, Copy, Default)]
struct Item {
    member: bool,
    in_ring: bool,
    queued: Queued,
    reported_tick: u32,
}

/// The ring and its two queues.
#[derive(Default)]
pub(super) struct Rotation {
    items: Vec<Item>,
    ring: VecDeque<u32>,
    changes: VecDeque<u32>,
    repeats: VecDeque<u32>,
    members: usize,
    /// Visits a tick, and until when they may not become fewer.
    visits: usize,
    visits_until: u32,
}

impl Rotation {
    /// Makes the id a member, to be visited from now on.
    pub(super) fn insert(&mut self, id: u32) {
        let index = id as usize;
        if index >= self.items.len() {
            self.items.resize(index + 1, Item::default());
        }
        let item = &mut self.items[index];
        self.members += usize::from(!item.member);
        item.member = true;
        if !item.in_ring {
            item.in_ring = true;
            self.ring.push_back(id);
        }
    }

    /// Removes the id: it is neither visited nor reported any more.
    pub(super) fn remove(&mut self, id: u32) {
        let item = &mut self.items[id as usize];
        self.members -= usize::from(item.member);
        item.member = false;
        item.queued = Queued::No;
    }

    /// How many members there are.
    pub(super) fn members(&self) -> usize {
        self.members
    }

    /// At most how many reports are waiting.
    pub(super) fn waiting(&self) -> usize {
        self.changes.len() + self.repeats.len()
    }

    /// Reports the member soon: it has changed.
    pub(super) fn change(&mut self, id: u32) {
        let item = &mut self.items[id as usize];
        if item.queued != Queued::Change {
            item.queued = Queued::Change;
            self.changes.push_back(id);
        }
    }

    /// Reports the member before all others.
    pub(super) fn change_urgently(&mut self, id: u32) {
        self.items[id as usize].queued = Queued::Change;
        self.changes.push_front(id);
    }

    /// Walks this tick's part of the ring, at least `least` members of it. `visit` says whether
    /// the member has changed; those that have not are repeated if it is time.
    pub(super) fn walk(
        &mut self,
        tick: u32,
        least: usize,
        pace: Pace,
        mut visit: impl FnMut(u32) -> bool,
    ) {
        for _ in 0..self.visits(tick, least) {
            let Some(id) = self.ring.pop_front() else {
                return;
            };
            let item = &mut self.items[id as usize];
            if !item.member {
                item.in_ring = false;
                continue;
            }
            self.ring.push_back(id);
            if visit(id) {
                self.change(id);
            } else if item.queued == Queued::No
                && tick.wrapping_sub(item.reported_tick) >= pace.ticks()
            {
                item.queued = Queued::Repeat;
                self.repeats.push_back(id);
            }
        }
    }

    /// Enough to come round in [`LONGEST_WALK`] ticks, also while the ring shrinks.
    fn visits(&mut self, tick: u32, least: usize) -> usize {
        let wanted = self.ring.len().div_ceil(LONGEST_WALK as usize).max(least);
        if wanted >= self.visits || tick.wrapping_sub(self.visits_until) < u32::MAX / 2 {
            self.visits = wanted;
            self.visits_until = tick.wrapping_add(LONGEST_WALK);
        }
        self.visits.min(self.ring.len())
    }

    /// The next to report, if any; it counts as reported in this tick.
    pub(super) fn next(&mut self, tick: u32) -> Option<u32> {
        while let Some((id, queue)) = self.pop() {
            let item = &mut self.items[id as usize];
            if item.queued == queue {
                item.queued = Queued::No;
                item.reported_tick = tick;
                return Some(id);
            }
        }
        None
    }

    fn pop(&mut self) -> Option<(u32, Queued)> {
        let change = self.changes.pop_front().map(|id| (id, Queued::Change));
        change.or_else(|| self.repeats.pop_front().map(|id| (id, Queued::Repeat)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(rotation: &mut Rotation, tick: u32) -> Vec<u32> {
        std::iter::from_fn(|| rotation.next(tick)).collect()
    }

    #[test]
    #[cfg_attr(miri, ignore = "a thousand members take minutes there")]
    fn every_member_is_repeated_within_eighteen_ticks() {
        for pace in [Pace::Eager, Pace::Relaxed] {
            let mut rotation = Rotation::default();
            (0..1_000).for_each(|id| rotation.insert(id));
            let mut last = vec![0_u32; 1_000];
            for tick in 1..200 {
                rotation.walk(tick, 1, pace, |_| false);
                for id in drain(&mut rotation, tick) {
                    last[id as usize] = tick;
                }
                let oldest = tick - last.iter().min().expect("a thousand");
                assert!(oldest <= 18, "{pace:?}: {oldest} ticks at tick {tick}");
            }
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "a thousand members take minutes there")]
    fn members_are_repeated_in_time_while_others_leave() {
        let mut rotation = Rotation::default();
        (0..900).for_each(|id| rotation.insert(id));
        let mut last = 0;
        for tick in 1..60 {
            (0..30).for_each(|i| rotation.remove((tick * 30 + i) % 899));
            rotation.walk(tick, 1, Pace::Relaxed, |_| false);
            if drain(&mut rotation, tick).contains(&899) {
                last = tick;
            }
            assert!(tick - last <= 18, "{last} at tick {tick}");
        }
    }

    #[test]
    fn changes_come_before_repeats_and_urgent_ones_before_all() {
        let mut rotation = Rotation::default();
        (0..4).for_each(|id| rotation.insert(id));
        rotation.walk(100, 4, Pace::Relaxed, |id| id == 2);
        rotation.change(3);
        rotation.change_urgently(1);
        assert_eq!(drain(&mut rotation, 100), [1, 2, 3, 0]);
    }

    #[test]
    fn a_removed_id_is_not_reported() {
        let mut rotation = Rotation::default();
        (0..3).for_each(|id| rotation.insert(id));
        (0..3).for_each(|id| rotation.change(id));
        rotation.remove(1);
        assert_eq!(drain(&mut rotation, 1), [0, 2]);
        assert_eq!(rotation.members(), 2);
    }
}
