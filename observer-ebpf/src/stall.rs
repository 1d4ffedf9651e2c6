//! Handlers of the ledger probes that name tasks: each hit is a record in the ring.
//!
//! Of a stall nothing is kept here but where it is parked ([`stack`]). A record that was lost is
//! repeated by the monitor's rotation, and a stall whose end was lost is over when it is no longer
//! repeated. A dump asks for every task again when records were lost.

use crate::emit::emit;
use crate::hit::Hit;
use crate::stack;
use observer_ebpf_abi::{RECORD_STALL, RECORD_TASK, RECORD_UNSTALL, Record};

/// `stall`: a task that is parked for longer than the stall period.
#[inline(always)]
pub fn stall(hit: &Hit<'_>) {
    let record = Record {
        resource: hit.argument::<3>(),
        owner: hit.argument::<4>(),
        parked_ns: hit.argument::<5>(),
        pc: hit.argument::<6>(),
        sp: hit.argument::<7>(),
        fp: hit.argument::<8>(),
        ..named(hit, RECORD_STALL)
    };
    emit(hit.context, &record);
    stack::remember(hit, &record);
}

/// `unstall`: such a task goes on, or ended.
#[inline(always)]
pub fn unstall(hit: &Hit<'_>) {
    let record = Record {
        parked_ns: hit.argument::<3>(),
        ..named(hit, RECORD_UNSTALL)
    };
    emit(hit.context, &record);
    stack::forget(hit, record.task);
}

/// `task`: one task of a dump.
#[inline(always)]
pub fn task(hit: &Hit<'_>) {
    let record = Record {
        state: hit.argument::<2>(),
        reason: hit.argument::<3>(),
        resource: hit.argument::<4>(),
        owner: hit.argument::<5>(),
        parked_ns: hit.argument::<6>(),
        pc: hit.argument::<7>(),
        sp: hit.argument::<8>(),
        fp: hit.argument::<9>(),
        ..begun(hit, RECORD_TASK)
    };
    emit(hit.context, &record);
}

/// What a stall and its end have: task, site, reason.
#[inline(always)]
fn named(hit: &Hit<'_>, kind: u32) -> Record {
    Record {
        reason: hit.argument::<2>(),
        ..begun(hit, kind)
    }
}

/// What all have: whose hit it is, task and site.
#[inline(always)]
fn begun(hit: &Hit<'_>, kind: u32) -> Record {
    Record {
        kind,
        tgid: hit.tgid,
        incarnation: hit.incarnation,
        boot_ns: hit.boot_ns,
        task: hit.argument::<0>(),
        site: hit.argument::<1>(),
        ..Record::EMPTY
    }
}
