//! The work of the benches `recursion` and `recursion_yield`: the same function on every runtime
//! whose tasks have stacks.

use std::hint::black_box;

/// Bytes of locals in one frame; with what the compiler adds, a frame is a little larger.
pub const FRAME_BYTES: usize = 256;

/// Recurses until about `bytes` of stack are in use, touching all of it, and does `at_bottom`
/// there; gives a number that depends on every frame.
#[inline(never)]
pub fn recurse(bytes: usize, at_bottom: fn()) -> u64 {
    let locals = black_box([bytes as u8; FRAME_BYTES]);
    let below = if bytes > FRAME_BYTES {
        recurse(bytes - FRAME_BYTES, at_bottom)
    } else {
        at_bottom();
        0
    };
    below + u64::from(black_box(&locals)[0])
}
