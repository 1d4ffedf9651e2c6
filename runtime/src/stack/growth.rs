//! Growth: how far a window opens when something below it is needed.
//!
//! Called by the fault handler, the headroom check and those who ask for stack beforehand. It
//! allocates nothing, takes no lock and reads no thread-local; two threads may widen one window
//! at once.

use super::guard;
use super::layout::LEAST_GROWTH_BYTES;
use super::slot::Slot;
use crate::ledger::{self, Counter};
use crate::probe;
use crate::sys::mem::{Errno, PAGE_BYTES};
use crate::sys::registers::Registers;

/// What became of a wish for more open stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Growth {
    /// The window is wider now, or was wide enough already.
    Open,
    /// The address is below the task's limit.
    BeyondLimit,
    /// The kernel would not open it.
    Refused(Errno),
}

/// Opens the window of a slot down to `address` and some way below, and counts it as the
/// owner's growth.
pub(super) fn grow(slot: &Slot, address: usize, at: Registers) -> Growth {
    let (low, end) = (slot.low(), slot.end());
    let Some(wanted) = next_low(address, low, end, slot.floor()) else {
        return Growth::BeyondLimit;
    };
    widen(slot, wanted, at)
}

/// Opens the window of a slot down to `wanted`, a page's begin at or above its floor, exactly.
pub(super) fn widen(slot: &Slot, wanted: usize, at: Registers) -> Growth {
    let low = slot.low();
    if wanted >= low {
        return reopen(slot, low);
    }
    if let Err(errno) = guard::open(slot, wanted, low) {
        return Growth::Refused(errno);
    }
    let before = slot.lower_to(wanted);
    if wanted < before {
        report(slot, before, wanted, at);
    }
    Growth::Open
}

/// The window is wide enough, yet something faulted: another thread has opened it in between.
/// The call makes sure that this thread sees it so; it changes nothing else.
fn reopen(slot: &Slot, low: usize) -> Growth {
    match guard::open(slot, low, slot.end()) {
        Ok(()) => Growth::Open,
        Err(errno) => Growth::Refused(errno),
    }
}

/// Where the window begins after `address` was touched below `low`: all of the page and at least
/// [`LEAST_GROWTH_BYTES`] below it are open then, and the window has at least doubled, within
/// the limit. `None` if the address is below the limit.
pub(super) fn next_low(address: usize, low: usize, end: usize, floor: usize) -> Option<usize> {
    if address < floor || address >= end {
        return None;
    }
    if address >= low {
        return Some(low);
    }
    let page = address / PAGE_BYTES * PAGE_BYTES;
    let doubled = end.saturating_sub(2 * (end - low));
    Some(
        page.saturating_sub(LEAST_GROWTH_BYTES)
            .min(doubled)
            .max(floor),
    )
}

/// Tells the ledger and the tracers. The adds are atomic: this may interrupt the owner's own.
fn report(slot: &Slot, before: usize, now: usize, at: Registers) {
    let Some(owner) = slot.owner() else { return };
    let end = slot.end();
    let ledger = ledger::shared();
    ledger.add(owner.site, Counter::Growths, 1);
    ledger.add(owner.site, Counter::StackBytes, (before - now) as i64);
    super::totals::grown(before - now);
    probe::stack_grow(
        owner.task,
        owner.site.address(),
        (end - before) as u64,
        (end - now) as u64,
        at.pc,
        at.sp,
        at.fp,
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const END: usize = 0x7000_0010_0000;
    const FLOOR: usize = END - 256 * 1024;
    const LOW: usize = END - 32 * 1024;

    #[test]
    fn a_touch_just_below_doubles_the_window() {
        assert_eq!(next_low(LOW - 1, LOW, END, FLOOR), Some(END - 64 * 1024));
    }

    #[test]
    fn a_touch_far_below_opens_its_page_and_sixteen_kibibytes_more() {
        let touched = END - 100 * 1024 - 8;
        assert_eq!(
            next_low(touched, LOW, END, FLOOR),
            Some(END - (104 + 16) * 1024)
        );
    }

    #[test]
    fn nothing_opens_below_the_limit() {
        assert_eq!(next_low(FLOOR, LOW, END, FLOOR), Some(FLOOR));
        assert_eq!(next_low(FLOOR - 1, LOW, END, FLOOR), None);
        assert_eq!(next_low(END, LOW, END, FLOOR), None);
    }

    #[test]
    fn a_touch_of_what_is_open_changes_nothing() {
        assert_eq!(next_low(LOW, LOW, END, FLOOR), Some(LOW));
    }

    proptest! {
        #[test]
        fn every_answer_covers_the_touch_and_keeps_the_rules(
            open_pages in 8usize..64,
            below in 1usize..(256 * 1024),
        ) {
            let low = END - open_pages * PAGE_BYTES;
            prop_assume!(low > FLOOR);
            let touched = low - below.min(low - FLOOR);
            let wanted = next_low(touched, low, END, FLOOR).unwrap();
            prop_assert_eq!(wanted % PAGE_BYTES, 0);
            prop_assert!(wanted >= FLOOR && wanted <= touched && wanted < low);
            let roomy = touched / PAGE_BYTES * PAGE_BYTES - wanted >= LEAST_GROWTH_BYTES;
            prop_assert!(roomy || wanted == FLOOR);
            prop_assert!(END - wanted >= 2 * (END - low) || wanted == FLOOR);
        }
    }
}
