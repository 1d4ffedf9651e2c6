//! The frames of a stack on which nobody runs, by the chain of frame pointers.
//!
//! Frame pointers are there only in code that was built with them; what follows other code is not
//! found, or is a number that happened to look like an address, so each is checked. A library would
//! want unwind tables and a thread to stop; this is for dumps of tasks from inside of the process.

use std::ops::Range;

use super::slab;
use crate::sys::registers::Registers;

/// Frames that are looked at, at most.
const MOST_FRAMES: usize = 64;

/// Where the code of a task is that has left its stack at these registers, and to where it returns,
/// innermost first. `is_code` says what may be such an address.
///
/// # Safety
/// Nobody runs on the stack, or gives it back, meanwhile.
pub(crate) unsafe fn frames(at: Registers, is_code: impl Fn(u64) -> bool) -> Vec<u64> {
    let mut frames = vec![at.pc];
    let Some(place) = slab::find(at.sp as usize) else {
        return frames;
    };
    let open = at.sp as usize..place.slot.end();
    let mut frame = at.fp as usize;
    while frames.len() < MOST_FRAMES && is_frame(frame, &open) {
        // SAFETY: two words in the open part of a stack that nobody changes, as the caller promises.
        let [outer, returns_to] =
            unsafe { std::ptr::with_exposed_provenance::<[u64; 2]>(frame).read() };
        if !is_code(returns_to) {
            break;
        }
        frames.push(returns_to);
        // Frames of callers are above.
        if outer as usize <= frame {
            break;
        }
        frame = outer as usize;
    }
    frames
}

fn is_frame(address: usize, open: &Range<usize>) -> bool {
    let end = address.saturating_add(size_of::<[u64; 2]>());
    address.is_multiple_of(align_of::<u64>()) && open.contains(&address) && end <= open.end
}
