//! Runaway recursion: a walk of a graph that has cycles, without a note of where it has been. Here
//! it stops when most of its stack is used; a real one would end the process.
//!
//! Repaired, the walk keeps a list and a note.

use std::hint::black_box;
use std::time::Duration;

use runtime::sleep;
use runtime::sync::WaitGroup;
use runtime::task::Builder;

use crate::load;

/// Walks at once.
const WALKS: usize = 64;

/// Depth at which a walk stops: some 330 KiB of stack, four doublings of the first window.
const DEPTH: usize = 300;

/// Bytes of locals in a frame.
const FRAME_BYTES: usize = 1_024;

/// A ring of nodes.
const NODES: usize = 50;

/// Stack limits, in turn: the runtime keeps wide stacks for those who come next, and gives back
/// a class's idle ones by the time that it comes round again.
const STACK_LIMITS_BYTES: [usize; 4] = [1 << 20, 2 << 20, 4 << 20, 8 << 20];

/// Time between two rounds of walks.
const PAUSE: Duration = Duration::from_secs(3);

/// Time at the bottom: enough for all the others to be as deep.
const AT_THE_BOTTOM: Duration = Duration::from_millis(500);

pub fn start(repaired: bool) {
    Builder::new().name("index").service(true).spawn(move || {
        load::settle();
        for stack_limit_bytes in STACK_LIMITS_BYTES.into_iter().cycle() {
            let group = WaitGroup::new();
            for _ in 0..WALKS {
                let member = group.clone();
                let walk = Builder::new().name("walk").stack_limit(stack_limit_bytes);
                walk.spawn(move || {
                    let nodes = if repaired { walk_once() } else { descend(0, 0) };
                    black_box(nodes);
                    drop(member);
                });
            }
            group.wait();
            sleep(PAUSE);
        }
    });
}

/// How many nodes there are, without an end but the stack's.
fn descend(node: usize, depth: usize) -> usize {
    let locals = black_box([node as u8; FRAME_BYTES]);
    let nodes = if depth < DEPTH {
        1 + descend((node + 1) % NODES, depth + 1)
    } else {
        sleep(AT_THE_BOTTOM);
        0
    };
    // Still in use: neither a tail call nor a frame without its locals.
    black_box(&locals);
    nodes
}

fn walk_once() -> usize {
    let mut seen = [false; NODES];
    let mut open = vec![0];
    while let Some(node) = open.pop() {
        if !std::mem::replace(&mut seen[node], true) {
            open.push((node + 1) % NODES);
        }
    }
    sleep(AT_THE_BOTTOM);
    seen.into_iter().filter(|seen| *seen).count()
}
