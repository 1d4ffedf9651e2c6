//! Incarnations: what begins one, what ends one, what is left behind.

use crate::{Bench, eventually, incarnation, kinds};
use observer::attach::Mode;
use observer_ebpf_abi::incarnation_tgid;

#[test]
fn an_exit_takes_the_process_away() {
    let mut bench = Bench::new(kinds()[0], Mode::Ledger);
    bench.emitter.fire("monitor", &[1]);
    let (pid, first) = (bench.emitter.pid(), bench.incarnation());
    assert_eq!(incarnation_tgid(first), pid);
    bench.emitter.kill();
    let Bench { collector, .. } = bench;
    eventually("the entry goes", || incarnation(&collector, pid).is_none());
}

#[test]
fn an_exec_ends_the_incarnation_and_the_next_hit_begins_another() {
    let mut bench = Bench::new(kinds()[0], Mode::Ledger);
    bench.emitter.fire("monitor", &[1, 1]);
    let first = bench.incarnation();
    bench.emitter.send("exec");
    bench.emitter.wait_until_ready();
    assert_eq!(incarnation(&bench.collector, bench.emitter.pid()), None);
    bench.emitter.fire("monitor", &[1, 2]);
    let second = bench.incarnation();
    assert_ne!(first, second);
    let mut live: Vec<_> = bench.collector.read().unwrap().monitors;
    live.sort_unstable_by_key(|(incarnation, _)| *incarnation);
    let live: Vec<_> = live.iter().map(|(key, value)| (*key, value.live)).collect();
    assert_eq!(live, [(first, 1), (second, 2)]);
}

#[test]
fn what_is_forgotten_is_gone_from_every_map_and_nothing_else_is() {
    let mut bench = Bench::new(kinds()[0], Mode::Events);
    fire_everything(&mut bench);
    let first = bench.incarnation();
    bench.emitter.send("exec");
    bench.emitter.wait_until_ready();
    fire_everything(&mut bench);
    let second = bench.incarnation();
    // All maps but the processes', from which exec took the first.
    assert_eq!(bench.collector.forget(first).unwrap(), 11);
    let snapshot = bench.collector.read().unwrap();
    let entries: Vec<_> = snapshot
        .map_entries
        .iter()
        .map(|map| (map.map, map.entries))
        .collect();
    assert!(
        entries.iter().all(|(map, count)| *count == expected(map)),
        "{entries:?}"
    );
    assert_eq!(snapshot.ledgers[0].0.incarnation, second);
    assert_eq!(bench.collector.forget(second).unwrap(), 12);
    let empty = bench.collector.read().unwrap();
    assert!(
        empty.map_entries.iter().all(|map| map.entries == 0),
        "{:?}",
        empty.map_entries
    );
}

/// One entry in every map, and two sites: a ledger's and a pool's share one record.
fn fire_everything(bench: &mut Bench) {
    let emitter = &mut bench.emitter;
    let site = emitter.site("src/main.rs 1 1 - 0");
    emitter.fire("ledger", &[site, 1]);
    emitter.fire("pool", &[site, 1]);
    emitter.fire("parked", &[site, 2, 1, 1]);
    emitter.fire("monitor", &[1]);
    emitter.fire("stall", &[1, site, 2, 0, 0, 1, 0x10, 0, 0]);
    emitter.fire("park", &[1, site, 2]);
    emitter.fire("unpark", &[1, site, 5]);
    emitter.fire("run", &[1, site, 0, 5]);
    emitter.fire("stack_grow", &[1, site, 32_768, 65_536, 0x10, 0, 0]);
}

fn expected(map: &str) -> u64 {
    // Parks and wakes have a histogram each.
    if map == "histograms" { 2 } else { 1 }
}
