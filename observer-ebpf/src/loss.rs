//! Losses: counted by cause, and logged at a bounded rate.

use crate::cost::add;
use crate::maps::{LOGGED, LOSSES};
use aya_ebpf::EbpfContext;
use aya_ebpf::helpers::bpf_ktime_get_boot_ns;
use observer_ebpf_abi::Loss;

/// At most one line per cause and processor in this time.
const LOG_PERIOD_NS: u64 = 10_000_000_000;

/// Counts a loss and logs it if none of its cause was logged lately.
#[inline(always)]
pub fn count(context: &impl EbpfContext, loss: Loss) {
    count_quietly(loss);
    if may_log(loss) {
        aya_log_ebpf::warn!(
            context,
            "lost a hit of process {}: cause {}",
            context.tgid(),
            loss as u32
        );
    }
}

/// Counts what happens at every hit and is no loss of data.
#[inline(always)]
pub fn count_quietly(loss: Loss) {
    if let Some(counter) = LOSSES.get_ptr_mut(loss as u32) {
        add(counter, 1);
    }
}

#[inline(always)]
fn may_log(loss: Loss) -> bool {
    let Some(logged_ns) = LOGGED.get_ptr_mut(loss as u32) else {
        return false;
    };
    // SAFETY: the helper has no preconditions.
    let now_ns = unsafe { bpf_ktime_get_boot_ns() };
    // SAFETY: a value of the map, valid while the program runs.
    let last_ns = unsafe { *logged_ns };
    if last_ns != 0 && now_ns.wrapping_sub(last_ns) < LOG_PERIOD_NS {
        return false;
    }
    // SAFETY: as above. A race costs a second line, no more.
    unsafe { *logged_ns = now_ns };
    true
}
