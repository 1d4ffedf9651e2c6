//! Large frames: a picture is put together in an array on the stack, by many tasks at once, each of
//! which needs nearly all of a stack for it.
//!
//! Repaired, the array is on the heap.

use std::hint::black_box;
use std::time::Duration;

use runtime::sleep;
use runtime::sync::WaitGroup;
use runtime::task::Builder;

use crate::load;

/// Pictures at once.
const PICTURES: usize = 80;

/// Bytes of one.
const PICTURE_BYTES: usize = 200 << 10;

/// Stack limits, in turn, as in `runaway_recursion`.
const STACK_LIMITS_BYTES: [usize; 4] = [256 << 10, 512 << 10, 1 << 20, 2 << 20];

/// Time between two rounds.
const PAUSE: Duration = Duration::from_secs(3);

/// Time to send one: all the others have begun by then.
const SEND: Duration = Duration::from_millis(500);

pub fn start(repaired: bool) {
    Builder::new().name("gallery").service(true).spawn(move || {
        load::settle();
        for stack_limit_bytes in STACK_LIMITS_BYTES.into_iter().cycle() {
            let group = WaitGroup::new();
            for _ in 0..PICTURES {
                let member = group.clone();
                let render = Builder::new().name("render").stack_limit(stack_limit_bytes);
                render.spawn(move || {
                    if repaired {
                        send(&mut vec![0; PICTURE_BYTES]);
                    } else {
                        render_on_the_stack();
                    }
                    drop(member);
                });
            }
            group.wait();
            sleep(PAUSE);
        }
    });
}

/// Of its own, so that the repaired task has no such frame.
#[inline(never)]
fn render_on_the_stack() {
    send(&mut black_box([0; PICTURE_BYTES]));
}

fn send(picture: &mut [u8]) {
    for (place, byte) in picture.iter_mut().enumerate() {
        *byte = place as u8;
    }
    sleep(SEND);
    black_box(picture);
}
