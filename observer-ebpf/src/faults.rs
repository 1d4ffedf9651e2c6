//! Where stacks grow: hits of `stack_grow` by the instruction that touched the end of the stack.

use crate::cost::add;
use crate::hit::Hit;
use crate::loss;
use crate::maps::FAULTS;
use aya_ebpf::bindings::BPF_NOEXIST;
use observer_ebpf_abi::{FaultKey, FaultValue, Loss};

/// Counts a hit of `stack_grow` at its instruction.
#[inline(always)]
pub fn remember(hit: &Hit<'_>) {
    let key = FaultKey {
        incarnation: hit.incarnation,
        site: hit.argument::<1>(),
        pc: hit.argument::<4>(),
    };
    let mut fault = FAULTS.get_ptr_mut(key);
    if fault.is_none() {
        let none = FaultValue {
            growths: 0,
            widest_bytes: 0,
        };
        let _ = FAULTS.insert(key, none, u64::from(BPF_NOEXIST));
        fault = FAULTS.get_ptr_mut(key);
    }
    let Some(fault) = fault else {
        loss::count(hit.context, Loss::Faults);
        return;
    };
    // SAFETY: a value of the map, valid while the program runs.
    add(unsafe { &raw mut (*fault).growths }, 1);
    let new_bytes = hit.argument::<3>();
    // SAFETY: as above. Two threads race for the wider one; the next hit of the loser mends it.
    if new_bytes > unsafe { (*fault).widest_bytes } {
        // SAFETY: as above.
        unsafe { (*fault).widest_bytes = new_bytes };
    }
}
