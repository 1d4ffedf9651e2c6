//! Handlers of the ledger probes that report numbers: each hit replaces the last one's value.
//!
//! A value is written by one update, with the hit's time before and after its fields: a reader
//! that catches the kernel reusing the memory finds them different.

use crate::hit::Hit;
use crate::maps::{LEDGER, MONITORS, PARKED, POOLS};
use crate::{loss, site};
use observer_ebpf_abi::{LedgerValue, Loss, MonitorValue, ParkedKey, ParkedValue, PoolValue};

/// `ledger`: the cumulative counters of a site.
#[inline(always)]
pub fn ledger(hit: &Hit<'_>) {
    let address = hit.argument::<0>();
    let value = LedgerValue {
        sequence: hit.boot_ns,
        spawned: hit.argument::<1>(),
        returned: hit.argument::<2>(),
        panicked: hit.argument::<3>(),
        cancelled: hit.argument::<4>(),
        parks: hit.argument::<5>(),
        yields: hit.argument::<6>(),
        growths: hit.argument::<7>(),
        stack_bytes: hit.argument::<8>(),
        sequence_end: hit.boot_ns,
    };
    let stored = LEDGER.insert(hit.site_key(address), value, 0);
    count_refusal(hit, stored, Loss::Ledger);
    site::remember(hit, address);
}

/// `parked`: how many tasks of a site are stalled for a reason.
#[inline(always)]
pub fn parked(hit: &Hit<'_>) {
    let key = ParkedKey {
        incarnation: hit.incarnation,
        site: hit.argument::<0>(),
        reason: hit.argument::<1>(),
    };
    let value = ParkedValue {
        sequence: hit.boot_ns,
        stalled: hit.argument::<2>(),
        oldest_ns: hit.argument::<3>(),
        sequence_end: hit.boot_ns,
    };
    let stored = PARKED.insert(key, value, 0);
    count_refusal(hit, stored, Loss::Parked);
}

/// `pool`: the counters of an object pool.
#[inline(always)]
pub fn pool(hit: &Hit<'_>) {
    let address = hit.argument::<0>();
    let value = PoolValue {
        sequence: hit.boot_ns,
        retained_bytes: hit.argument::<1>(),
        hits: hit.argument::<2>(),
        misses: hit.argument::<3>(),
        sequence_end: hit.boot_ns,
    };
    let stored = POOLS.insert(hit.site_key(address), value, 0);
    count_refusal(hit, stored, Loss::Pool);
    site::remember(hit, address);
}

/// `monitor`: the process's own counters.
#[inline(always)]
pub fn monitor(hit: &Hit<'_>) {
    let value = MonitorValue {
        sequence: hit.boot_ns,
        schema: hit.argument::<0>(),
        live: hit.argument::<1>(),
        runnable: hit.argument::<2>(),
        workers: hit.argument::<3>(),
        idle_workers: hit.argument::<4>(),
        handoffs: hit.argument::<5>(),
        steals: hit.argument::<6>(),
        stack_bytes: hit.argument::<7>(),
        stack_bytes_cached: hit.argument::<8>(),
        stall_period_ns: hit.argument::<9>(),
        sequence_end: hit.boot_ns,
    };
    let stored = MONITORS.insert(hit.incarnation, value, 0);
    count_refusal(hit, stored, Loss::Monitor);
}

#[inline(always)]
fn count_refusal(hit: &Hit<'_>, stored: Result<(), i32>, loss: Loss) {
    if stored.is_err() {
        loss::count(hit.context, loss);
    }
}
