//! Handlers of a trace: every event of one process is a record in a ring of its own.
//!
//! Programs apart from those that count ([`crate::events`]): only `observer trace` loads them, and
//! it loads nothing else. They know no incarnations, for the observer holds the one process that
//! is traced by a pidfd. What is not wanted (another process of the same file, another task, a
//! site that user space has put aside) costs a look-up and no record.

use crate::loss;
use crate::maps::{TRACE, TRACE_FILTER, TRACE_UNWANTED};
use crate::registers::Registers;
use crate::spawn_stack;
use aya_ebpf::bindings::BPF_RB_NO_WAKEUP;
use aya_ebpf::helpers::{bpf_get_current_pid_tgid, bpf_ktime_get_boot_ns};
use aya_ebpf::programs::ProbeContext;
use observer_ebpf_abi::{Loss, TRACE_ARGUMENTS, TraceRecord};
use runtime_abi::ProbeId;

/// The reader looks by itself, often enough for any rate: a wake-up would cost the traced process
/// more than the hit.
const WAKE_NOBODY: u64 = BPF_RB_NO_WAKEUP as u64;

/// Takes one hit; the probe has `ARGUMENTS` arguments behind task and site.
#[inline(always)]
pub fn trace<const ARGUMENTS: usize>(context: &ProbeContext, probe: ProbeId) -> u32 {
    let Some(filter) = TRACE_FILTER.get(0) else {
        return 0;
    };
    let ids = bpf_get_current_pid_tgid();
    if (ids >> 32) as u32 != filter.tgid {
        return 0;
    }
    let registers = Registers::new(context);
    let (task, site) = (registers.argument::<0>(), registers.argument::<1>());
    let is_other_task = filter.task != 0 && filter.task != task;
    if is_other_task || TRACE_UNWANTED.get_ptr(site).is_some() {
        return 0;
    }
    if filter.with_stacks != 0 {
        spawn_stack::record(context, probe, task, site);
    } else {
        let record = TraceRecord {
            probe: probe as u32,
            tid: ids as u32,
            // SAFETY: the helper has no preconditions.
            boot_ns: unsafe { bpf_ktime_get_boot_ns() },
            task,
            site,
            arguments: arguments::<ARGUMENTS>(registers),
        };
        record_event(context, &record);
    }
    0
}

#[inline(always)]
fn arguments<const ARGUMENTS: usize>(registers: Registers) -> [u64; TRACE_ARGUMENTS] {
    const { assert!(ARGUMENTS <= TRACE_ARGUMENTS) };
    let mut arguments = [0; TRACE_ARGUMENTS];
    if ARGUMENTS > 0 {
        arguments[0] = registers.argument::<2>();
    }
    if ARGUMENTS > 1 {
        arguments[1] = registers.argument::<3>();
    }
    if ARGUMENTS > 2 {
        arguments[2] = registers.argument::<4>();
    }
    if ARGUMENTS > 3 {
        arguments[3] = registers.argument::<5>();
    }
    if ARGUMENTS > 4 {
        arguments[4] = registers.argument::<6>();
    }
    arguments
}

#[inline(always)]
fn record_event(context: &ProbeContext, record: &TraceRecord) {
    match TRACE.reserve::<TraceRecord>(0) {
        Some(mut entry) => {
            entry.write(*record);
            entry.submit(WAKE_NOBODY);
        }
        None => loss::count(context, Loss::Trace),
    }
}
