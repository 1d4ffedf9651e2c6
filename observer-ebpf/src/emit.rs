//! Records for user space.

use crate::loss;
use crate::maps::RING;
use aya_ebpf::EbpfContext;
use observer_ebpf_abi::{Loss, Record};

/// Puts a record into the ring, or counts it as lost.
#[inline(always)]
pub fn emit(context: &impl EbpfContext, record: &Record) {
    match RING.reserve::<Record>(0) {
        Some(mut entry) => {
            entry.write(*record);
            entry.submit(0);
        }
        None => loss::count(context, Loss::Ring),
    }
}
