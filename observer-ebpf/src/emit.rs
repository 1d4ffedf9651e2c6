//! Records for user space.

use crate::loss;
use crate::maps::RING;
use aya_ebpf::EbpfContext;
use aya_ebpf::bindings::{BPF_RB_AVAIL_DATA, BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP};
use observer_ebpf_abi::{Loss, RING_BYTES, Record};

/// Unread bytes in the ring from which on its reader is woken at every record.
const PRESSING_BYTES: u64 = RING_BYTES as u64 / 4;

/// Puts a record into the ring, or counts it as lost, and wakes the reader: processes that come
/// and go.
#[inline(always)]
pub fn emit_at_once(context: &impl EbpfContext, record: &Record) {
    // Not the kernel's own choice: that wakes nobody while older records are unread, and the
    // reader may not know of them yet.
    put(context, record, BPF_RB_FORCE_WAKEUP);
}

/// The same without waking the reader, which looks by itself every quarter of a second: stalls.
/// A wake-up costs the process that is watched more than all the rest of the hit (an
/// interrupt, and a core that is taken from it), so only a ring that fills up is worth one.
#[inline(always)]
pub fn emit(context: &impl EbpfContext, record: &Record) {
    let pressing = RING.query(u64::from(BPF_RB_AVAIL_DATA)) >= PRESSING_BYTES;
    let flag = if pressing {
        BPF_RB_FORCE_WAKEUP
    } else {
        BPF_RB_NO_WAKEUP
    };
    put(context, record, flag);
}

#[inline(always)]
fn put(context: &impl EbpfContext, record: &Record, flag: u32) {
    match RING.reserve::<Record>(0) {
        Some(mut entry) => {
            entry.write(*record);
            entry.submit(u64::from(flag));
        }
        None => loss::count(context, Loss::Ring),
    }
}
