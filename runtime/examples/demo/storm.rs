//! Stacks that grow together: bursts of documents nested so deep that the recursive parser
//! needs a tall stack for each, all at once.
//!
//! An observer sees the growths of one line, several per task, far above the rate of a
//! healthy program.
//!
//! The runtime keeps the wide stacks of tasks that ended for the next ones, so a program that
//! parses such documents all the time soon stops growing stacks, and is no storm. These bursts
//! are rare, and each takes another class of stacks than the one before: by the time a class
//! comes round again, the runtime has given its idle stacks' pages back.

use std::hint::black_box;
use std::time::Duration;

use runtime::task::Builder;
use runtime::{sleep, sync::WaitGroup};

/// Documents that are parsed at once.
const DOCUMENTS: usize = 96;

/// How deep they are nested: some 330 KiB of stack, four doublings of the first window.
const NESTING: usize = 300;

/// Bytes of locals in a frame of the parser.
const TOKEN_BYTES: usize = 1_024;

/// Stack limits of the bursts, in turn.
const STACK_LIMITS_BYTES: [usize; 4] = [1 << 20, 2 << 20, 4 << 20, 8 << 20];

/// Time between bursts.
const PAUSE: Duration = Duration::from_secs(3);

/// How long a parser waits at the bottom of its document for the rest of it to arrive: long
/// enough that every other document of the burst is being parsed as well.
const AT_THE_BOTTOM: Duration = Duration::from_millis(500);

/// Starts the bursts.
pub fn start() {
    Builder::new().name("imports").service(true).spawn(|| {
        for stack_limit_bytes in STACK_LIMITS_BYTES.into_iter().cycle() {
            burst(stack_limit_bytes);
            sleep(PAUSE);
        }
    });
}

fn burst(stack_limit_bytes: usize) {
    let group = WaitGroup::new();
    let document = "[".repeat(NESTING) + &"]".repeat(NESTING);
    for _ in 0..DOCUMENTS {
        let (member, document) = (group.clone(), document.clone());
        Builder::new()
            .name("parse")
            .stack_limit(stack_limit_bytes)
            .spawn(move || {
                assert_eq!(parse(document.as_bytes()), NESTING);
                drop(member);
            });
    }
    group.wait();
}

/// How deep a document is nested, by recursive descent with a generous frame.
fn parse(document: &[u8]) -> usize {
    let token = black_box([0_u8; TOKEN_BYTES]);
    let depth = match document {
        [b'[', inner @ ..] => 1 + parse(inner),
        _ => {
            sleep(AT_THE_BOTTOM);
            0
        }
    };
    // Still in use: neither a tail call nor a frame without its locals.
    black_box(&token);
    depth
}
