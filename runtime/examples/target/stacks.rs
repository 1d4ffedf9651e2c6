//! Tasks that recurse to a depth of stack and stay there.

use std::hint::black_box;

use runtime::Reason;
use runtime::task::Builder;

use crate::gate::{Gate, Hold};
use crate::truth;

/// Bytes of locals in one frame; with what the compiler adds, a frame is a little larger.
const FRAME_BYTES: usize = 1_024;

/// Room in a stack's limit beyond twice the depth, for all other frames of a task.
const SPARE_BYTES: usize = 64 * 1_024;

/// `tasks` tasks of one site recurse until `depth_bytes` of stack are in use, and park.
pub fn recurse(gate: &'static Gate, tasks: u64, depth_bytes: usize) {
    let limit_bytes = (2 * depth_bytes + SPARE_BYTES).max(256 * 1_024);
    for _ in 0..tasks {
        gate.hold(Reason::ChanRecv, |hold| {
            let builder = Builder::new().stack_limit(limit_bytes);
            truth::spawn_as(builder, move || descend(depth_bytes, stack_address(), hold)).id()
        });
    }
}

/// Goes on until the stack has grown by `bytes` from `start`, by address, not by count.
#[inline(never)]
fn descend(bytes: usize, start: usize, hold: Hold) {
    let locals = black_box([0_u8; FRAME_BYTES]);
    if start - stack_address() < bytes {
        descend(bytes, start, hold);
    } else {
        hold.wait();
    }
    // Still in use: neither a tail call nor a frame without its locals.
    black_box(&locals);
}

#[inline(never)]
fn stack_address() -> usize {
    let local = 0_u8;
    std::ptr::from_ref(black_box(&local)).addr()
}
