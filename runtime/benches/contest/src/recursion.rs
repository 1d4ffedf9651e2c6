//! The work of the bench `recursion`: the same function on every runtime.

use std::hint::black_box;

/// Bytes of locals in one frame; with what the compiler adds, a frame is a little larger.
const FRAME_BYTES: usize = 256;

/// Recurses until about `bytes` of stack are in use, touching all of it; gives a number that
/// depends on every frame.
#[inline(never)]
pub fn recurse(bytes: usize) -> u64 {
    let locals = black_box([bytes as u8; FRAME_BYTES]);
    let below = if bytes > FRAME_BYTES {
        recurse(bytes - FRAME_BYTES)
    } else {
        0
    };
    below + u64::from(black_box(&locals)[0])
}
