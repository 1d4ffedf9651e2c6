//! The reporter against a made-up process, under any history.
//!
//! The receiver in these tests is as forgetful as a real one may be: it begins when the history
//! has ended, so all that it knows comes from repeats.

mod model;

use super::names::Name;
use super::pairs::Count;
use super::reporter::{Hit, Reporter, Wanted};
use super::source::Source;
use crate::ledger::{COUNTERS, Counter, Sums};
use crate::pool::PoolSums;
use model::{Model, Slot};
use proptest::prelude::*;
use runtime_abi::{Class, MAX_HITS_PER_TICK, Reason};
use std::collections::{BTreeMap, BTreeSet};

const TICK_NS: u64 = 100_000_000;
const STALL_PERIOD_NS: u64 = 1_000_000_000;
const WANTED: Wanted = Wanted {
    sums: true,
    pools: true,
    stalls: true,
};

/// Two seconds.
const ROTATION: u32 = 20;

/// What an observer knows.
#[derive(Debug, Default, PartialEq)]
struct Picture {
    ledger: BTreeMap<u32, Sums>,
    pools: BTreeMap<u32, PoolSums>,
    parked: BTreeMap<(u32, Reason), u64>,
    stalls: BTreeSet<u64>,
    live: u64,
}

impl Picture {
    fn of(model: &Model) -> Self {
        let mut picture = Self::default();
        for site in 0..model.sites() {
            let sums = model.sums(site);
            picture.live += sums.live();
            if sums != Sums::default() {
                picture.ledger.insert(site, sums);
            }
        }
        picture.pools = model.pools.iter().copied().collect();
        for (slot, reason) in model.stalled() {
            *picture.parked.entry((slot.site, reason)).or_default() += 1;
            let service = slot.site % 2 == 1;
            let named = match reason.class() {
                Class::Blocked => true,
                Class::Waiting => !service,
                Class::Idle => false,
            };
            if named {
                picture.stalls.insert(slot.task);
            }
        }
        picture
    }

    fn receive(&mut self, hit: Hit) {
        match hit {
            Hit::Monitor { live } => self.live = live,
            Hit::Ledger { site, sums } => {
                self.ledger.insert(site, sums);
            }
            Hit::Pool { site, sums } => {
                self.pools.insert(site, sums);
            }
            Hit::Parked {
                site,
                reason,
                count: Count { stalled: 0, .. },
            } => {
                self.parked.remove(&(site, reason));
            }
            Hit::Parked {
                site,
                reason,
                count,
            } => {
                self.parked.insert((site, reason), count.stalled);
            }
            Hit::Unstall { name, .. } => {
                self.stalls.remove(&name.task);
            }
            Hit::Stall { name, .. } => {
                self.stalls.insert(name.task);
            }
        }
    }
}

struct Run {
    model: Model,
    reporter: Reporter,
    hits: Vec<Hit>,
}

impl Run {
    fn new(model: Model) -> Self {
        Self {
            model,
            reporter: Reporter::default(),
            hits: Vec::new(),
        }
    }

    fn tick(&mut self) -> &[Hit] {
        self.model.now_ns += TICK_NS;
        self.hits.clear();
        let Self {
            model,
            reporter,
            hits,
        } = self;
        reporter.tick(model.now_ns, STALL_PERIOD_NS, WANTED, model, hits);
        assert!(hits.len() <= MAX_HITS_PER_TICK, "{} hits", hits.len());
        assert!(hits.is_sorted_by_key(order), "{hits:?}");
        hits
    }

    fn ticks(&mut self, count: u32) -> Picture {
        let mut picture = Picture::default();
        for _ in 0..count {
            self.tick().iter().for_each(|&hit| picture.receive(hit));
        }
        picture
    }
}

/// The contract's order within a tick.
fn order(hit: &Hit) -> u32 {
    match hit {
        Hit::Monitor { .. } => 0,
        Hit::Ledger { .. } => 1,
        Hit::Pool { .. } => 2,
        Hit::Parked { .. } => 3,
        Hit::Unstall { .. } => 4,
        Hit::Stall { .. } => 5,
    }
}

