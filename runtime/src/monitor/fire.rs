//! Fires the ledger probes: the only file that does, called by the monitor's thread alone.

use super::Gauges;
use super::names::Name;
use super::reporter::Hit;
use crate::ledger::stall;
use crate::site::{self, Site};
use crate::task::inspection::{Inspected, inspect};
use crate::{probe, stack, task};
use runtime_abi::{Reason, SCHEMA_VERSION};

/// Fires one report's probe.
pub(super) fn fire(hit: Hit, gauges: &Gauges, stall_period_ns: u64) {
    match hit {
        Hit::Monitor { live } => fire_monitor(live, gauges, stall_period_ns),
        Hit::Ledger { site, sums } => {
            let [
                spawned,
                returned,
                panicked,
                cancelled,
                parks,
                yields,
                growths,
                bytes,
            ] = sums.values();
            let site = ready(site);
            probe::ledger(
                site, spawned, returned, panicked, cancelled, parks, yields, growths, bytes,
            );
        }
        Hit::Pool { site, sums } => {
            probe::pool(ready(site), sums.retained_bytes, sums.hits, sums.misses);
        }
        Hit::Parked {
            site,
            reason,
            count,
        } => {
            probe::parked(ready(site), reason.code(), count.stalled, count.oldest_ns);
        }
        Hit::Unstall { name, parked_ns } => {
            probe::unstall(name.task, ready(name.site), name.reason.code(), parked_ns);
        }
        Hit::Stall { name, parked_ns } => fire_stall(&name, parked_ns),
    }
}

fn fire_monitor(live: u64, gauges: &Gauges, stall_period_ns: u64) {
    let stacks = stack::totals();
    probe::monitor(
        SCHEMA_VERSION,
        live,
        gauges.runnable,
        gauges.workers,
        gauges.idle_workers,
        gauges.handoffs,
        gauges.steals,
        stacks.used_bytes,
        stacks.cached_bytes,
        stall_period_ns,
    );
}

/// Fires with what the park looks like now; not at all if it is over (the next scan says so).
fn fire_stall(name: &Name, parked_ns: u64) {
    let is_of_a_lock = matches!(name.reason, Reason::Mutex | Reason::Rwlock);
    let holder = is_of_a_lock
        .then(|| inspect(name.slot, Inspected::holder))
        .flatten()
        .flatten();
    let Some(park) = task::table::parked_snapshot(name.slot) else {
        return;
    };
    // The word after the rest: it says that what was read is of this park.
    if stall::word(name.slot) != name.word {
        return;
    }
    probe::stall(
        name.task,
        ready(name.site),
        name.reason.code(),
        park.resource,
        holder.map_or(park.owner, |holder| holder.task).as_u64(),
        parked_ns,
        park.pc,
        park.sp,
        park.fp,
    );
}

/// Fires `task` for the task in this slot; returns whether there is one.
pub(super) fn fire_task(slot: u32) -> bool {
    let Some(task) = task::table::task_snapshot(slot) else {
        return false;
    };
    let site = ready_site(task.site);
    let id = task.task.as_u64();
    let state = task.state as u64;
    match task.park {
        Some(park) => probe::task(
            id,
            site,
            state,
            park.reason.code(),
            park.resource,
            park.owner.as_u64(),
            stall::parked_ns(slot),
            park.pc,
            park.sp,
            park.fp,
        ),
        None => probe::task(id, site, state, 0, 0, 0, 0, 0, 0, 0),
    }
    true
}

/// The address of a site whose record and strings the kernel can read now.
fn ready(site: u32) -> u64 {
    site::by_index(site).map_or(0, ready_site)
}

fn ready_site(site: &'static Site) -> u64 {
    site.touch();
    site.address()
}
