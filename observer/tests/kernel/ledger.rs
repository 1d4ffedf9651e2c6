//! The ledger probes that report numbers.

use crate::{Bench, kinds};
use observer::attach::Mode;
use observer_ebpf_abi::{LedgerValue, Loss, MonitorValue, ParkedKey, SiteKey};

#[test]
fn every_argument_of_a_ledger_hit_arrives() {
    for &kind in kinds() {
        let mut bench = Bench::new(kind, Mode::Ledger);
        let site = bench.emitter.site("src/main.rs 12 9 - 0");
        bench
            .emitter
            .fire("ledger", &[site, 1 << 40, 2, 3, 4, 5, 6, 7, u64::MAX]);
        let ledgers = bench.collector.read().unwrap().ledgers;
        let key = SiteKey {
            incarnation: bench.incarnation(),
            site,
        };
        let sequence = ledgers[0].1.sequence;
        let expected = LedgerValue {
            sequence,
            spawned: 1 << 40,
            returned: 2,
            panicked: 3,
            cancelled: 4,
            parks: 5,
            yields: 6,
            growths: 7,
            stack_bytes: u64::MAX,
            sequence_end: sequence,
        };
        assert_eq!(ledgers, [(key, expected)]);
        assert_ne!(sequence, 0);
    }
}

#[test]
fn a_later_hit_replaces_an_earlier_one() {
    for &kind in kinds() {
        let mut bench = Bench::new(kind, Mode::Ledger);
        let site = bench.emitter.site("src/main.rs 12 9 - 0");
        bench.emitter.fire("ledger", &[site, 1]);
        bench.emitter.fire("ledger", &[site, 2]);
        let ledgers = bench.collector.read().unwrap().ledgers;
        assert_eq!(ledgers.len(), 1);
        assert_eq!(ledgers[0].1.spawned, 2);
    }
}

#[test]
fn all_ten_arguments_of_a_monitor_hit_arrive() {
    for &kind in kinds() {
        let mut bench = Bench::new(kind, Mode::Ledger);
        bench
            .emitter
            .fire("monitor", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        let monitors = bench.collector.read().unwrap().monitors;
        let sequence = monitors[0].1.sequence;
        let expected = MonitorValue {
            sequence,
            schema: 1,
            live: 2,
            runnable: 3,
            workers: 4,
            idle_workers: 5,
            handoffs: 6,
            steals: 7,
            stack_bytes: 8,
            stack_bytes_cached: 9,
            stall_period_ns: 10,
            sequence_end: sequence,
        };
        assert_eq!(monitors, [(bench.incarnation(), expected)]);
    }
}

#[test]
fn parked_is_kept_by_site_and_reason() {
    let mut bench = Bench::new(kinds()[0], Mode::Ledger);
    bench.emitter.fire("parked", &[4096, 2, 10, 1_000]);
    bench.emitter.fire("parked", &[4096, 5, 20, 2_000]);
    bench.emitter.fire("parked", &[4096, 2, 0, 0]);
    let incarnation = bench.incarnation();
    let mut parked = bench.collector.read().unwrap().parked;
    parked.sort_unstable_by_key(|(key, _)| *key);
    let found: Vec<_> = parked
        .iter()
        .map(|(key, value)| (*key, value.stalled, value.oldest_ns))
        .collect();
    let key = |reason| ParkedKey {
        incarnation,
        site: 4096,
        reason,
    };
    assert_eq!(found, [(key(2), 0, 0), (key(5), 20, 2_000)]);
}

#[test]
fn a_pools_counters_arrive() {
    let mut bench = Bench::new(kinds()[0], Mode::Ledger);
    let site = bench.emitter.site("src/pool.rs 3 1 buffers 0");
    bench.emitter.fire("pool", &[site, 65_536, 9, 1]);
    let pools = bench.collector.read().unwrap().pools;
    let (_, pool) = pools[0];
    assert_eq!(
        (pool.retained_bytes, pool.hits, pool.misses),
        (65_536, 9, 1)
    );
}

#[test]
fn a_sites_text_is_copied_at_its_first_hit() {
    let mut bench = Bench::new(kinds()[0], Mode::Ledger);
    let site = bench.emitter.site("src/accept.rs 120 17 acceptor 1");
    bench.emitter.fire("ledger", &[site, 1]);
    let key = SiteKey {
        incarnation: bench.incarnation(),
        site,
    };
    bench.emitter.kill();
    // The process is gone: only the copy is left.
    let text = bench.collector.site_text(bench.emitter.pid(), key).unwrap();
    assert_eq!(
        (text.file.as_str(), text.line, text.column),
        ("src/accept.rs", 120, 17)
    );
    assert_eq!(text.name.as_deref(), Some("acceptor"));
    assert!(text.is_service());
}

#[test]
fn a_long_file_name_is_cut_at_its_start_by_the_kernel_too() {
    let mut bench = Bench::new(kinds()[0], Mode::Ledger);
    for length in [1, 255, 256, 257, 1_000] {
        let file = format!("{}z", "d".repeat(length - 1));
        let site = bench
            .emitter
            .site(&format!("{file} 1 1 {} 0", "n".repeat(length)));
        bench.emitter.fire("ledger", &[site, 1]);
        let key = SiteKey {
            incarnation: bench.incarnation(),
            site,
        };
        let text = bench.collector.site_text(0, key).unwrap();
        assert_eq!(text.file, file[length.saturating_sub(256)..]);
        assert_eq!(text.name.unwrap().len(), length.min(64));
    }
}

#[test]
fn a_text_that_the_kernel_could_not_read_is_read_from_the_target() {
    let mut bench = Bench::new(kinds()[0], Mode::Ledger);
    let site = bench.emitter.hole("- 7 8 - 0");
    bench.emitter.fire("ledger", &[site, 1]);
    let key = SiteKey {
        incarnation: bench.incarnation(),
        site,
    };
    assert_eq!(bench.collector.site_text(0, key), None, "no copy was kept");
    let text = bench.collector.site_text(bench.emitter.pid(), key).unwrap();
    assert_eq!((text.line, text.column), (7, 8));
    assert!(text.file.ends_with("ELF"), "{}", text.file);
}

#[test]
fn a_hit_of_another_thread_is_recorded_and_counted() {
    let mut bench = Bench::new(kinds()[0], Mode::Ledger);
    bench.emitter.fire("monitor", &[1, 1]);
    let process = bench.collector.read().unwrap().processes[0].1;
    assert_eq!(process.monitor_tid, bench.emitter.pid());
    bench.emitter.fire_elsewhere("monitor", &[1, 2]);
    let snapshot = bench.collector.read().unwrap();
    assert_eq!(snapshot.monitors[0].1.live, 2);
    assert!(
        snapshot.losses.contains(&(Loss::ForeignThread, 1)),
        "{:?}",
        snapshot.losses
    );
}

#[test]
fn hits_are_counted_per_probe_and_some_are_timed() {
    let mut bench = Bench::new(kinds()[0], Mode::Ledger);
    bench.emitter.fire_times("monitor", 6_400, &[1]);
    let costs = bench.collector.read().unwrap().costs;
    let of = |name| {
        costs
            .iter()
            .find(|(probe, _)| probe.probe().name == name)
            .unwrap()
            .1
    };
    assert_eq!(of("monitor").hits, 6_400);
    // One in 64 on each processor on which the emitter ran.
    assert!(
        (50..=100).contains(&of("monitor").sampled),
        "{:?}",
        of("monitor")
    );
    assert!(of("monitor").sampled_ns > 0);
    assert_eq!(of("ledger").hits, 0);
}
