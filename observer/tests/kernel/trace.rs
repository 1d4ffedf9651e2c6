//! The programs of a trace: every event of one process is one record, whole, and nobody else's is.

use crate::emitter::Emitter;
use crate::{kinds, load};
use observer::attach::{Kernel, LinkKind, Links, LoadOptions, Mode, Programs};
use observer::collect::{Collector, Ring};
use observer::sys::plain::bytes_of;
use observer_ebpf_abi::{
    Loss, Plain, RING_BYTES_UNUSED, StackRecord, TRACE_RING_BYTES, TraceFilter, TraceRecord, names,
};
use runtime_abi::ProbeId;
use tokio::runtime::{Builder, Runtime};

/// A loaded trace of an emitter.
struct Trace<R> {
    emitter: Emitter,
    kernel: Kernel,
    ring: Ring<R>,
    _links: Links,
    _reactor: Runtime,
}

impl<R: Plain> Trace<R> {
    fn start(kind: LinkKind, ring: (&'static str, u32), mode: Mode) -> Self {
        let emitter = Emitter::start();
        let mut kernel = load(LoadOptions {
            link: Some(kind),
            programs: Programs::Trace,
            max_entries: vec![ring, (names::RING, RING_BYTES_UNUSED)],
        });
        let reactor = Builder::new_current_thread()
            .enable_io()
            .build()
            .expect("a reactor");
        let ring = reactor.block_on(async { Ring::named(&mut kernel, ring.0) });
        let links = kernel.attach(&emitter.carrier(), mode).expect("attaches");
        let trace = Self {
            emitter,
            kernel,
            ring: ring.expect("a ring"),
            _links: links,
            _reactor: reactor,
        };
        trace.want(TraceFilter::default());
        trace
    }

    /// Wants this of the emitter.
    fn want(&self, filter: TraceFilter) {
        let filter = TraceFilter {
            tgid: self.emitter.pid(),
            ..filter
        };
        let maps = self.kernel.maps();
        let map = maps.get(names::TRACE_FILTER);
        map.insert(&0_u32.to_ne_bytes(), bytes_of(&filter))
            .expect("stored");
    }

    fn records(&mut self) -> Vec<R> {
        let mut records = Vec::new();
        while self.ring.take(&mut records) {}
        records
    }

    fn lost(&self) -> u64 {
        Collector::new(&self.kernel)
            .lost(Loss::Trace)
            .expect("read")
    }
}

fn events(kind: LinkKind) -> Trace<TraceRecord> {
    Trace::start(kind, (names::TRACE, TRACE_RING_BYTES), Mode::Trace)
}

#[test]
fn every_event_is_one_record_with_all_arguments_of_its_probe() {
    for &kind in kinds() {
        let mut trace = events(kind);
        for &probe in Mode::Trace.probes() {
            let arguments: Vec<u64> = (0..probe.probe().arguments.len() as u64).collect();
            let own = |argument: &u64| 1_000 * (probe as u64 + 1) + argument;
            let arguments: Vec<u64> = arguments.iter().map(own).collect();
            trace.emitter.fire_times(probe.probe().name, 3, &arguments);
            let records = trace.records();
            assert_eq!(records.len(), 3, "{kind:?} {probe:?}");
            for record in &records {
                let mut found = vec![record.task, record.site];
                found.extend(record.arguments);
                let (said, rest) = found.split_at(arguments.len());
                assert_eq!(said, arguments, "{kind:?} {probe:?}");
                assert!(
                    rest.iter().all(|argument| *argument == 0),
                    "{probe:?}: {rest:?}"
                );
                assert_eq!(record.probe, probe as u32);
                assert_ne!(record.tid, 0);
            }
            assert!(records.is_sorted_by_key(|record| record.boot_ns));
        }
        assert_eq!(trace.lost(), 0);
    }
}

#[test]
fn other_processes_tasks_and_sites_leave_no_record() {
    let mut trace = events(kinds()[0]);
    let mut other = Emitter::start_again(&trace.emitter.path());
    other.fire("spawn", &[1, 4_096, 0]);
    assert_eq!(trace.records(), []);
    trace.want(TraceFilter {
        task: 7,
        ..TraceFilter::default()
    });
    for task in [6, 7, 8] {
        trace.emitter.fire("park", &[task, 4_096, 1, 0, 0]);
    }
    let tasks: Vec<u64> = trace.records().iter().map(|record| record.task).collect();
    assert_eq!(tasks, [7]);
    trace.want(TraceFilter::default());
    let maps = trace.kernel.maps();
    let unwanted = maps.get(names::TRACE_UNWANTED);
    unwanted
        .insert(&8_192_u64.to_ne_bytes(), bytes_of(&1_u32))
        .expect("stored");
    for site in [4_096, 8_192] {
        trace.emitter.fire("exit", &[7, site, 0]);
    }
    let sites: Vec<u64> = trace.records().iter().map(|record| record.site).collect();
    assert_eq!(sites, [4_096]);
}

#[test]
fn a_full_ring_counts_what_it_refuses() {
    let ring = (names::TRACE, 4_096);
    let mut trace: Trace<TraceRecord> = Trace::start(kinds()[0], ring, Mode::Trace);
    trace.emitter.fire_times("spawn", 1_000, &[1, 4_096, 0]);
    let kept = trace.records().len() as u64;
    assert!((40..=51).contains(&kept), "{kept} of 80 bytes each");
    assert_eq!(kept + trace.lost(), 1_000);
}

#[test]
fn a_spawn_has_a_stack_that_begins_at_the_probe_and_an_exit_has_none() {
    for &kind in kinds() {
        let ring = (names::TRACE_STACKS, TRACE_RING_BYTES);
        let mut trace: Trace<StackRecord> = Trace::start(kind, ring, Mode::Lives);
        trace.want(TraceFilter {
            with_stacks: 1,
            ..TraceFilter::default()
        });
        trace.emitter.fire("spawn", &[5, 4_096, 0]);
        trace.emitter.fire("exit", &[5, 4_096, 0]);
        let records = trace.records();
        let said: Vec<_> = records
            .iter()
            .map(|record| (record.probe, record.task, record.site))
            .collect();
        let expected = [ProbeId::Spawn, ProbeId::Exit].map(|probe| (probe as u32, 5, 4_096));
        assert_eq!(said, expected, "{kind:?}");
        assert!(records[0].frame_count >= 1 && records[1].frame_count == 0);
        let maps = std::fs::read_to_string(format!("/proc/{}/maps", trace.emitter.pid()));
        let in_emitter = |line: &&str| line.contains("r-xp") && line.ends_with("/emitter");
        let maps = maps.expect("maps");
        let code = maps.lines().find(in_emitter).expect("its code");
        let (start, rest) = code.split_once('-').expect("a range");
        let end = rest.split(' ').next().expect("an end");
        let address = |text| u64::from_str_radix(text, 16).expect("an address");
        let first = records[0].frames[0];
        assert!(
            (address(start)..address(end)).contains(&first),
            "{first:#x}: {code}"
        );
    }
}
