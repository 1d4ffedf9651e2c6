//! The stack that spawned, for a trace that asks for it.
//!
//! ```text
//!  spawn ─▶ walk by frame pointers ─▶ key of the frames ─▶ known?  yes ─▶ StackRecord: 416 bytes
//!                                                            no ─▶ CopyRecord: with up to 8 KiB
//! ```
//!
//! Whether frame pointers tell the truth is not to be seen here: a function that keeps none has
//! anything in that register. User space unwinds the copy by the files' call frame information,
//! and makes the key known if that says the same for every stack with these frames. So a program
//! with frame pointers pays for one copy a stack, and one without for one a spawn.
//!
//! Copies have three quarters of the ring. Beyond, a spawn has a record without one, so that it is
//! counted at least, and so is every exit; user space sees that the key is not known.
//!
//! Nothing is kept beside the ring: a probe's program may be preempted, so what a processor had
//! for itself another hit could write.

use crate::loss;
use crate::maps::{TRACE_KNOWN, TRACE_STACKS};
use crate::registers::Registers;
use aya_ebpf::EbpfContext as _;
use aya_ebpf::bindings::{BPF_F_USER_STACK, BPF_RB_AVAIL_DATA, BPF_RB_NO_WAKEUP, BPF_RB_RING_SIZE};
use aya_ebpf::helpers::generated::{bpf_get_stack, bpf_probe_read_kernel, bpf_probe_read_user};
use aya_ebpf::maps::ring_buf::RingBufEntry;
use aya_ebpf::programs::ProbeContext;
use observer_ebpf_abi::{
    COPY_BYTES, COPY_CHUNK_BYTES, CopyRecord, Loss, StackRecord, TRACE_FRAMES,
};
use runtime_abi::ProbeId;

/// The reader looks by itself.
const WAKE_NOBODY: u64 = BPF_RB_NO_WAKEUP as u64;

/// The prime of the 64-bit hash of Fowler, Noll and Vo.
const KEY_PRIME: u64 = 0x0100_0000_01b3;
/// And its offset.
const KEY_START: u64 = 0xcbf2_9ce4_8422_2325;

/// Records a spawn with the stack of the thread that spawns, or an exit without one.
#[inline(always)]
pub fn record(context: &ProbeContext, probe: ProbeId, task: u64, site: u64) {
    let Some(mut entry) = TRACE_STACKS.reserve::<StackRecord>(0) else {
        loss::count(context, Loss::Trace);
        return;
    };
    let is_spawn = matches!(probe, ProbeId::Spawn);
    // SAFETY: the entry's memory, this hit's alone until it is submitted. Any bytes are a record.
    let fields = unsafe { &mut *entry.as_mut_ptr() };
    fields.probe = probe as u32;
    fields.frame_count = if is_spawn {
        walk(context, &mut fields.frames)
    } else {
        0
    };
    fields.task = task;
    fields.site = site;
    fields.key = if is_spawn { key(fields) } else { 0 };
    if is_spawn && TRACE_KNOWN.get_ptr(fields.key).is_none() && has_room() {
        record_copy(context, entry);
    } else {
        entry.submit(WAKE_NOBODY);
    }
}

/// Whether the ring has room for a copy besides what is kept for records without.
#[inline(always)]
fn has_room() -> bool {
    let used = TRACE_STACKS.query(u64::from(BPF_RB_AVAIL_DATA));
    let size = TRACE_STACKS.query(u64::from(BPF_RB_RING_SIZE));
    used < size - size / 4
}

/// Walks the frame pointers of the thread; says how many frames there are.
#[inline(always)]
fn walk(context: &ProbeContext, frames: &mut [u64; TRACE_FRAMES]) -> u32 {
    let room = size_of::<[u64; TRACE_FRAMES]>() as u32;
    let to = frames.as_mut_ptr();
    let flags = u64::from(BPF_F_USER_STACK);
    // SAFETY: the buffer has that many bytes; the helper reads the stack without faulting.
    let bytes = unsafe { bpf_get_stack(context.as_ptr(), to.cast(), room, flags) };
    if bytes > 0 { bytes as u32 / 8 } else { 0 }
}

/// The FNV hash of the frames, a frame at a time.
#[inline(always)]
fn key(record: &StackRecord) -> u64 {
    let mut key = KEY_START;
    for (depth, frame) in record.frames.iter().enumerate() {
        if depth as u32 >= record.frame_count {
            break;
        }
        key = (key ^ frame).wrapping_mul(KEY_PRIME);
        key ^= key >> 32;
    }
    key
}

/// Records the spawn again, with a copy; the entry is given back.
#[inline(always)]
fn record_copy(context: &ProbeContext, entry: RingBufEntry<StackRecord>) {
    match TRACE_STACKS.reserve::<CopyRecord>(0) {
        Some(mut copy) => {
            let record: *mut CopyRecord = copy.as_mut_ptr();
            let stack = record.cast::<StackRecord>();
            let length = size_of::<StackRecord>() as u32;
            // SAFETY: a copy begins with a stack; both entries have that many bytes.
            unsafe { bpf_probe_read_kernel(stack.cast(), length, entry.as_ptr().cast()) };
            // SAFETY: the entry's memory, this hit's alone until it is submitted.
            fill(unsafe { &mut *record }, Registers::new(context));
            copy.submit(WAKE_NOBODY);
        }
        None => loss::count(context, Loss::Trace),
    }
    entry.discard(WAKE_NOBODY);
}

#[inline(always)]
fn fill(record: &mut CopyRecord, registers: Registers) {
    let frame = registers.frame();
    record.pc = frame.pc;
    record.sp = frame.sp;
    record.fp = frame.fp;
    record.link = frame.link;
    record.start = frame.sp & !(COPY_CHUNK_BYTES as u64 - 1);
    record.copied = copy(&mut record.bytes, record.start);
}

/// Copies chunk by chunk, until one is not there; says how many bytes.
#[inline(always)]
fn copy(bytes: &mut [u8; COPY_BYTES], start: u64) -> u64 {
    let mut copied = 0;
    for chunk in bytes.chunks_exact_mut(COPY_CHUNK_BYTES) {
        let from = (start + copied) as *const _;
        let to = chunk.as_mut_ptr();
        // SAFETY: the chunk has that many bytes; any address may be tried.
        let answer = unsafe { bpf_probe_read_user(to.cast(), COPY_CHUNK_BYTES as u32, from) };
        if answer != 0 {
            break;
        }
        copied += COPY_CHUNK_BYTES as u64;
    }
    copied
}
