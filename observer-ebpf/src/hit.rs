//! One hit of a probe: what every program does before and after its handler.

use crate::cost::Stopwatch;
use crate::process;
use crate::registers::Registers;
use aya_ebpf::helpers::{bpf_get_current_pid_tgid, bpf_ktime_get_boot_ns};
use aya_ebpf::programs::ProbeContext;
use observer_ebpf_abi::SiteKey;
use runtime_abi::{Family, ProbeId};

/// A hit that counts, as the handlers see it.
pub struct Hit<'a> {
    /// The program's context.
    pub context: &'a ProbeContext,
    /// The probe's arguments.
    pub registers: Registers,
    /// The incarnation of the thread group that hit.
    pub incarnation: u64,
    /// Its id.
    pub tgid: u32,
    /// Boot time of the hit in nanoseconds.
    pub boot_ns: u64,
}

impl Hit<'_> {
    /// Argument `N` of the probe, from 0.
    #[inline(always)]
    pub fn argument<const N: usize>(&self) -> u64 {
        self.registers.argument::<N>()
    }

    /// The key of a site of this incarnation.
    #[inline(always)]
    pub fn site_key(&self, site: u64) -> SiteKey {
        SiteKey {
            incarnation: self.incarnation,
            site,
        }
    }
}

/// Runs a probe's handler for the hit of a known process through its accepted link.
#[inline(always)]
pub fn handle(context: &ProbeContext, probe: ProbeId, handler: impl FnOnce(&Hit<'_>)) -> u32 {
    let stopwatch = Stopwatch::start(probe);
    if let Some(hit) = admit(context, probe) {
        handler(&hit);
    }
    stopwatch.stop();
    0
}

#[inline(always)]
fn admit(context: &ProbeContext, probe: ProbeId) -> Option<Hit<'_>> {
    let ids = bpf_get_current_pid_tgid();
    let (tgid, tid) = ((ids >> 32) as u32, ids as u32);
    // SAFETY: the helper has no preconditions.
    let boot_ns = unsafe { bpf_ktime_get_boot_ns() };
    let is_monitor = matches!(probe.probe().family, Family::Ledger);
    let incarnation = process::admit(context, tgid, is_monitor.then_some(tid), boot_ns)?;
    Some(Hit {
        context,
        registers: Registers::new(context),
        incarnation,
        tgid,
        boot_ns,
    })
}
