//! Which stalls to report by name: as many as can be repeated in two seconds, the oldest first.
//!
//! Stalls wait as candidates until the scan has seen every slot; then the oldest of them get the
//! places that are free. A place is kept until the stall ends, which is reported once (an
//! observer who misses it notices that the name is not repeated).

use super::rotation::{Pace, Rotation};
use crate::ledger::stall::ParkWord;
use runtime_abi::Reason;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// A stall that is reported by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Name {
    /// The task's slot, and its word there while it is in this park.
    pub slot: u32,
    /// See `slot`.
    pub word: ParkWord,
    /// The task.
    pub task: u64,
    /// Its site's number.
    pub site: u32,
    /// Why it is parked.
    pub reason: Reason,
}

/// A named stall that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ended {
    /// What had stalled.
    pub name: Name,
    /// How long it had been parked when the end was seen.
    pub parked_ns: u64,
}

/// All named stalls, by place.
#[derive(Default)]
pub(super) struct Names {
    places: Vec<Option<Name>>,
    free: Vec<u32>,
    rotation: Rotation,
    ended: VecDeque<Ended>,
    /// The oldest stalls without a name, as (parked ticks, slot): the youngest on top.
    candidates: BinaryHeap<Reverse<(u32, u32)>>,
    admitted: Vec<Reverse<(u32, u32)>>,
    capacity: usize,
}

impl Names {
    /// Sets how many stalls may have a name.
    pub(super) fn set_capacity(&mut self, capacity: usize) {
        self.capacity = capacity;
    }

    /// Whether a stall that is offered can get a name at all.
    #[inline]
    pub(super) fn has_room(&self) -> bool {
        self.len() < self.capacity
    }

    /// Offers a stall for naming.
    pub(super) fn offer(&mut self, slot: u32, parked_ticks: u32) {
        let free = self.capacity.saturating_sub(self.len());
        if self.candidates.len() < free {
            self.candidates.push(Reverse((parked_ticks, slot)));
        } else if self
            .candidates
            .peek()
            .is_some_and(|youngest| youngest.0.0 < parked_ticks)
        {
            self.candidates.pop();
            self.candidates.push(Reverse((parked_ticks, slot)));
        }
    }

    /// Names the candidates, the oldest first: `describe` tells whose stall the slot's is (`None`
    /// if it has ended) and learns the place.
    pub(super) fn admit(&mut self, mut describe: impl FnMut(u32, u32) -> Option<Name>) {
        let mut admitted = std::mem::take(&mut self.admitted);
        admitted.extend(self.candidates.drain());
        admitted.sort_unstable();
        for Reverse((_, slot)) in admitted.drain(..) {
            let place = self.free.pop().unwrap_or(self.places.len() as u32);
            match describe(slot, place) {
                Some(name) => self.occupy(place, name),
                None => self.vacate(place),
            }
        }
        self.admitted = admitted;
    }

    fn occupy(&mut self, place: u32, name: Name) {
        if place as usize == self.places.len() {
            self.places.push(None);
        }
        self.places[place as usize] = Some(name);
        self.rotation.insert(place);
        self.rotation.change(place);
    }

    fn vacate(&mut self, place: u32) {
        if (place as usize) < self.places.len() {
            self.free.push(place);
        }
    }

    /// The stall at this place is over.
    pub(super) fn end(&mut self, place: u32, now_tick: u32) {
        if let Some(name) = self.places[place as usize].take() {
            let parked_ns = name.word.parked_ns(now_tick);
            self.ended.push_back(Ended { name, parked_ns });
            self.rotation.remove(place);
            self.free.push(place);
        }
    }

    /// Queues the repeats of this tick.
    pub(super) fn walk(&mut self, tick: u32, pace: Pace) {
        self.rotation.walk(tick, 1, pace, |_| false);
    }

    /// The next stall to report.
    pub(super) fn next(&mut self, tick: u32) -> Option<Name> {
        self.places[self.rotation.next(tick)? as usize]
    }

    /// The next end to report.
    pub(super) fn next_ended(&mut self) -> Option<Ended> {
        self.ended.pop_front()
    }

    /// At most how many reports of stalls are waiting.
    pub(super) fn waiting(&self) -> usize {
        self.rotation.waiting()
    }

    /// How many ends are waiting.
    pub(super) fn ended_waiting(&self) -> usize {
        self.ended.len()
    }

    /// How many stalls have a name.
    pub(super) fn len(&self) -> usize {
        self.rotation.members()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(slot: u32) -> Option<Name> {
        let word = ParkWord::default().parked(0, Reason::Mutex);
        Some(Name {
            slot,
            word,
            task: u64::from(slot) + 1,
            site: 0,
            reason: Reason::Mutex,
        })
    }

    fn reported(names: &mut Names, tick: u32) -> Vec<u32> {
        std::iter::from_fn(|| names.next(tick))
            .map(|name| name.slot)
            .collect()
    }

    #[test]
    fn the_oldest_are_named_and_reported_first() {
        let mut names = Names::default();
        names.set_capacity(3);
        for (slot, age) in [(0, 10), (1, 50), (2, 20), (3, 40), (4, 30)] {
            names.offer(slot, age);
        }
        names.admit(|slot, _| name(slot));
        assert_eq!(reported(&mut names, 1), [1, 3, 4]);
        names.offer(5, 60);
        names.admit(|slot, _| name(slot));
        assert_eq!(names.len(), 3, "names are kept while their stalls last");
    }

    #[test]
    fn a_place_that_is_free_again_is_used_again() {
        let mut names = Names::default();
        names.set_capacity(1);
        for slot in 0..4 {
            names.offer(slot, 1);
            names.admit(|slot, place| {
                assert_eq!(place, 0);
                name(slot)
            });
            assert_eq!(reported(&mut names, slot), [slot]);
            names.end(0, 5);
            assert_eq!(names.next_ended().expect("ended").name.slot, slot);
        }
    }

    #[test]
    fn a_candidate_that_went_on_gets_no_name() {
        let mut names = Names::default();
        names.set_capacity(8);
        names.offer(1, 1);
        names.offer(2, 1);
        names.admit(|slot, _| name(slot).filter(|_| slot == 2));
        assert_eq!(reported(&mut names, 1), [2]);
    }
}