#[derive(Clone, Debug)]
enum Step {
    Count(usize, usize, u64),
    Site,
    Pool(usize, PoolSums),
    Slots(usize),
    Park(usize, u32, Reason),
    Unpark(usize),
    Ticks(u32),
}

fn step() -> impl Strategy<Value = Step> {
    let index = any::<usize>;
    prop_oneof![
        4 => (index(), 0..COUNTERS, 1..9_u64).prop_map(|(s, c, n)| Step::Count(s, c, n)),
        1 => Just(Step::Site),
        1 => (0..60_usize, 0..9_u64, 0..9_u64).prop_map(|(place, hits, misses)| {
            Step::Pool(place, PoolSums { retained_bytes: hits ^ misses, hits, misses })
        }),
        1 => (1..40_usize).prop_map(Step::Slots),
        6 => (index(), any::<u32>(), 0..16_u64)
            .prop_map(|(slot, site, r)| Step::Park(slot, site, Reason::from_code(r).unwrap())),
        3 => index().prop_map(Step::Unpark),
        2 => (1..15_u32).prop_map(Step::Ticks),
    ]
}

const ALL_COUNTERS: [Counter; COUNTERS] = [
    Counter::Spawned,
    Counter::Returned,
    Counter::Panicked,
    Counter::Cancelled,
    Counter::Parks,
    Counter::Yields,
    Counter::Growths,
    Counter::StackBytes,
];

fn take(run: &mut Run, step: Step) {
    let model = &mut run.model;
    let (sites, slots) = (model.sites.len(), model.slots.len());
    match step {
        Step::Count(site, counter, delta) => {
            // No exit without its spawn.
            model.count(site % sites, Counter::Spawned, delta);
            model.count(site % sites, ALL_COUNTERS[counter], delta);
        }
        Step::Site => model.sites.push([0; COUNTERS]),
        Step::Pool(place, sums) => match model.pools.get_mut(place) {
            Some(pool) => pool.1 = sums,
            None => model.pools.push((model.pools.len() as u32, sums)),
        },
        Step::Slots(more) => model.slots.resize(slots + more, Slot::default()),
        Step::Park(slot, site, reason) => model.park(slot % slots, site % sites as u32, reason),
        Step::Unpark(slot) => model.unpark(slot % slots),
        Step::Ticks(count) => drop(run.ticks(count)),
    }
}

/// Steps of one history; Miri takes a second for each.
const MOST_STEPS: usize = if cfg!(miri) { 12 } else { 200 };

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 1 } else { 256 }))]

    #[test]
    fn two_seconds_after_the_last_change_a_new_observer_knows_everything(
        steps in prop::collection::vec(step(), 0..MOST_STEPS)
    ) {
        let mut run = Run::new(Model::with(3, 20));
        steps.into_iter().for_each(|step| take(&mut run, step));
        run.model.freeze();
        // Changes are noticed in the first second of these two, repeats need both.
        let late = run.ticks(ROTATION);
        prop_assert_eq!(&late, &Picture::of(&run.model));
        // And one who comes later still, while nothing happens.
        let later = run.ticks(ROTATION);
        prop_assert_eq!(&later, &Picture::of(&run.model));
    }

    #[test]
    fn an_observer_who_was_there_all_the_time_is_never_left_with_an_old_number(
        steps in prop::collection::vec(step(), 0..MOST_STEPS)
    ) {
        let mut run = Run::new(Model::with(3, 20));
        let mut picture = Picture::default();
        for step in steps {
            if let Step::Ticks(count) = step {
                for _ in 0..count {
                    run.tick().iter().for_each(|&hit| picture.receive(hit));
                }
            } else {
                take(&mut run, step);
            }
        }
        run.model.freeze();
        for _ in 0..ROTATION {
            run.tick().iter().for_each(|&hit| picture.receive(hit));
        }
        prop_assert_eq!(&picture, &Picture::of(&run.model));
    }
}

