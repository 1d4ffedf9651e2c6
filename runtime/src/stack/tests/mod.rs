//! Stacks under test: bodies that run on a stack of their own, on the test's thread.

mod faults;
mod growth;
mod handlers;
mod memory;
mod reuse;
mod system_calls;

use super::{Stack, StackCache, StackOwner, install_worker_handler};
use crate::context::{Context, Switch};
use crate::ledger::{self, Counter};
use crate::site::{self, Site};
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::process::{Command, Output};
use std::sync::mpsc;

/// The limit that most tests use.
const LIMIT: usize = 256 * 1024;

/// The task that all bodies claim to be.
const TASK: u64 = 0x0000_0003_0000_0007;

/// Set in the environment of a test's child process.
const IN_CHILD: &str = "RUNTIME_TEST_CHILD";

/// The site of the calling line: every test counts at sites of its own.
#[track_caller]
fn site() -> &'static Site {
    site::intern(Location::caller(), Some("stack test"), false)
}

fn growths(site: &'static Site) -> u64 {
    ledger::sum(site).get(Counter::Growths)
}

fn bytes(site: &'static Site) -> u64 {
    ledger::sum(site).get(Counter::StackBytes)
}

/// A stack with the first window, not one that another test has widened.
fn acquire(cache: &mut StackCache, limit: usize, site: &'static Site) -> Stack {
    cache
        .acquire_fresh(limit, StackOwner { task: TASK, site })
        .expect("a stack")
}

/// A stack as tasks get it: one that was used before if there is one.
fn acquire_any(cache: &mut StackCache, limit: usize, site: &'static Site) -> Stack {
    cache
        .acquire(limit, StackOwner { task: TASK, site })
        .expect("a stack")
}

/// Runs `body` on a stack, and returns the stack with the body's result.
fn run_on<R: Send + 'static>(
    stack: Stack,
    body: impl FnOnce() -> R + Send + 'static,
) -> (Stack, R) {
    let handler = install_worker_handler();
    let (sender, receiver) = mpsc::channel();
    let mut context = Context::new(stack, move |_| {
        sender.send(catch_unwind(AssertUnwindSafe(body))).unwrap();
    });
    assert_eq!(context.resume(), Switch::Finished);
    drop(handler);
    let result = receiver
        .recv()
        .unwrap()
        .unwrap_or_else(|panic| resume_unwind(panic));
    (context.into_stack(), result)
}

/// Runs `body` on a fresh stack with the usual limit.
fn run<R: Send + 'static>(site: &'static Site, body: impl FnOnce() -> R + Send + 'static) -> R {
    let mut cache = StackCache::new();
    let (stack, result) = run_on(acquire(&mut cache, LIMIT, site), body);
    cache.release(stack);
    result
}

/// Uses at least `bytes` of stack, and returns a sum over what it wrote there, which is `bytes`
/// rounded up to whole frames.
#[inline(never)]
fn recurse(bytes: usize) -> usize {
    let mut frame = [1u8; 512];
    black_box(&mut frame);
    let below = if bytes > frame.len() {
        recurse(bytes - frame.len())
    } else {
        0
    };
    black_box(&frame)
        .iter()
        .map(|byte| usize::from(*byte))
        .sum::<usize>()
        + below
}

/// Never returns: it overflows its stack.
#[inline(never)]
#[allow(unconditional_recursion, reason = "what is tested")]
fn recurse_for_ever(depth: usize) -> usize {
    let frame = [depth; 64];
    recurse_for_ever(black_box(&frame)[1] + 1) + black_box(&frame)[2]
}

/// Uses about `bytes` of stack, then calls `f`.
#[inline(never)]
fn descend(bytes: usize, f: &dyn Fn()) {
    let pad = [0u8; 16];
    black_box(&pad);
    if bytes > 128 {
        descend(bytes - 128, f)
    } else {
        f()
    }
    black_box(&pad);
}

/// Runs `child` in a process of its own: the calling test, whose path is `test`, run alone.
fn in_child(test: &str, child: impl FnOnce()) -> Output {
    if std::env::var_os(IN_CHILD).is_some() {
        child();
        std::process::exit(0);
    }
    let test = test
        .split_once("::")
        .expect("a path that begins with the crate")
        .1;
    Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(IN_CHILD, "1")
        .env("RUST_BACKTRACE", "0")
        .output()
        .unwrap()
}

/// What a child wrote to standard error.
fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
