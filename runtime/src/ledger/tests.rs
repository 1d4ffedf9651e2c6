//! Exactness of the sums, with many threads.

use super::{Counter, Shard, Sums, shared, sum};
use crate::primitive::static_atomic::{AtomicBool, Ordering};
use crate::site::{Site, intern};
use std::panic::Location;
use std::sync::mpsc;
use std::thread;

const ROUNDS: u64 = if cfg!(miri) { 50 } else { 20_000 };

#[track_caller]
fn site() -> &'static Site {
    intern(Location::caller(), None, false)
}

#[test]
fn what_many_threads_count_is_summed_exactly() {
    let site = site();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let shard = Shard::register();
                for _ in 0..ROUNDS {
                    shard.add(site, Counter::Spawned, 1);
                    shard.add(site, Counter::Parks, 2);
                    shared().add(site, Counter::Yields, 1);
                    shard.add(site, Counter::StackBytes, 4_096);
                    shard.add(site, Counter::StackBytes, -4_096);
                }
                shard.retire();
            });
        }
    });
    let sums = sum(site);
    assert_eq!(sums.get(Counter::Spawned), 4 * ROUNDS);
    assert_eq!(sums.get(Counter::Parks), 8 * ROUNDS);
    assert_eq!(sums.get(Counter::Yields), 4 * ROUNDS);
    assert_eq!(sums.get(Counter::StackBytes), 0);
    assert_eq!(sums.live(), 4 * ROUNDS);
}

#[test]
fn live_is_never_negative_and_no_counter_falls_while_tasks_wander() {
    let site = site();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        // A task is counted in one shard and ends in another, or in the shared one.
        let (spawned, ready) = mpsc::sync_channel::<u64>(16);
        scope.spawn(move || {
            let shard = Shard::register();
            for task in 0..ROUNDS {
                shard.add(site, Counter::Spawned, 1);
                spawned.send(task).expect("the other end waits");
            }
            shard.retire();
        });
        scope.spawn(|| {
            let shard = Shard::register();
            for task in ready {
                match task % 3 {
                    0 => shard.add(site, Counter::Returned, 1),
                    1 => shard.add(site, Counter::Panicked, 1),
                    _ => shared().add(site, Counter::Cancelled, 1),
                }
            }
            shard.retire();
            stop.store(true, Ordering::Release);
        });
        let mut last = Sums::default();
        while !stop.load(Ordering::Acquire) {
            let sums = sum(site);
            assert!(sums.live() <= ROUNDS, "live fell below zero: {sums:?}");
            let fell = sums
                .values()
                .iter()
                .zip(last.values())
                .any(|(now, then)| *now < then);
            assert!(!fell, "{last:?}, then {sums:?}");
            last = sums;
        }
    });
    assert_eq!(sum(site).live(), 0);
    assert_eq!(sum(site).get(Counter::Spawned), ROUNDS);
}

#[test]
fn a_shard_that_is_used_again_keeps_what_was_counted_in_it() {
    let site = site();
    for _ in 0..10 {
        let shard = Shard::register();
        shard.add(site, Counter::Spawned, 1);
        shard.add(site, Counter::Returned, 1);
        shard.retire();
    }
    assert_eq!(sum(site).values()[..2], [10, 10]);
}

#[test]
fn a_growth_moves_the_epoch_whoever_counts_it() {
    let site = site();
    let before = super::growth_epoch();
    let shard = Shard::register();
    shard.add(site, Counter::Growths, 1);
    shared().add(site, Counter::Growths, 1);
    shard.retire();
    assert!(super::growth_epoch() >= before + 2);
    assert_eq!(sum(site).get(Counter::Growths), 2);
    assert_eq!(site.shared_row().read(Counter::Growths), 2);
}

#[test]
fn stack_bytes_that_are_given_back_elsewhere_are_not_negative() {
    let site = site();
    shared().add(site, Counter::StackBytes, -64);
    assert_eq!(sum(site).get(Counter::StackBytes), 0);
    shared().add(site, Counter::StackBytes, 65);
    assert_eq!(sum(site).get(Counter::StackBytes), 1);
}
