//! Full maps: what does not fit is counted by cause, and what is known goes on.

use crate::{Bench, kinds};
use observer::attach::Mode;
use observer_ebpf_abi::{Loss, names};

#[test]
fn a_full_ledger_counts_what_it_refuses_and_updates_what_it_has() {
    let mut bench = Bench::with_limits(
        kinds()[0],
        Mode::Ledger,
        vec![(names::LEDGER, 2), (names::SITES, 1)],
    );
    let sites: Vec<u64> = (1..=4)
        .map(|line| bench.emitter.site(&format!("src/main.rs {line} 1 - 0")))
        .collect();
    for site in &sites {
        bench.emitter.fire("ledger", &[*site, 1]);
    }
    bench.emitter.fire("ledger", &[sites[0], 5]);
    let snapshot = bench.collector.read().unwrap();
    let mut spawned: Vec<u64> = snapshot
        .ledgers
        .iter()
        .map(|(_, value)| value.spawned)
        .collect();
    spawned.sort_unstable();
    assert_eq!(spawned, [1, 5]);
    assert!(
        snapshot.losses.contains(&(Loss::Ledger, 2)),
        "{:?}",
        snapshot.losses
    );
    assert!(
        snapshot.losses.contains(&(Loss::Sites, 3)),
        "{:?}",
        snapshot.losses
    );
    let ledger = snapshot
        .map_entries
        .iter()
        .find(|map| map.map == "ledger")
        .unwrap();
    assert_eq!((ledger.entries, ledger.capacity), (2, 2));
}

#[test]
fn every_full_map_has_a_counter_of_its_own() {
    let limits = [
        names::PARKED,
        names::POOLS,
        names::COUNTS,
        names::HISTOGRAMS,
        names::REASONS,
    ];
    let limits = limits.into_iter().map(|map| (map, 1)).collect();
    let mut bench = Bench::with_limits(kinds()[0], Mode::Events, limits);
    for site in [4096, 8192] {
        bench.emitter.fire("parked", &[site, 1, 1, 1]);
        bench.emitter.fire("pool", &[site, 1, 1, 1]);
        bench.emitter.fire("park", &[site, site, 1]);
        bench.emitter.fire("unpark", &[site, site, 1]);
        bench.emitter.fire("run", &[site, site, 0, 1]);
    }
    let losses = bench.collector.read().unwrap().losses;
    for (loss, count) in [
        (Loss::Parked, 1),
        (Loss::Pool, 1),
        (Loss::Counts, 3),
        (Loss::Reasons, 1),
        // Both wakes, and the unpark whose reason had no room.
        (Loss::Histogram, 3),
    ] {
        assert!(
            losses.contains(&(loss, count)),
            "{loss:?} {count}: {losses:?}"
        );
    }
}

#[test]
fn one_process_too_many_is_counted_and_not_watched() {
    let mut bench = Bench::with_limits(kinds()[0], Mode::Ledger, vec![(names::PROCESSES, 1)]);
    let mut second = crate::emitter::Emitter::start_again(&bench.emitter.path());
    bench.emitter.fire("monitor", &[1]);
    second.fire_times("monitor", 3, &[1]);
    let snapshot = bench.collector.read().unwrap();
    assert_eq!(snapshot.monitors.len(), 1);
    assert!(
        snapshot.losses.contains(&(Loss::Processes, 3)),
        "{:?}",
        snapshot.losses
    );
}

#[test]
fn a_full_ring_counts_what_it_refuses() {
    // A ring's size is a multiple of the page; a record takes 104 bytes of it.
    let mut bench = Bench::with_limits(kinds()[0], Mode::Ledger, vec![(names::RING, 4096)]);
    bench.emitter.fire_times("stall", 1_000, &[1]);
    let losses = bench.collector.read().unwrap().losses;
    let (_, lost) = losses.iter().find(|(loss, _)| *loss == Loss::Ring).unwrap();
    // Other processes' execs may take room too.
    assert!((1_000 - 39..=1_000 + 50).contains(lost), "{lost}");
}

#[test]
fn a_burst_of_new_sites_is_stored_whole() {
    const SITES: usize = 20_000;
    let mut bench = Bench::new(kinds()[0], Mode::Events);
    for probe in ["ledger", "parked", "spawn"] {
        let answer = bench.emitter.ask(&format!("sweep {probe} {SITES}"));
        assert_eq!(answer, format!("fired {SITES}"));
    }
    let snapshot = bench.collector.read().unwrap();
    assert!(
        snapshot.losses.iter().all(|(_, count)| *count == 0),
        "{:?}",
        snapshot.losses
    );
    let (ledgers, parked) = (snapshot.ledgers.len(), snapshot.parked.len());
    assert_eq!(
        (ledgers, parked, snapshot.counts.len()),
        (SITES, SITES, SITES)
    );
    let sites = snapshot
        .map_entries
        .iter()
        .find(|map| map.map == "sites")
        .unwrap();
    assert_eq!(sites.entries, SITES as u64);
}
