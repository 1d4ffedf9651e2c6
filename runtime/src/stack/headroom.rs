//! Opening stack before it is needed: on entry to the runtime, for a system call, on request.
//!
//! A fault in the guard opens it as well, but not everywhere: the kernel answers `EFAULT` when
//! it writes there itself, and kills where SIGSEGV is blocked.

use super::growth::{self, Growth};
use super::layout::HEADROOM_BYTES;
use super::slab;
use super::slot::Slot;
use crate::sys::registers;

/// The window of a stack, for the code that runs on it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window(pub(super) &'static Slot);

/// Makes sure that a task that enters the runtime has 8 KiB of open stack below it.
///
/// One subtraction and one compare, unless the window ends near: an address that is not on the
/// stack at all (a worker's) is far from the window, too. Called on the task's stack.
#[inline(always)]
pub(crate) fn ensure_headroom(window: Window) {
    let here = registers::stack_pointer();
    if here.wrapping_sub(window.0.low()) < HEADROOM_BYTES {
        open_headroom(window.0);
    }
}

#[cold]
#[inline(never)]
fn open_headroom(slot: &Slot) {
    let at = registers::capture();
    let wanted = (at.sp as usize).saturating_sub(HEADROOM_BYTES);
    // Near the limit, or if the kernel refuses, the task goes on with what there is: the guard
    // is still below it.
    let _ = growth::grow(slot, wanted.max(slot.floor()), at);
}

/// Opens the part of a stack that a system call is about to write to.
///
/// A buffer that is on no task's stack, or where the stack is open already, costs a few loads. A
/// buffer below its stack's limit is left alone: the kernel refuses it.
#[inline]
pub(crate) fn prepare_buffer(address: usize, len: usize) {
    if len == 0 {
        return;
    }
    let Some(place) = slab::find(address) else {
        return;
    };
    if address < place.slot.low() && place.slot.owner().is_some() {
        let _ = growth::grow(place.slot, address, registers::capture());
    }
}

/// Runs `f` with at least `bytes` of open stack below it.
///
/// Stacks of tasks open as they are touched. Some code cannot do with that: what runs while
/// SIGSEGV is blocked (`posix_spawn` does that in the parent, and so does
/// [`std::process::Command`]), inline system calls that write to local buffers, and signal
/// handlers without an alternate stack. Call such code through this function. On a thread that
/// runs no task it only calls `f`.
///
/// # Panics
///
/// If the task's limit leaves less than `bytes`: give the task a larger one (its builder's
/// `stack_limit`).
///
/// ```
/// let output = runtime::with_stack(64 * 1024, || {
///     std::process::Command::new("true").status()
/// });
/// assert!(output.is_ok());
/// ```
pub fn with_open_stack<R>(bytes: usize, f: impl FnOnce() -> R) -> R {
    let at = registers::capture();
    let here = at.sp as usize;
    if let Some(place) = slab::find(here) {
        let wanted = here.saturating_sub(bytes);
        if wanted < place.slot.low() && growth::grow(place.slot, wanted, at) != Growth::Open {
            refuse(bytes, here.saturating_sub(place.slot.floor()));
        }
    }
    f()
}

#[cold]
fn refuse(bytes: usize, left: usize) -> ! {
    panic!(
        "with_stack was asked for {bytes} bytes, but the task's stack limit leaves {left}: \
         raise its `stack_limit`"
    );
}
