//! What to tell observers in each tick of 100 ms: the contract's rules for the ledger probes.
//!
//! A pure struct: it reads a [`Source`] and gives back a list of [`Hit`]s; it knows no thread, no
//! clock and no probe. Everything is level-triggered: changes at once, everything else again
//! within two seconds, so that an observer who comes late, or loses hits, is right soon.
//!
//! **How many.** At most [`MAX_HITS_PER_TICK`], in the order sites, pools, pairs, ends of stalls,
//! stalls. Each group leaves a little for those after it, so none starves. Stalls get as many
//! names as can be repeated in two seconds beside the other groups; `parked` counts all.

use super::names::Name;
use super::pairs::Count;
use super::pools::Pools;
use super::rotation::Pace;
use super::scan::{Scan, Stalls, Threshold};
use super::sites::Sites;
use super::source::Source;
use crate::ledger::{Sums, stall};
use crate::pool::PoolSums;
use runtime_abi::{MAX_HITS_PER_TICK, MAX_NAMED_STALLS, Reason};

/// Hits in two seconds that can be planned with: a tenth less than the bound.
const HITS_PER_ROTATION: usize = 18 * MAX_HITS_PER_TICK;

/// Stalls that may always have a name.
const LEAST_NAMES: usize = 256;

/// Stalls that have a name at most. The contract's bound is higher, but so many names could not
/// be repeated in two seconds; and beyond a thousand or two a name more tells nobody anything,
/// while each costs a hit in every rotation: with twice as many, a process with a million stalls
/// paid more than 1 % of a core for being watched.
const MOST_NAMES: usize = HITS_PER_ROTATION / 4;

const _: () = assert!(MOST_NAMES <= MAX_NAMED_STALLS);

/// With fewer ids than this in rotation, they are repeated three times as often.
const FEW: usize = 448;

/// Ticks between two `monitor` hits.
const MONITOR_TICKS: u32 = 5;

/// What each group leaves for the groups after it, if they want it.
const LEFT_BY_SITES: usize = 96;
const LEFT_BY_PAIRS: usize = 48;
const LEFT_BY_ENDS: usize = 24;

/// Pools that are reported in one tick at most: few programs have more than a handful, and those
/// of up to 800 sites still come round in two seconds.
const MOST_POOLS: usize = 48;

/// One report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hit {
    /// The process's gauges; live tasks over all sites.
    Monitor { live: u64 },
    /// A site's counters.
    Ledger { site: u32, sums: Sums },
    /// The object pools of a site.
    Pool { site: u32, sums: PoolSums },
    /// The stalled tasks of a site and reason.
    Parked {
        site: u32,
        reason: Reason,
        count: Count,
    },
    /// A named stall is over.
    Unstall { name: Name, parked_ns: u64 },
    /// A named stall.
    Stall { name: Name, parked_ns: u64 },
}

/// Which probes have a listener: what nobody wants is not even looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    /// `ledger` or `monitor`.
    pub sums: bool,
    /// `pool`.
    pub pools: bool,
    /// `parked`, `stall` or `unstall`.
    pub stalls: bool,
}

/// What has been reported, and what is to be.
#[derive(Default)]
pub(super) struct Reporter {
    tick: u32,
    sites: Sites,
    pools: Pools,
    scan: Scan,
    stalls: Stalls,
}

impl Reporter {
    /// Looks at this tick's part of everything and appends what is to be reported now.
    pub(super) fn tick(
        &mut self,
        now_ns: u64,
        stall_period_ns: u64,
        wanted: Wanted,
        source: &impl Source,
        hits: &mut Vec<Hit>,
    ) {
        self.tick = self.tick.wrapping_add(1);
        let now_tick = stall::tick_of(now_ns);
        if wanted.sums {
            self.sites.look(self.tick, self.pace(), source);
        }
        if wanted.pools {
            self.pools.look(self.tick, self.pace(), source);
        }
        if wanted.stalls {
            let period = stall::ticks_of(stall_period_ns);
            self.look_for_stalls(
                Threshold {
                    now: now_tick,
                    period,
                },
                source,
            );
        }
        self.report(now_tick, hits);
    }

    fn look_for_stalls(&mut self, threshold: Threshold, source: &impl Source) {
        // Sites and pairs may all change every second: twice in a rotation.
        let others = 2 * (self.sites.len() + self.pools.len() + self.stalls.pairs.len());
        let left = HITS_PER_ROTATION.saturating_sub(others);
        self.stalls
            .names
            .set_capacity(left.clamp(LEAST_NAMES, MOST_NAMES));
        self.scan.look(threshold, source, &mut self.stalls);
        let pace = self.pace();
        self.stalls.pairs.walk(self.tick, pace);
        self.stalls.names.walk(self.tick, pace);
    }

    fn pace(&self) -> Pace {
        let all =
            self.sites.len() + self.pools.len() + self.stalls.pairs.len() + self.stalls.names.len();
        if all <= FEW {
            Pace::Eager
        } else {
            Pace::Relaxed
        }
    }

    fn report(&mut self, now_tick: u32, hits: &mut Vec<Hit>) {
        let tick = self.tick;
        let mut budget = MAX_HITS_PER_TICK;
        if tick % MONITOR_TICKS == 1 {
            hits.push(Hit::Monitor {
                live: self.sites.live(),
            });
            budget -= 1;
        }
        let (ends, stalls) = (
            self.stalls.names.ended_waiting(),
            self.stalls.names.waiting(),
        );
        let after_sites = self.stalls.pairs.waiting() + ends + stalls;
        let share = budget - after_sites.min(LEFT_BY_SITES);
        budget -= fill(hits, share, || {
            self.sites
                .next(tick)
                .map(|(site, sums)| Hit::Ledger { site, sums })
        });
        budget -= fill(hits, budget.min(MOST_POOLS), || {
            let (site, sums) = self.pools.next(tick)?;
            Some(Hit::Pool { site, sums })
        });
        let share = budget - (ends + stalls).min(LEFT_BY_PAIRS);
        budget -= fill(hits, share, || {
            let (site, reason, count) = self.stalls.pairs.next(tick)?;
            Some(Hit::Parked {
                site,
                reason,
                count,
            })
        });
        let share = budget - stalls.min(LEFT_BY_ENDS);
        budget -= fill(hits, share, || {
            let ended = self.stalls.names.next_ended()?;
            Some(Hit::Unstall {
                name: ended.name,
                parked_ns: ended.parked_ns,
            })
        });
        fill(hits, budget, || {
            let name = self.stalls.names.next(tick)?;
            Some(Hit::Stall {
                name,
                parked_ns: name.word.parked_ns(now_tick),
            })
        });
    }
}

/// Appends at most `share` hits; returns how many there were.
fn fill(hits: &mut Vec<Hit>, share: usize, next: impl FnMut() -> Option<Hit>) -> usize {
    let before = hits.len();
    hits.extend(std::iter::from_fn(next).take(share));
    hits.len() - before
}
