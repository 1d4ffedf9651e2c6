//! Which sites to report: those whose sums have changed, growths first, and all in rotation.

use super::rotation::{Pace, Rotation};
use super::source::Source;
use crate::ledger::{Counter, Sums};

/// Sites that are summed in every tick at least, however few there are.
const LEAST_VISITS: usize = 32;

/// The sums of every site as last read and as last reported.
#[derive(Default)]
pub(super) struct Sites {
    states: Vec<State>,
    rotation: Rotation,
    growth_epoch: u64,
    live: u64,
}

#[derive(Clone, Copy, Default)]
struct State {
    current: Sums,
    reported: Sums,
}

impl Sites {
    /// Reads this tick's part of the sites, and all whose stacks have grown.
    pub(super) fn look(&mut self, tick: u32, pace: Pace, source: &impl Source) {
        self.look_for_growths(source);
        self.look_for_sites(source);
        let Self {
            states,
            rotation,
            live,
            ..
        } = self;
        rotation.walk(tick, LEAST_VISITS, pace, |site| {
            let state = &mut states[site as usize];
            state.read(source.sums(site), live);
            state.current != state.reported
        });
    }

    fn look_for_growths(&mut self, source: &impl Source) {
        let epoch = source.growth_epoch();
        if std::mem::replace(&mut self.growth_epoch, epoch) == epoch {
            return;
        }
        for site in 0..self.states.len() as u32 {
            let state = &mut self.states[site as usize];
            if source.growths(site) != state.current.get(Counter::Growths) {
                state.read(source.sums(site), &mut self.live);
                self.rotation.change_urgently(site);
            }
        }
    }

    /// Sites that were made since: read at once, so that an observer who has just come sees all.
    fn look_for_sites(&mut self, source: &impl Source) {
        for site in self.states.len() as u32..source.sites() {
            let mut state = State::default();
            state.read(source.sums(site), &mut self.live);
            let changed = state.current != state.reported;
            self.states.push(state);
            self.rotation.insert(site);
            if changed {
                self.rotation.change(site);
            }
        }
    }

    /// The next site to report, with its sums.
    pub(super) fn next(&mut self, tick: u32) -> Option<(u32, Sums)> {
        loop {
            let site = self.rotation.next(tick)?;
            let state = &mut self.states[site as usize];
            state.reported = state.current;
            if state.current != Sums::default() {
                return Some((site, state.current));
            }
        }
    }

    /// How many sites there are.
    pub(super) fn len(&self) -> usize {
        self.states.len()
    }

    /// Live tasks over all sites, as last read.
    pub(super) fn live(&self) -> u64 {
        self.live
    }
}

impl State {
    fn read(&mut self, sums: Sums, live: &mut u64) {
        *live = live
            .wrapping_add(sums.live())
            .wrapping_sub(self.current.live());
        self.current = sums;
    }
}
