//! Incarnations: from the first hit of a thread group to its end or its next program.
//!
//! ```text
//!            first hit: `admit`                exit of the leader: `exit`
//!  unknown ────────────────────▶ incarnation ────────────────────────────▶ unknown
//!     ▲                               │          (RECORD_EXIT)
//!     └───────────────────────────────┘ new program: `exec` (RECORD_EXEC)
//! ```
//!
//! All keys of other maps start with the incarnation, so whatever a dead one leaves behind
//! can wait for user space, and is never a reused id's.
//!
//! A fork is not followed: the child fires no probe until it execs, the files that it shares
//! stay attached for its parent or linger, and a child that fires all the same becomes an
//! incarnation by its first hit.

use crate::emit::emit_at_once;
use crate::loss;
use crate::maps::PROCESSES;
use aya_ebpf::EbpfContext as _;
use aya_ebpf::bindings::BPF_NOEXIST;
use aya_ebpf::helpers::{bpf_get_attach_cookie, bpf_get_current_pid_tgid, bpf_ktime_get_boot_ns};
use aya_ebpf::programs::{ProbeContext, RawTracePointContext};
use observer_ebpf_abi::{Loss, Process, RECORD_EXEC, RECORD_EXIT, Record, incarnation_of};

/// The incarnation of the thread group that hit a probe; a first hit makes one.
///
/// `None` if the hit came through a link that is not the accepted one, or if too many
/// processes are watched. `monitor` is the thread, if the probe is a monitor's.
#[inline(always)]
pub fn admit(context: &ProbeContext, tgid: u32, monitor: Option<u32>, boot_ns: u64) -> Option<u64> {
    // SAFETY: a context of a program on a probe.
    let cookie = unsafe { bpf_get_attach_cookie(context.as_ptr()) };
    let Some(process) = find_or_create(tgid, cookie, boot_ns) else {
        loss::count(context, Loss::Processes);
        return None;
    };
    if !accept(process, cookie) {
        loss::count_quietly(Loss::OtherLink);
        return None;
    }
    if let Some(tid) = monitor {
        check_monitor(context, process, tid);
    }
    // SAFETY: a value of the map, valid while the program runs.
    Some(unsafe { (*process).incarnation })
}

#[inline(always)]
fn find_or_create(tgid: u32, cookie: u64, boot_ns: u64) -> Option<*mut Process> {
    if let Some(process) = PROCESSES.get_ptr_mut(tgid) {
        return Some(process);
    }
    let process = Process {
        incarnation: incarnation_of(tgid, boot_ns),
        cookie,
        monitor_tid: 0,
        padding: 0,
    };
    // Another thread may have been first: then its value is found below.
    let _ = PROCESSES.insert(tgid, process, u64::from(BPF_NOEXIST));
    PROCESSES.get_ptr_mut(tgid)
}

/// The first link to hit wins; user space clears the cookie when that link goes.
#[inline(always)]
fn accept(process: *mut Process, cookie: u64) -> bool {
    // SAFETY: a value of the map, valid while the program runs.
    let accepted = unsafe { (*process).cookie };
    if accepted == 0 {
        // SAFETY: as above. Two links race here only after a third was taken away; the loser's
        // next hit is refused.
        unsafe { (*process).cookie = cookie };
    }
    accepted == 0 || accepted == cookie
}

#[inline(always)]
fn check_monitor(context: &ProbeContext, process: *mut Process, tid: u32) {
    // SAFETY: a value of the map, valid while the program runs.
    let monitor_tid = unsafe { (*process).monitor_tid };
    if monitor_tid == 0 {
        // SAFETY: as above; the monitor is one thread.
        unsafe { (*process).monitor_tid = tid };
    } else if monitor_tid != tid {
        loss::count(context, Loss::ForeignThread);
    }
}

/// A thread exits; if it leads its group, the incarnation is over.
#[inline(always)]
pub fn exit(context: &RawTracePointContext) {
    let ids = bpf_get_current_pid_tgid();
    let tgid = (ids >> 32) as u32;
    if tgid != ids as u32 {
        return;
    }
    let incarnation = forget(tgid);
    if incarnation != 0 {
        emit_process(context, RECORD_EXIT, tgid, incarnation);
    }
}

/// A new program runs; discovery looks at it whether or not the old one was known.
#[inline(always)]
pub fn exec(context: &RawTracePointContext) {
    let tgid = context.tgid();
    let incarnation = forget(tgid);
    emit_process(context, RECORD_EXEC, tgid, incarnation);
}

/// Ends the incarnation of a thread group and returns it, or 0 if there was none.
#[inline(always)]
fn forget(tgid: u32) -> u64 {
    let Some(process) = PROCESSES.get_ptr(tgid) else {
        return 0;
    };
    // SAFETY: a value of the map, valid while the program runs.
    let incarnation = unsafe { (*process).incarnation };
    let _ = PROCESSES.remove(tgid);
    incarnation
}

#[inline(always)]
fn emit_process(context: &RawTracePointContext, kind: u32, tgid: u32, incarnation: u64) {
    // SAFETY: the helper has no preconditions.
    let boot_ns = unsafe { bpf_ktime_get_boot_ns() };
    emit_at_once(
        context,
        &Record {
            kind,
            tgid,
            incarnation,
            boot_ns,
            ..Record::EMPTY
        },
    );
}
