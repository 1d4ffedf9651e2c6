//! Guards: what makes a touch below the window fault.
//!
//! Linux 6.13 can mark pages as guards within a mapping (`MADV_GUARD_INSTALL`) without a
//! mapping of their own, so a million stacks are some 25 mappings. Where the kernel is older, or
//! the memory is locked (`mlockall` refuses guards), the pages lose their access rights instead
//! (`mprotect`): then every stack is two mappings, and their number is bounded by
//! `vm.max_map_count`.
//!
//! All of a slot below its window is guarded at its first use: 2.5 µs for 256 KiB, once, since
//! slots are used again. A guard of 64 KiB that moves down with the window would be 1.1 µs
//! (measured), and was rejected: to install a guard drops what is in the pages, and two threads
//! may widen one window at once, so the fault handler would have to take a lock. And what lies
//! between such a guard and the gap would be writable: a frame that jumps over the guard would
//! land there unseen, and lose what it wrote when the guard moves down. To guard many fresh slots
//! by one call, and to open each one's window at its use, costs more (2.05 and 0.6 µs a slot): it
//! is the pages that take the time, 26 ns each, not the calls.
//!
//! Opening a window is called from the fault handler: one system call, nothing else.

use super::StackError;
use super::layout::FIRST_WINDOW_BYTES;
use super::slab::{Place, Slab};
use super::slot::Slot;
use crate::primitive::static_atomic::{AtomicUsize, Ordering};
use crate::primitive::static_sync::OnceLock;
use crate::sys::mem::{self, Access, Errno, PAGE_BYTES};

/// Mappings of the process that are left to everything but stacks.
const OTHER_MAPPINGS: usize = 4096;

/// The kernel's default for `vm.max_map_count`, for when it cannot be read.
const DEFAULT_MAP_COUNT: usize = 65_530;

/// Stacks guarded by `mprotect`.
static PROTECTED: AtomicUsize = AtomicUsize::new(0);

/// Whether guard regions can be installed in memory that is mapped now.
///
/// Asked for every slab, by trying: a process may lock its memory at any time.
pub(super) fn regions_work() -> bool {
    let Ok(base) = mem::reserve(PAGE_BYTES, PAGE_BYTES, Access::ReadWrite) else {
        return true;
    };
    // SAFETY: the page was just reserved; nothing refers to it.
    let installed = unsafe { mem::install_guard(base, PAGE_BYTES) };
    // SAFETY: as above.
    unsafe { mem::unmap(base, PAGE_BYTES) };
    installed.is_ok()
}

/// Guards a slot that was never used, but for its first window.
pub(super) fn prepare(slab: &Slab, place: Place) -> Result<&'static Slot, StackError> {
    let low = place.end - FIRST_WINDOW_BYTES;
    let protected = match slab.access() {
        Access::ReadWrite => !install_or_protect(place.start, low)?,
        Access::None => {
            protect_counted(|| {
                // SAFETY: the window of a slot that nobody uses yet; access is only added.
                unsafe { mem::protect(low, FIRST_WINDOW_BYTES, Access::ReadWrite) }
            })?;
            true
        }
    };
    place.slot.prepare(slab.class(), low, place.end, protected);
    Ok(place.slot)
}

/// Guards `[start, low)` by a region (true), or by its access rights (false).
fn install_or_protect(start: usize, low: usize) -> Result<bool, StackError> {
    // SAFETY: the lower part of a slot that nobody uses yet.
    if unsafe { mem::install_guard(start, low - start) }.is_ok() {
        return Ok(true);
    }
    // SAFETY: as above.
    protect_counted(|| unsafe { mem::protect(start, low - start, Access::None) })?;
    Ok(false)
}

/// Changes a protection within the bound on such stacks.
fn protect_counted(change: impl FnOnce() -> Result<(), Errno>) -> Result<(), StackError> {
    let bound = protected_bound();
    if PROTECTED.fetch_add(1, Ordering::Relaxed) < bound && change().is_ok() {
        return Ok(());
    }
    PROTECTED.fetch_sub(1, Ordering::Relaxed);
    Err(StackError::TooManyMappings { bound })
}

/// How many stacks may be guarded by `mprotect`: two mappings each.
fn protected_bound() -> usize {
    static BOUND: OnceLock<usize> = OnceLock::new();
    *BOUND.get_or_init(|| {
        let text = std::fs::read_to_string("/proc/sys/vm/max_map_count").unwrap_or_default();
        let mappings = text.trim().parse().unwrap_or(DEFAULT_MAP_COUNT);
        mappings.saturating_sub(OTHER_MAPPINGS) / 2
    })
}

/// Opens `[low, old_low)` of a slot. Async-signal-safe.
pub(super) fn open(slot: &Slot, low: usize, old_low: usize) -> Result<(), Errno> {
    let bytes = old_low - low;
    if slot.is_protected() {
        // SAFETY: the range lies in a slot, above its floor; access is only added.
        unsafe { mem::protect(low, bytes, Access::ReadWrite) }
    } else {
        // SAFETY: the range lies in a slot of a readable and writable slab.
        unsafe { mem::remove_guard(low, bytes) }
    }
}

/// Guards `[low, new_low)` of a slot again and drops its pages. The slot's window then begins
/// at `new_low`; on an error it stays as it is.
///
/// # Safety
/// Nobody runs on the slot's stack, and nothing refers into the range.
pub(super) unsafe fn close(slot: &Slot, low: usize, new_low: usize) -> Result<(), Errno> {
    let bytes = new_low - low;
    if slot.is_protected() {
        // SAFETY: the caller's promise.
        unsafe { mem::discard(low, bytes) }?;
        // SAFETY: the caller's promise.
        unsafe { mem::protect(low, bytes, Access::None) }?;
    } else {
        // SAFETY: the caller's promise.
        unsafe { mem::install_guard(low, bytes) }?;
    }
    slot.raise_to(new_low);
    Ok(())
}

/// How many stacks are guarded by `mprotect` now.
#[cfg(test)]
pub(super) fn protected_count() -> usize {
    PROTECTED.load(Ordering::Relaxed)
}

/// Counts `more` stacks that do not exist.
#[cfg(test)]
pub(super) fn pretend_protected(more: usize) {
    PROTECTED.fetch_add(more, Ordering::Relaxed);
}
