//! The programs of a trace: every event of one process is one record, whole, and nobody else's is.

use crate::emitter::Emitter;
use crate::{kinds, load};
use observer::attach::{Kernel, LinkKind, Links, LoadOptions, Mode, Programs};
use observer::collect::{Collector, Ring};
use observer::sys::plain::{bytes_of, from_bytes};
use observer::trace::{Life, Session, Wanted};
use observer_ebpf_abi::{
    CopyRecord, Loss, Plain, RING_BYTES_UNUSED, StackRecord, TRACE_RING_BYTES,
    TRACE_STACKS_RING_BYTES, TraceFilter, TraceRecord, names,
};
use runtime_abi::ProbeId;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use tokio::runtime::{Builder, Runtime};

/// A loaded trace of an emitter.
struct Trace<R: ?Sized> {
    emitter: Emitter,
    kernel: Kernel,
    ring: Ring<R>,
    _links: Links,
    _reactor: Runtime,
}

impl<R: ?Sized> Trace<R> {
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

    fn lost(&self) -> u64 {
        Collector::new(&self.kernel)
            .lost(Loss::Trace)
            .expect("read")
    }
}

impl<R: Plain> Trace<R> {
    fn records(&mut self) -> Vec<R> {
        let mut records = Vec::new();
        while self.ring.take(&mut records) {}
        records
    }
}

