//! Where a stalled task is parked: its frame pointers, walked once for each park.
//!
//! `stall` fires in the monitor's thread, so the stack is not the current thread's: the walk begins
//! at the registers that the task saved, which the probe's arguments are. Nobody runs on the stack
//! of a parked task; whether it was parked all the while, user space learns when the same park is
//! reported again. Nobody has to be right: any address may be tried, a frame must lie above the one
//! before and within reach of the stack pointer, and there are 32 at most.
//!
//! ```text
//!         ┌──────────────────┐
//!         │ returns to       │   into the caller's caller
//!    ┌──▶ │ outer            │ ──▶ …, 0, or the record at which another stack was left
//!    │    ├──────────────────┤
//!    │    ~                  ~
//!    │    │ returns to       │   into the caller
//!    └─── │ outer            │ ◀── fp
//!         ├──────────────────┤
//!         ~                  ~ ◀── sp
//! ```

use crate::hit::Hit;
use crate::loss;
use crate::maps::STACKS;
use aya_ebpf::bindings::BPF_NOEXIST;
use aya_ebpf::helpers::bpf_probe_read_user;
use observer_ebpf_abi::{Loss, Record, STALL_FRAMES, STALL_REACH_BYTES, TaskKey, WalkedStack};

/// Two words: where the caller's record is, and where the caller goes on.
type FrameRecord = [u64; 2];

/// What an entry is made with; too large for a program's stack.
static EMPTY: WalkedStack = WalkedStack {
    pc: 0,
    sp: 0,
    fp: 0,
    frame_count: 0,
    frames: [0; STALL_FRAMES],
    walked_ns: 0,
};

/// Walks the stack of a stall that is not known yet. A stall is reported every two seconds, and
/// what was walked is kept until its end.
#[inline(always)]
pub fn remember(hit: &Hit<'_>, stall: &Record) {
    let key = key(hit, stall.task);
    if let Some(known) = STACKS.get_ptr(key) {
        // SAFETY: a value of the map, valid while the program runs.
        let walked_ns = unsafe { (*known).walked_ns };
        let since_ns = hit.boot_ns.saturating_sub(stall.parked_ns);
        if since_ns <= walked_ns {
            return;
        }
        // Of an earlier park. Not written over: a reader may be copying it.
        let _ = STACKS.remove(key);
    }
    if STACKS.insert(key, &EMPTY, u64::from(BPF_NOEXIST)).is_err() {
        loss::count(hit.context, Loss::Stacks);
        return;
    }
    if let Some(stack) = STACKS.get_ptr_mut(key) {
        // SAFETY: a value of the map, valid while the program runs; its fields are this hit's, for
        // a process has one monitor, and readers wait for the time.
        fill(unsafe { &mut *stack }, stall);
    }
}

/// Forgets the stack of a task that goes on, or ended.
#[inline(always)]
pub fn forget(hit: &Hit<'_>, task: u64) {
    let _ = STACKS.remove(key(hit, task));
}

#[inline(always)]
fn key(hit: &Hit<'_>, task: u64) -> TaskKey {
    TaskKey {
        incarnation: hit.incarnation,
        task,
    }
}

#[inline(always)]
fn fill(stack: &mut WalkedStack, stall: &Record) {
    stack.pc = stall.pc;
    stack.sp = stall.sp;
    stack.fp = stall.fp;
    stack.frame_count = walk(&mut stack.frames, stall.sp, stall.fp);
    let walked_ns = &raw mut stack.walked_ns;
    // SAFETY: an aligned field; volatile, so that it is written behind the others. Readers use it
    // only with a later report of the stall, which is ordered by the ring.
    unsafe { walked_ns.write_volatile(stall.boot_ns) };
}

/// Follows the chain and says how many frames there are. A record is believed only if what it
/// names as the next one can be one: so neither a number that is no frame pointer counts, nor the
/// record at the root of a stack, which leads to the stack that switched there.
#[inline(always)]
fn walk(frames: &mut [u64; STALL_FRAMES], sp: u64, fp: u64) -> u64 {
    if !is_record(fp, sp, sp) {
        return 0;
    }
    let mut at = fp;
    let mut count = 0;
    while count < STALL_FRAMES {
        // SAFETY: any address may be tried; the helper checks it.
        let record = unsafe { bpf_probe_read_user(at as *const FrameRecord) };
        let Ok([outer, returns_to]) = record else {
            break;
        };
        let lowest = at.wrapping_add(size_of::<FrameRecord>() as u64);
        let is_outermost = outer == 0;
        if !is_outermost && !is_record(outer, lowest, sp) {
            break;
        }
        frames[count] = returns_to;
        count += 1;
        if is_outermost {
            break;
        }
        at = outer;
    }
    count as u64
}

/// Whether a frame record can be at this address: not below `lowest`, within reach, and aligned.
#[inline(always)]
fn is_record(address: u64, lowest: u64, sp: u64) -> bool {
    let is_aligned = address.is_multiple_of(size_of::<u64>() as u64);
    is_aligned && address >= lowest && address.wrapping_sub(sp) < STALL_REACH_BYTES
}
