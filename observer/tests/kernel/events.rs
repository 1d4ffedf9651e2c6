//! The event probes (events mode).

use crate::{Bench, kinds};
use observer::attach::Mode;
use observer_ebpf_abi::{
    EventCounts, HISTOGRAM_PARK, HISTOGRAM_WAKE, Loss, REASON_UNKNOWN, histogram_bucket,
};

#[test]
fn every_event_is_counted_once_by_site() {
    for &kind in kinds() {
        let mut bench = Bench::new(kind, Mode::Events);
        let emitter = &mut bench.emitter;
        emitter.fire_times("spawn", 1_000, &[1, 4096, 0]);
        emitter.fire_times("run", 300, &[1, 4096, 0, 0]);
        emitter.fire_times("park", 200, &[1, 4096, 2]);
        emitter.fire_times("unpark", 150, &[1, 4096, 50]);
        emitter.fire_times("stack_grow", 4, &[1, 4096, 32_768, 65_536]);
        emitter.fire_times("stack_grow", 2, &[1, 4096, 65_536, 131_072]);
        emitter.fire_times("stack_grow", 1, &[1, 4096, 131_072, 131_073]);
        for (outcome, times) in [(0, 10), (1, 20), (2, 30), (9, 40)] {
            emitter.fire_times("exit", times, &[1, 4096, outcome]);
        }
        let counts = bench.collector.read().unwrap().counts;
        let expected = EventCounts {
            spawned: 1_000,
            exited: [10, 20, 30, 40],
            parks: 200,
            unparks: 150,
            runs: 300,
            growths: 7,
            deep_growths: 1,
        };
        assert_eq!(counts.len(), 1);
        assert_eq!(
            (counts[0].0.site, counts[0].1),
            (4096, expected),
            "{kind:?}"
        );
    }
}

#[test]
fn a_parks_duration_is_counted_under_the_reason_it_began_with() {
    let mut bench = Bench::new(kinds()[0], Mode::Events);
    let slots = [0_u64, 1, 1_023, 1_024, 5_000_000];
    for slot in slots {
        bench.emitter.fire("park", &[slot | 7 << 32, 4096, 2]);
    }
    for slot in slots {
        bench
            .emitter
            .fire("unpark", &[slot | 7 << 32, 4096, 1_500_000]);
    }
    bench.emitter.fire("unpark", &[99, 4096, 4_000]);
    let histograms = bench.collector.read().unwrap().histograms;
    let of = |reason| {
        let is_wanted = |kind: u32, found: u32| kind == HISTOGRAM_PARK && found == reason;
        histograms
            .iter()
            .find(|(key, _)| is_wanted(key.kind, key.reason))
            .unwrap()
            .1
    };
    assert_eq!(of(2).buckets[histogram_bucket(1_500_000)], 5);
    assert_eq!(of(2).sum_ns, 5 * 1_500_000);
    assert_eq!(of(REASON_UNKNOWN).buckets[histogram_bucket(4_000)], 1);
}

#[test]
fn durations_fall_into_the_contracts_buckets() {
    let mut bench = Bench::new(kinds()[0], Mode::Events);
    let durations = [1, 1_023, 1_024, 2_047, 2_048, 1 << 36, 1 << 37, u64::MAX];
    for duration in durations {
        bench.emitter.fire("run", &[1, 4096, 0, duration]);
    }
    bench.emitter.fire("run", &[1, 4096, 0, 0]);
    let histograms = bench.collector.read().unwrap().histograms;
    assert_eq!(histograms.len(), 1);
    let (key, histogram) = histograms[0];
    assert_eq!((key.kind, key.reason), (HISTOGRAM_WAKE, 0));
    let mut expected = [0; observer_ebpf_abi::HISTOGRAM_BUCKETS];
    durations
        .into_iter()
        .for_each(|duration| expected[histogram_bucket(duration)] += 1);
    assert_eq!(histogram.buckets, expected);
    assert_eq!(expected[0], 2);
    assert_eq!(*expected.last().unwrap(), 3);
}

#[test]
fn events_of_many_threads_are_all_counted() {
    let mut bench = Bench::new(kinds()[0], Mode::Events);
    let path = bench.emitter.path();
    let mut second = crate::emitter::Emitter::start_again(&path);
    std::thread::scope(|scope| {
        scope.spawn(|| bench.emitter.fire_times("spawn", 100_000, &[1, 4096, 0]));
        scope.spawn(|| second.fire_times("spawn", 100_000, &[1, 4096, 0]));
    });
    let snapshot = bench.collector.read().unwrap();
    let counts: Vec<u64> = snapshot
        .counts
        .iter()
        .map(|(_, counts)| counts.spawned)
        .collect();
    assert_eq!(counts, [100_000, 100_000]);
    assert!(
        snapshot.losses.iter().all(|(_, count)| *count == 0),
        "{:?}",
        snapshot.losses
    );
    assert!(
        snapshot
            .losses
            .iter()
            .any(|(loss, _)| *loss == Loss::Reasons)
    );
}