impl Trace<[u8]> {
    fn records(&mut self) -> Vec<Vec<u8>> {
        let mut records = Vec::new();
        while self.ring.each(1, |record| records.push(record.to_vec())) {}
        records
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

fn stacks(kind: LinkKind) -> Trace<[u8]> {
    let ring = (names::TRACE_STACKS, TRACE_STACKS_RING_BYTES);
    let trace: Trace<[u8]> = Trace::start(kind, ring, Mode::Lives);
    trace.want(TraceFilter {
        with_stacks: 1,
        ..TraceFilter::default()
    });
    trace
}

/// The part of a stack's record that says whose it is.
fn said(record: &StackRecord) -> (u32, u64, u64) {
    (record.probe, record.task, record.site)
}

#[test]
fn a_spawn_has_a_stack_that_begins_at_the_probe_and_an_exit_has_none() {
    for &kind in kinds() {
        let mut trace = stacks(kind);
        trace.emitter.fire("spawn", &[5, 4_096, 0]);
        trace.emitter.fire("exit", &[5, 4_096, 0]);
        let records = trace.records();
        let spawn: CopyRecord = from_bytes(&records[0]);
        let exit: StackRecord = from_bytes(&records[1]);
        let expected = [ProbeId::Spawn, ProbeId::Exit].map(|probe| (probe as u32, 5, 4_096));
        assert_eq!([said(&spawn.stack), said(&exit)], expected, "{kind:?}");
        assert!(spawn.stack.frame_count >= 1 && exit.frame_count == 0);
        let maps = std::fs::read_to_string(format!("/proc/{}/maps", trace.emitter.pid()));
        let in_emitter = |line: &&str| line.contains("r-xp") && line.ends_with("/emitter");
        let maps = maps.expect("maps");
        let code = maps.lines().find(in_emitter).expect("its code");
        let (start, rest) = code.split_once('-').expect("a range");
        let end = rest.split(' ').next().expect("an end");
        let address = |text| u64::from_str_radix(text, 16).expect("an address");
        let first = spawn.stack.frames[0];
        assert_eq!(spawn.pc, first);
        assert!(
            (address(start)..address(end)).contains(&first),
            "{first:#x}: {code}"
        );
    }
}

#[test]
fn a_stack_is_copied_until_its_key_is_known() {
    for &kind in kinds() {
        let mut trace = stacks(kind);
        trace.emitter.fire("spawn", &[5, 4_096, 0]);
        let first: CopyRecord = from_bytes(&trace.records()[0]);
        // The emitter waits for its next command: what lies above the frames that it made for this
        // one is as it was.
        let unchanged = first.sp + 512..first.start + first.copied;
        let memory = memory_of(trace.emitter.pid(), &unchanged);
        assert!(memory.iter().any(|byte| *byte != 0), "{unchanged:x?}");
        let in_copy = |address| usize::try_from(address - first.start).expect("an offset");
        let copy = &first.bytes[in_copy(unchanged.start)..in_copy(unchanged.end)];
        assert!(memory == copy, "{kind:?}");
        trace.emitter.fire("spawn", &[6, 4_096, 0]);
        let again: CopyRecord = from_bytes(&trace.records()[0]);
        assert_eq!(again.stack.key, first.stack.key, "the same frames");
        let maps = trace.kernel.maps();
        let known = maps.get(names::TRACE_KNOWN);
        known
            .insert(&first.stack.key.to_ne_bytes(), bytes_of(&1_u32))
            .expect("stored");
        trace.emitter.fire("spawn", &[7, 4_096, 0]);
        let records = trace.records();
        let short: StackRecord = from_bytes(&records[0]);
        assert_eq!((records.len(), short.task), (1, 7), "{kind:?}");
        assert_eq!(short.key, first.stack.key);
        assert_eq!(trace.lost(), 0);
    }
}

fn memory_of(pid: u32, addresses: &Range<u64>) -> Vec<u8> {
    let memory = std::fs::File::open(format!("/proc/{pid}/mem")).expect("it is readable");
    let bytes = usize::try_from(addresses.end - addresses.start).expect("a length");
    let mut buffer = vec![0; bytes];
    let read = memory.read_exact_at(&mut buffer, addresses.start);
    read.expect("its stack");
    buffer
}

#[test]
fn copies_leave_a_quarter_of_the_ring_to_records_without() {
    let ring = (names::TRACE_STACKS, 4_096 * 16);
    let mut trace: Trace<[u8]> = Trace::start(kinds()[0], ring, Mode::Lives);
    trace.want(TraceFilter {
        with_stacks: 1,
        ..TraceFilter::default()
    });
    trace.emitter.fire_times("spawn", 1_000, &[5, 4_096, 0]);
    let records = trace.records();
    let has_copy = |record: &&Vec<u8>| record.len() == size_of::<CopyRecord>();
    let copies = records.iter().filter(has_copy).count();
    assert!((5..=6).contains(&copies), "{copies} of some 9 KiB each");
    let short = records.len() - copies;
    assert!((20..=40).contains(&short), "{short} of 424 bytes each");
    assert_eq!(records.len() as u64 + trace.lost(), 1_000);
}

#[test]
fn a_session_copies_a_stack_with_frame_pointers_once() {
    let mut emitter = Emitter::start();
    let reactor = Builder::new_current_thread().enable_io().build();
    let reactor = reactor.expect("a reactor");
    let _inside = reactor.enter();
    let wanted = Wanted {
        pid: emitter.pid(),
        with_stacks: true,
        ..Wanted::default()
    };
    let mut session = Session::begin(wanted).unwrap_or_else(|error| panic!("{error}"));
    // Linked statically, it has the C library in its own file, and that keeps no frame pointers.
    let maps = std::fs::read_to_string(format!("/proc/{}/maps", emitter.pid())).expect("maps");
    let again = u64::from(!maps.contains("/libc"));
    let mut stacks = Vec::new();
    for (task, copies) in [(5, 1), (6, again), (7, again)] {
        emitter.fire("spawn", &[task, 4_096, 0]);
        let batch = session.look().expect("read");
        assert_eq!((batch.copies, batch.lost), (copies, 0), "task {task}");
        match &batch.lives[..] {
            [(_, Life::Began { stack, .. })] => stacks.push(stack.clone()),
            other => panic!("one spawn: {other:?}"),
        }
    }
    assert!(stacks[0].frames.len() >= 3, "{stacks:?}");
    assert!(stacks.iter().all(|stack| *stack == stacks[0]));
}