#[test]
#[cfg_attr(miri, ignore = "thousands of sites take minutes there")]
fn four_thousand_sites_that_all_change_are_each_reported_every_second() {
    let mut run = Run::new(Model::with(4_096, 0));
    let mut last = vec![0; 4_096];
    for tick in 1..=60_u32 {
        (0..4_096).for_each(|site| run.model.count(site, Counter::Spawned, 1));
        for hit in run.tick() {
            if let Hit::Ledger { site, .. } = hit {
                last[*site as usize] = tick;
            }
        }
        let oldest = tick - last.iter().min().expect("sites");
        assert!(oldest <= 10, "{oldest} ticks at tick {tick}");
    }
}

#[test]
#[cfg_attr(miri, ignore = "thousands of sites take minutes there")]
fn four_thousand_still_sites_with_stalls_are_all_repeated_in_two_seconds() {
    let count = 4_096;
    let mut run = Run::new(Model::with(count, count));
    for site in 0..count {
        run.model.count(site, Counter::Spawned, 2);
        run.model.park(site, site as u32, Reason::Mutex);
    }
    drop(run.ticks(2 * ROTATION));
    let mut last = BTreeMap::new();
    for tick in 0..6 * ROTATION {
        for &hit in run.tick() {
            if let Some(before) = last.insert(subject(hit), tick) {
                assert!(
                    tick - before <= ROTATION,
                    "{hit:?}: {} ticks",
                    tick - before
                );
            }
        }
    }
    let told = |kind| last.keys().filter(|subject| subject.0 == kind).count();
    assert_eq!((told(1), told(3)), (count, count));
    assert!((256..=count).contains(&told(5)), "{} names", told(5));
}

/// What a hit is about.
fn subject(hit: Hit) -> (u32, u64) {
    let id = match hit {
        Hit::Monitor { .. } => 0,
        Hit::Ledger { site, .. } | Hit::Pool { site, .. } | Hit::Parked { site, .. } => {
            u64::from(site)
        }
        Hit::Unstall { name, .. } | Hit::Stall { name, .. } => name.task,
    };
    (order(&hit), id)
}

#[test]
#[cfg_attr(miri, ignore = "thousands of sites take minutes there")]
fn a_growth_is_reported_in_the_next_tick_among_thousands_of_sites() {
    let mut run = Run::new(Model::with(4_000, 0));
    (0..4_000).for_each(|site| run.model.count(site, Counter::Spawned, 1));
    drop(run.ticks(2 * ROTATION));
    for site in [0, 1_999, 3_999] {
        run.model.count(site, Counter::Growths, 7);
        let first = run
            .tick()
            .iter()
            .find(|hit| matches!(hit, Hit::Ledger { .. }))
            .copied();
        let sums = run.model.sums(site as u32);
        assert_eq!(
            first,
            Some(Hit::Ledger {
                site: site as u32,
                sums
            })
        );
    }
}

#[test]
#[cfg_attr(miri, ignore = "thousands of sites take minutes there")]
fn beyond_the_names_that_fit_the_numbers_are_still_right() {
    let slots = 100_000;
    let mut run = Run::new(Model::with(2, slots));
    (0..slots).for_each(|slot| run.model.park(slot, 0, Reason::Semaphore));
    let picture = run.ticks(3 * ROTATION);
    assert_eq!(picture.parked[&(0, Reason::Semaphore)], slots as u64);
    let named = run.ticks(ROTATION).stalls.len();
    assert!(
        (2_000..=65_536).contains(&named),
        "{named} names, each repeated in two seconds"
    );
}

#[test]
fn a_named_stall_that_ends_is_told_once_with_its_age() {
    let mut run = Run::new(Model::with(1, 1));
    run.model.park(0, 0, Reason::Mutex);
    drop(run.ticks(ROTATION));
    run.model.unpark(0);
    let mut ends = Vec::new();
    for _ in 0..ROTATION {
        ends.extend(run.tick().iter().filter_map(|hit| match hit {
            Hit::Unstall {
                name: Name { task, reason, .. },
                parked_ns,
            } => Some((*task, *reason, *parked_ns)),
            _ => None,
        }));
    }
    assert_eq!(
        ends,
        [(1 << 32, Reason::Mutex, u64::from(ROTATION + 1) * TICK_NS)]
    );
}
