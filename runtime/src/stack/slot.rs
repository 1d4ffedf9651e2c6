//! One slot of address space: where its window ends, and whose it is.
//!
//! A record is read by the fault handler of any thread while its owner changes it, so every
//! field is an atomic, and records are never freed. They lie in an array beside the slab, not on
//! the stack itself: nothing that runs on a stack can overwrite them.
//!
//! ```text
//!   free ──1──▶ bound ──2──▶ free        1 bind: the owner takes it, StackCache::acquire
//!                                        2 unbind: StackCache::release, or Stack's drop
//! ```
//!
//! | state | `site` | who moves `low` |
//! |---|---|---|
//! | free | null | whoever holds the `Spare`: narrows it when its pages are given back |
//! | bound | the owner's | any thread that touches the guard: downwards only, never below `floor` |

use super::StackOwner;
use super::layout::Class;
use crate::primitive::static_atomic::{
    AtomicBool, AtomicPtr, AtomicU8, AtomicU64, AtomicUsize, Ordering,
};
use crate::site::Site;
use std::ptr;

/// The record of one slot. All orderings are relaxed unless said otherwise: a record passes from
/// one owner to the next with the stack itself, by whatever passes the stack.
#[repr(align(64))]
#[derive(Debug)]
pub(crate) struct Slot {
    /// The lowest open address.
    low: AtomicUsize,
    /// The lowest address that may open for this owner.
    floor: AtomicUsize,
    /// The address after the slot's last byte; 0 until the slot is first used.
    end: AtomicUsize,
    /// The owner's id.
    task: AtomicU64,
    /// The owner's site; null while the slot is free.
    site: AtomicPtr<Site>,
    /// The slot's class.
    class: AtomicU8,
    /// Whether the guard is a change of protection instead of a guard region.
    protected: AtomicBool,
}

impl Slot {
    /// First use: the window `[low, end)` is open, all below it is guarded.
    pub(super) fn prepare(&self, class: Class, low: usize, end: usize, protected: bool) {
        self.class.store(class.index() as u8, Ordering::Relaxed);
        self.protected.store(protected, Ordering::Relaxed);
        self.low.store(low, Ordering::Relaxed);
        self.floor.store(low, Ordering::Relaxed);
        self.end.store(end, Ordering::Relaxed);
    }

    /// Edge 1: from here on faults in the slot are the owner's growths.
    pub(super) fn bind(&self, owner: StackOwner, floor: usize) {
        self.floor.store(floor, Ordering::Relaxed);
        self.task.store(owner.task, Ordering::Relaxed);
        // Release: pairs with the acquire in `owner`, which reads the task after it.
        self.site
            .store(ptr::from_ref(owner.site).cast_mut(), Ordering::Release);
    }

    /// Edge 2.
    pub(super) fn unbind(&self) {
        self.site.store(ptr::null_mut(), Ordering::Relaxed);
        self.task.store(0, Ordering::Relaxed);
    }

    /// Who owns the slot; `None` while it is free.
    pub(super) fn owner(&self) -> Option<StackOwner> {
        let site = self.site.load(Ordering::Acquire);
        // SAFETY: the pointer is null or from a `&'static Site`.
        let site = unsafe { site.as_ref() }?;
        Some(StackOwner {
            task: self.task.load(Ordering::Relaxed),
            site,
        })
    }

    /// The lowest open address.
    #[inline(always)]
    pub(super) fn low(&self) -> usize {
        self.low.load(Ordering::Relaxed)
    }

    /// The lowest address that may open.
    pub(super) fn floor(&self) -> usize {
        self.floor.load(Ordering::Relaxed)
    }

    /// The address after the last byte.
    pub(super) fn end(&self) -> usize {
        self.end.load(Ordering::Relaxed)
    }

    /// The bytes of the open window.
    pub(super) fn open_bytes(&self) -> usize {
        self.end() - self.low()
    }

    /// The class.
    pub(super) fn class(&self) -> Class {
        Class::from_index(self.class.load(Ordering::Relaxed))
    }

    /// Whether the guard is a change of protection.
    pub(super) fn is_protected(&self) -> bool {
        self.protected.load(Ordering::Relaxed)
    }

    /// Records that all from `low` up is open now, and returns where the window began before.
    ///
    /// Two threads may open one slot at once; the lower window stays, and the differences that
    /// the two see add up to the whole.
    pub(super) fn lower_to(&self, low: usize) -> usize {
        self.low.fetch_min(low, Ordering::Relaxed)
    }

    /// Records that the window begins at `low` again. Only for a slot that nobody runs on.
    pub(super) fn raise_to(&self, low: usize) {
        self.low.store(low, Ordering::Relaxed);
    }
}
