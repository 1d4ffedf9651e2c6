//! The frame pointers of tasks that stall, in memory that is laid out as a stack, well or badly.

use crate::{Bench, kinds};
use observer::attach::Mode;
use observer_ebpf_abi::{
    Loss, STALL_FRAMES, STALL_REACH_BYTES, TaskKey, WalkedStack, incarnation_tgid, names,
};

const PAGE: u64 = 4_096;
const SITE: u64 = 4_096;
const PC: u64 = 0x0040_1000;
/// Longer than a test takes: a stall that began before all walks.
const LONG_NS: u64 = 60_000_000_000;

/// An emitter with memory for a stack.
struct Stack {
    bench: Bench,
    /// Its lowest address: the stack pointer.
    sp: u64,
}

impl Stack {
    fn of_bytes(bytes: u64) -> Self {
        Self::on(Bench::new(kinds()[0], Mode::Ledger), bytes)
    }

    fn on(mut bench: Bench, bytes: u64) -> Self {
        let sp = bench.emitter.room(bytes);
        Self { bench, sp }
    }

    /// Writes a frame record at an offset: where the outer one is, and where the caller goes on.
    fn record(&mut self, offset: u64, outer: u64, returns_to: u64) {
        self.bench.emitter.poke(self.sp + offset, outer);
        self.bench.emitter.poke(self.sp + offset + 8, returns_to);
    }

    /// Reports a task that is parked with these registers, for so long.
    fn stall(&mut self, task: u64, fp: u64, parked_ns: u64) {
        let arguments = [task, SITE, 2, 0, 0, parked_ns, PC, self.sp, fp];
        self.bench.emitter.fire("stall", &arguments);
    }

    fn walked(&self, task: u64) -> Option<WalkedStack> {
        let incarnation = self.bench.incarnation();
        let key = TaskKey { incarnation, task };
        self.bench.collector.stack(key).expect("the map is read")
    }

    /// Where the callers go on that a new stall with this frame pointer has.
    fn callers(&mut self, task: u64, fp: u64) -> Vec<u64> {
        self.stall(task, fp, 0);
        let walked = self.walked(task).expect("it was walked");
        assert_eq!((walked.pc, walked.sp, walked.fp), (PC, self.sp, fp));
        assert_ne!(walked.walked_ns, 0);
        walked.frames[..walked.frame_count as usize].to_vec()
    }
}

#[test]
fn a_rising_chain_is_walked_to_its_end() {
    for &kind in kinds() {
        let mut stack = Stack::on(Bench::new(kind, Mode::Ledger), PAGE);
        let sp = stack.sp;
        stack.record(0x40, sp + 0x80, 0x11);
        stack.record(0x80, sp + 0x90, 0x22);
        stack.record(0x90, 0, 0x33);
        assert_eq!(stack.callers(1, sp + 0x40), [0x11, 0x22, 0x33], "{kind:?}");
        assert_eq!(stack.callers(2, sp + 0x90), [0x33], "{kind:?}");
    }
}

#[test]
fn a_chain_ends_at_a_record_that_leads_nowhere() {
    let mut stack = Stack::of_bytes(4 * PAGE);
    let (sp, mut task) = (stack.sp, 0);
    let nowhere = [
        ("itself", sp + 0x80),
        ("the one before", sp + 0x40),
        ("half into itself", sp + 0x88),
        ("below the stack", sp - 8),
        ("beyond the reach", sp + STALL_REACH_BYTES),
        ("no aligned address", sp + 0x94),
        ("the kernel", 0xffff_8880_0000_0000),
        ("the end of all addresses", u64::MAX),
        ("an address that none can be", 0x8000_0000_0000_0000),
    ];
    for (what, outer) in nowhere {
        stack.record(0x40, sp + 0x80, 0x11);
        stack.record(0x80, outer, 0x22);
        task += 1;
        assert_eq!(stack.callers(task, sp + 0x40), [0x11], "{what}");
    }
    // It may be one, for all that is known; but it cannot be read.
    stack.record(0x80, sp + 4 * PAGE, 0x22);
    assert_eq!(stack.callers(100, sp + 0x40), [0x11, 0x22]);
    stack.record(0x80, sp + 4 * PAGE - 8, 0x22);
    assert_eq!(stack.callers(101, sp + 0x40), [0x11, 0x22], "half of it");
}

