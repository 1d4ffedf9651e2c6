//! Which object pools to report: those whose sums have changed, and all in rotation.

use super::rotation::{Pace, Rotation};
use super::source::Source;
use crate::pool::PoolSums;
use std::collections::HashMap;

/// Ticks between two looks at the pools.
const LOOK_TICKS: u32 = 5;

/// The sums of every site with pools, as last read and as last reported.
#[derive(Default)]
pub(super) struct Pools {
    /// A site's place among the states.
    places: HashMap<u32, u32>,
    states: Vec<State>,
    rotation: Rotation,
}

#[derive(Clone, Copy)]
struct State {
    site: u32,
    current: PoolSums,
    reported: Option<PoolSums>,
}

impl Pools {
    /// Reads the pools now and then, and queues this tick's repeats.
    pub(super) fn look(&mut self, tick: u32, pace: Pace, source: &impl Source) {
        if tick % LOOK_TICKS == 1 {
            for (site, sums) in source.pools() {
                self.learn(site, sums);
            }
        }
        self.rotation.walk(tick, 1, pace, |_| false);
    }

    fn learn(&mut self, site: u32, sums: PoolSums) {
        let Self {
            places,
            states,
            rotation,
        } = self;
        let place = *places.entry(site).or_insert_with(|| {
            states.push(State {
                site,
                current: sums,
                reported: None,
            });
            rotation.insert(states.len() as u32 - 1);
            states.len() as u32 - 1
        });
        let state = &mut states[place as usize];
        state.current = sums;
        if state.reported != Some(sums) {
            rotation.change(place);
        }
    }

    /// The next site to report, with its sums.
    pub(super) fn next(&mut self, tick: u32) -> Option<(u32, PoolSums)> {
        let place = self.rotation.next(tick)?;
        let state = &mut self.states[place as usize];
        state.reported = Some(state.current);
        Some((state.site, state.current))
    }

    /// How many sites with pools there are.
    pub(super) fn len(&self) -> usize {
        self.states.len()
    }
}
