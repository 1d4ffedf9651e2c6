//! A stack in someone's hands: [`Stack`] while a task owns it, [`Spare`] while nobody does.

use super::headroom::Window;
use super::layout::{FIRST_WINDOW_BYTES, colour_bytes, effective_limit};
use super::slab::Place;
use super::slot::Slot;
use super::{StackError, StackOwner, guard, pool, totals};
use crate::ledger::{self, Counter};
use crate::primitive::static_atomic::{AtomicBool, Ordering};
use crate::sys::mem;

/// Whether stacks are handed out open down to their limit.
static FIXED: AtomicBool = AtomicBool::new(false);

/// From now on, whether stacks that are acquired are open down to their limit, so that they
/// never grow. For the whole process.
pub(crate) fn set_fixed(fixed: bool) {
    FIXED.store(fixed, Ordering::Relaxed);
}

/// The stack of one task.
///
/// Given back by [`super::StackCache::release`]; one that is dropped goes to the global pool.
#[derive(Debug)]
pub(crate) struct Stack {
    spare: Spare,
}

/// A stack that nobody runs on.
#[derive(Debug)]
pub(super) struct Spare {
    slot: &'static Slot,
    top: usize,
}

impl Stack {
    /// The bytes that are open now.
    #[allow(dead_code, reason = "asked by tests")]
    pub(crate) fn open_bytes(&self) -> usize {
        self.spare.open_bytes()
    }

    /// The bytes to which the stack can grow; its first frame begins up to 2 KiB below the top
    /// of them.
    #[allow(dead_code, reason = "asked by tests")]
    pub(crate) fn limit_bytes(&self) -> usize {
        let slot = self.spare.slot;
        slot.end() - slot.floor()
    }

    /// The address at which the first frame begins: a multiple of 64.
    #[inline(always)]
    pub(crate) fn top(&self) -> usize {
        self.spare.top
    }

    /// The lowest address of the slot, in the gap.
    pub(crate) fn bottom(&self) -> usize {
        self.spare.slot.end() - self.spare.slot.class().stride_bytes()
    }

    /// Whether an address lies on this stack or in the guard and gap under it.
    #[allow(dead_code, reason = "asked by tests")]
    pub(crate) fn contains(&self, address: usize) -> bool {
        (self.bottom()..self.top()).contains(&address)
    }

    /// The window, for the code that runs on the stack.
    pub(crate) fn window(&self) -> Window {
        Window(self.spare.slot)
    }

    /// Takes the stack from its owner, whose site and open bytes this returns.
    pub(super) fn into_spare(self) -> (Spare, Option<StackOwner>, usize) {
        let spare = Spare {
            slot: self.spare.slot,
            top: self.spare.top,
        };
        std::mem::forget(self);
        let owner = spare.slot.owner();
        let bytes = spare.open_bytes();
        spare.slot.unbind();
        (spare, owner, bytes)
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let stack = Self {
            spare: Spare {
                slot: self.spare.slot,
                top: self.spare.top,
            },
        };
        let (spare, owner, bytes) = stack.into_spare();
        if let Some(owner) = owner {
            ledger::shared().add(owner.site, Counter::StackBytes, -(bytes as i64));
        }
        totals::shared().move_to_cached(bytes);
        pool::put([spare].into_iter());
    }
}

impl Spare {
    /// The stack of a slot whose guard is in place.
    pub(super) fn fresh(slot: &'static Slot, place: Place) -> Self {
        Self {
            slot,
            top: place.end - colour_bytes(place.index),
        }
    }

    pub(super) fn slot(&self) -> &'static Slot {
        self.slot
    }

    pub(super) fn open_bytes(&self) -> usize {
        self.slot.open_bytes()
    }

    /// Hands the stack to an owner, with the window that the limit and the process's setting ask
    /// for.
    pub(super) fn bind(
        self,
        limit_bytes: usize,
        owner: StackOwner,
    ) -> Result<Stack, (Self, StackError)> {
        let floor = self.slot.end() - effective_limit(limit_bytes);
        if let Err(errno) = self.fit(floor) {
            return Err((self, StackError::NotOpened { errno: errno.0 }));
        }
        self.slot.bind(owner, floor);
        Ok(Stack { spare: self })
    }

    fn fit(&self, floor: usize) -> Result<(), mem::Errno> {
        let low = self.slot.low();
        if low < floor {
            // SAFETY: nobody runs on a spare stack.
            return unsafe { guard::close(self.slot, low, floor) };
        }
        if low > floor && FIXED.load(Ordering::Relaxed) {
            guard::open(self.slot, floor, low)?;
            self.slot.lower_to(floor);
        }
        Ok(())
    }

    /// Gives the pages back to the kernel and narrows the window to the first one.
    ///
    /// Locked memory stays as it is: the kernel refuses both.
    pub(super) fn give_back(&self) {
        let (low, end) = (self.slot.low(), self.slot.end());
        let first = end - FIRST_WINDOW_BYTES;
        if low < first {
            // SAFETY: nobody runs on a spare stack.
            let _ = unsafe { guard::close(self.slot, low, first) };
        }
        // SAFETY: as above, and nothing on it is needed any more.
        let _ = unsafe { mem::discard(first, FIRST_WINDOW_BYTES) };
    }
}
