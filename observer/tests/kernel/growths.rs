//! `stack_grow` beside the ledger probes, in the one process of which a storm lasts.

use std::collections::BTreeMap;

use crate::emitter::Emitter;
use crate::{Bench, kinds};
use observer::attach::Mode;
use observer::collect::Collector;
use observer_ebpf_abi::{FaultValue, Loss, names};

const SITE: u64 = 4_096;

/// What is known of instructions at which stacks grow: process, instruction, growths.
fn faults(collector: &Collector) -> BTreeMap<(u32, u64), FaultValue> {
    let faults = collector.read().expect("maps are read").faults.into_iter();
    faults
        .map(|(key, value)| {
            assert_eq!(key.site, SITE);
            let tgid = observer_ebpf_abi::incarnation_tgid(key.incarnation);
            ((tgid, key.pc), value)
        })
        .collect()
}

fn grow(emitter: &mut Emitter, times: u64, new_bytes: u64, pc: u64) {
    emitter.fire_times("stack_grow", times, &[1, SITE, 32_768, new_bytes, pc, 0, 0]);
}

#[test]
fn growths_are_armed_in_one_process_alone_and_counted_by_instruction() {
    for &kind in kinds() {
        let mut bench = Bench::new(kind, Mode::Ledger);
        let mut other = Emitter::start_again(&bench.emitter.path());
        let (carrier, pid) = (bench.emitter.carrier(), bench.emitter.pid());
        let link = bench.kernel.attach_growths(&carrier, &bench.links, pid);
        let link = link.expect("it attaches").expect("the file has it");
        assert_eq!(bench.emitter.semaphore("stack_grow"), 1, "{kind:?}");
        assert_eq!(other.semaphore("stack_grow"), 0, "{kind:?}");
        grow(&mut bench.emitter, 3, 65_536, 0x10);
        grow(&mut bench.emitter, 1, 131_072, 0x10);
        grow(&mut bench.emitter, 2, 65_536, 0x20);
        let told = |growths, widest_bytes| FaultValue {
            growths,
            widest_bytes,
        };
        let expected = BTreeMap::from([
            ((pid, 0x10), told(4, 131_072)),
            ((pid, 0x20), told(2, 65_536)),
        ]);
        assert_eq!(faults(&bench.collector), expected, "{kind:?}");
        drop(link);
        assert_eq!(bench.emitter.semaphore("stack_grow"), 0, "{kind:?}");
    }
}

#[test]
fn an_instruction_too_many_is_counted_as_lost() {
    let mut bench = Bench::with_limits(kinds()[0], Mode::Events, vec![(names::FAULTS, 1)]);
    grow(&mut bench.emitter, 2, 65_536, 0x10);
    grow(&mut bench.emitter, 3, 65_536, 0x20);
    assert_eq!(faults(&bench.collector).len(), 1);
    let snapshot = bench.collector.read().expect("maps are read");
    assert!(snapshot.losses.contains(&(Loss::Faults, 3)));
    assert_eq!(snapshot.counts[0].1.growths, 5, "the growths are");
}