#[test]
fn what_is_no_frame_pointer_gives_no_callers() {
    let mut stack = Stack::of_bytes(PAGE);
    let sp = stack.sp;
    stack.record(0x40, 0, 0x11);
    let none = [
        0,
        7,
        sp - 16,
        sp + 0x44,
        sp + PAGE,
        sp + STALL_REACH_BYTES,
        0xffff_8880_0000_0000,
        u64::MAX - 7,
        u64::MAX,
    ];
    for (task, fp) in (1..).zip(none) {
        assert_eq!(stack.callers(task, fp), [0_u64; 0], "{fp:#x}");
    }
    // Neither the stack pointer need be one.
    for (task, sp) in (100..).zip([0, u64::MAX - 7, u64::MAX]) {
        stack.sp = sp;
        assert_eq!(stack.callers(task, sp), [0_u64; 0], "{sp:#x}");
    }
}

#[test]
fn a_chain_that_is_too_long_is_cut() {
    let mut stack = Stack::of_bytes(PAGE);
    let (sp, most) = (stack.sp, STALL_FRAMES as u64);
    for place in 0..=most {
        stack.record(16 * place, sp + 16 * (place + 1), 0x100 + place);
    }
    let expected: Vec<u64> = (0x100..0x100 + most).collect();
    assert_eq!(stack.callers(1, sp), expected);
}

#[test]
fn a_park_is_walked_once_and_the_next_one_anew() {
    let mut stack = Stack::of_bytes(PAGE);
    let fp = stack.sp + 0x40;
    stack.record(0x40, 0, 0x11);
    stack.stall(7, fp, LONG_NS);
    let first = stack.walked(7).expect("it was walked");
    assert_eq!(first.frames[0], 0x11);
    stack.record(0x40, 0, 0x22);
    stack.stall(7, fp, LONG_NS);
    assert_eq!(stack.walked(7), Some(first), "the same park");
    stack.stall(7, fp, 0);
    let second = stack.walked(7).expect("it was walked");
    assert_eq!(second.frames[0], 0x22, "another park");
    assert!(second.walked_ns > first.walked_ns);
}

#[test]
fn what_was_walked_is_kept_until_the_stall_or_the_process_ends() {
    let mut stack = Stack::of_bytes(PAGE);
    let sp = stack.sp;
    for task in 1..=3 {
        stack.stall(task, sp, LONG_NS);
    }
    stack.bench.emitter.fire("unstall", &[1, SITE, 2, LONG_NS]);
    assert_eq!(stack.walked(1), None);
    assert!(stack.walked(2).is_some());
    let collector = &stack.bench.collector;
    let forgotten = collector.forget_stacks(|key| key.task == 2);
    assert_eq!(forgotten.expect("the map is read"), 1);
    assert_eq!(stack.walked(2), None);
    assert!(stack.walked(3).is_some());
    let incarnation = stack.bench.incarnation();
    assert_eq!(incarnation_tgid(incarnation), stack.bench.emitter.pid());
    collector.forget(incarnation).expect("the maps are read");
    let key = TaskKey {
        incarnation,
        task: 3,
    };
    assert_eq!(collector.stack(key).expect("the map is read"), None);
}

#[test]
fn a_stack_too_many_is_counted_and_its_stall_is_reported_all_the_same() {
    let bench = Bench::with_limits(kinds()[0], Mode::Ledger, vec![(names::STACKS, 1)]);
    let mut stack = Stack::on(bench, PAGE);
    let mut reader = crate::stalls::Reader::new(&mut stack.bench);
    let sp = stack.sp;
    for task in [1, 2, 1] {
        stack.stall(task, sp, LONG_NS);
        assert_eq!(reader.next().task, task);
    }
    assert!(stack.walked(1).is_some());
    assert_eq!(stack.walked(2), None);
    let snapshot = stack.bench.collector.read().expect("maps are read");
    let losses = snapshot.losses;
    assert!(losses.contains(&(Loss::Stacks, 1)), "{losses:?}");
    let mut uses = snapshot.map_entries.iter();
    let stacks = uses.find(|map| map.map == "stacks").expect("a map");
    assert_eq!((stacks.entries, stacks.capacity), (1, 1));
}
