//! What the tests of stacks share: depth, stacks that are new, and processes of their own for what
//! ends one or counts its memory.
#![allow(dead_code, reason = "each test program uses some of it")]

use std::hint::black_box;
use std::process::{Command, Output};
use std::sync::Arc;

use runtime::{spawn, sync::Barrier};

/// Set in the environment of a test's child process.
const IN_CHILD: &str = "RUNTIME_TEST_CHILD";

/// Uses at least `bytes` of stack and then calls `f`; counts its frames on the way back.
#[inline(never)]
pub fn descend(bytes: usize, f: &mut dyn FnMut()) -> usize {
    let mut frame = [1u8; 128];
    black_box(&mut frame);
    let below = if bytes > frame.len() {
        descend(bytes - frame.len(), f)
    } else {
        f();
        0
    };
    below
        + black_box(&frame)
            .iter()
            .map(|byte| usize::from(*byte))
            .sum::<usize>()
}

/// Overflows its stack.
#[inline(never)]
#[allow(unconditional_recursion, reason = "what is tested")]
pub fn recurse_for_ever(depth: usize) -> usize {
    let frame = [depth; 64];
    recurse_for_ever(black_box(&frame)[1] + 1) + black_box(&frame)[2]
}

/// Runs `body` with each number below `count` in a task of its own; none goes on before all have
/// their stacks, so that in a new process none has grown before.
pub fn on_stacks_of_their_own(count: usize, body: impl Fn(usize) + Clone + Send + 'static) {
    let begun = Arc::new(Barrier::new(count));
    let start = |number| {
        let (begun, body) = (Arc::clone(&begun), body.clone());
        spawn(move || {
            begun.wait();
            body(number);
        })
    };
    let tasks: Vec<_> = (0..count).map(start).collect();
    for task in tasks {
        task.join().unwrap();
    }
}

/// Runs `child` in a process of its own: the test of this name, alone.
pub fn in_child(test: &str, child: impl FnOnce()) -> Output {
    in_child_with("0", test, child)
}

/// The same with this for `RUST_BACKTRACE`.
pub fn in_child_with(backtrace: &str, test: &str, child: impl FnOnce()) -> Output {
    if std::env::var_os(IN_CHILD).is_some() {
        child();
        std::process::exit(0);
    }
    Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(IN_CHILD, "1")
        .env("RUST_BACKTRACE", backtrace)
        .output()
        .unwrap()
}

/// What a child wrote to standard error.
pub fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A child that ended well.
#[track_caller]
pub fn assert_success(output: &Output) {
    let status = output.status;
    assert!(status.success(), "{status:?} {}", errors(output));
}

/// What the process has in memory.
pub fn resident_bytes() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

/// How many times stacks of this process have grown.
pub fn growths() -> u64 {
    let sites = runtime::introspect::sites();
    sites.iter().map(|site| site.growths).sum()
}
