//! What is used again, what is stolen, what is trimmed, and that the counters add up.

use super::*;
use crate::primitive::static_atomic::{AtomicUsize, Ordering};
use crate::{Builder as RuntimeBuilder, Runtime, chan, spawn, yield_now};
use proptest::prelude::*;

/// The sums of this file's line.
fn sums_at(line: u32) -> PoolSums {
    let of_line = |&(site, _): &(u32, PoolSums)| {
        site::by_index(site).is_some_and(|site| {
            let place = site.to_string();
            place.contains("pool/tests.rs") && place.contains(&format!(":{line}:"))
        })
    };
    let found = sums().into_iter().find(of_line);
    found.expect("the site has a pool").1
}

#[test]
fn an_object_is_used_again_after_its_reset() {
    let pool = Pool::builder(|| vec![0_u8; 8]).reset(Vec::clear).build();
    let first = pool.get().as_ptr();
    let again = pool.get();
    assert_eq!(again.as_ptr(), first);
    assert!(again.is_empty());
    assert_ne!(pool.get().as_ptr(), first, "the first is on loan");
}

#[test]
fn an_object_can_be_kept() {
    let pool = Pool::new(String::new);
    let kept = Pooled::into_inner(pool.get());
    assert_eq!((kept.len(), pool.retained()), (0, 0));
    pool.put(kept);
    assert_eq!(pool.retained(), 1);
}

#[test]
fn what_lies_on_another_workers_shelf_is_found() {
    static MADE: AtomicUsize = AtomicUsize::new(0);
    RuntimeBuilder::new().workers(2).run(|| {
        let pool = Arc::new(Pool::new(|| MADE.fetch_add(1, Ordering::Relaxed)));
        for _ in 0..200 {
            let pool = Arc::clone(&pool);
            let user = spawn(move || {
                let object = pool.get();
                yield_now();
                *object
            });
            user.join().unwrap();
        }
    });
    // One is in use at a time, wherever it was put back.
    assert!(MADE.load(Ordering::Relaxed) <= 2, "{MADE:?} made");
}

#[test]
fn what_was_not_needed_since_the_last_trim_is_dropped() {
    let pool = Pool::new(|| 7_u32);
    let loans: Vec<_> = (0..10).map(|_| pool.get()).collect();
    drop(loans);
    pool.core.trim();
    assert_eq!(pool.retained(), 10, "all were in use before");
    let loans: Vec<_> = (0..4).map(|_| pool.get()).collect();
    drop(loans);
    pool.core.trim();
    assert_eq!(pool.retained(), 4);
    pool.core.trim();
    assert_eq!(pool.retained(), 0);
}

#[test]
fn a_shelf_holds_no_more_than_it_may() {
    let pool = Pool::builder(|| 0_u8).retain(3).build();
    (0..9).for_each(|object| pool.put(object));
    assert_eq!(pool.retained(), 3);
}

/// Says when it is dropped.
struct Announced(chan::Sender<()>);

impl Drop for Announced {
    fn drop(&mut self) {
        self.0.send(()).unwrap();
    }
}

#[test]
fn the_monitor_has_idle_pools_trimmed() {
    if cfg!(miri) {
        return;
    }
    Runtime::run(|| {
        let (dropped, drops) = chan::bounded(2);
        let pool = Pool::new(move || Announced(dropped.clone()));
        drop((pool.get(), pool.get()));
        drops.iter().take(2).for_each(drop);
        assert_eq!(pool.retained(), 0);
    });
}

#[test]
fn what_an_ended_pool_has_counted_stays() {
    let line = line!() + 1;
    let make = || Pool::builder(|| [0_u8; 100]).build();
    let first = make();
    drop((first.get(), first.get()));
    drop(first.get());
    let both = PoolSums {
        retained_bytes: 200,
        hits: 1,
        misses: 2,
    };
    assert_eq!(sums_at(line), both);
    drop(first);
    assert_eq!(
        sums_at(line),
        PoolSums {
            retained_bytes: 0,
            ..both
        }
    );
    drop(make().get());
    assert_eq!(
        sums_at(line),
        PoolSums {
            retained_bytes: 0,
            hits: 1,
            misses: 3
        }
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 256 }))]

    /// Shelves against a multiset: nothing is lost or doubled, and the counters add up.
    #[test]
    fn shelves_keep_what_they_are_given(steps in prop::collection::vec((0..4_u8, 0..8_usize), 0..80)) {
        struct Nobody;
        impl Trim for Nobody {
            fn trim(&self) {}
        }
        let nobody: Weak<Nobody> = Weak::new();
        let shelves = Shelves::new(Counters::register(u32::MAX, nobody), 5);
        let (mut inside, mut next) = (std::collections::BTreeSet::new(), 0_usize);
        for (step, place) in steps {
            match step {
                0 | 1 => {
                    let refused = shelves.put(place, Item { object: next, weight: next });
                    if refused.is_none() {
                        inside.insert(next);
                    }
                    next += 1;
                }
                2 => {
                    let taken = shelves.take(place);
                    prop_assert_eq!(taken.is_none(), inside.is_empty());
                    if let Some(item) = taken {
                        prop_assert!(inside.remove(&item.object));
                    }
                }
                _ => {
                    shelves.trim();
                    let left = shelves.len();
                    prop_assert!(left <= inside.len());
                    let mut all = Vec::new();
                    while let Some(item) = shelves.take(place) {
                        all.push(item);
                    }
                    prop_assert_eq!(all.len(), left);
                    inside = all.iter().map(|item| item.object).collect();
                    for item in all {
                        if let Some(refused) = shelves.put(item.object, item) {
                            inside.remove(&refused.object);
                        }
                    }
                }
            }
            prop_assert_eq!(shelves.len(), inside.len());
            prop_assert_eq!(shelves.counters().sums().retained_bytes, inside.iter().sum::<usize>() as u64);
        }
    }
}
