//! The layer `sanitize`: the runtime's tests with the thread sanitizer and with the address
//! sanitizer of the nightly's compiler.
//!
//! The thread sanitizer follows neither a switch of stacks nor what a standard library does that
//! was built without it. So tasks run on threads of their own, as under Miri (`--cfg stand_in`),
//! and the library is built anew. The address sanitizer is told of every switch
//! (`--cfg address_sanitizer`, `runtime/src/context/told.rs`) and sees the real stacks.

use crate::command::Invocation;
use crate::workspace::Workspace;

/// Tests of a hundred thousand tasks, which would be as many threads, are in other files.
const TESTS_ON_THREADS: [&str; 3] = ["chan_*", "sync_*", "task_*"];
const TESTS_ON_STACKS: [&str; 5] = ["chan_*", "sync_*", "task_*", "sched_panics", "stack_tasks"];
/// Leaves faults to the runtime's handler, and keeps no copies of frames, which know nothing of
/// tasks. Records of tasks live for ever by design.
const ADDRESS_OPTIONS: &str =
    "handle_segv=0:use_sigaltstack=0:detect_stack_use_after_return=0:detect_leaks=0";
/// Tests of what memory tasks take: the address sanitizer has memory of its own for each page.
const LEFT_OUT: [&str; 2] = ["stack::tests::memory", "parked_tasks_cost_a_page"];

/// The runtime's tests with the thread sanitizer.
pub fn thread(workspace: &Workspace, nightly: &str) -> Invocation {
    let call = sanitized(workspace, nightly, "thread", "--cfg stand_in");
    call.arg("-Zbuild-std")
        .args(tests(&TESTS_ON_THREADS))
        .env("TSAN_OPTIONS", "halt_on_error=1")
}

/// The runtime's tests with the address sanitizer; what follows are the test programs' arguments.
pub fn address(workspace: &Workspace, nightly: &str) -> Invocation {
    let call = sanitized(workspace, nightly, "address", "--cfg address_sanitizer");
    call.args(tests(&TESTS_ON_STACKS))
        .env("ASAN_OPTIONS", ADDRESS_OPTIONS)
}

/// What the programs of [`address`] are to leave out.
pub fn skipped_on_stacks() -> impl Iterator<Item = &'static str> {
    LEFT_OUT.into_iter().flat_map(|name| ["--skip", name])
}

fn sanitized(workspace: &Workspace, nightly: &str, sanitizer: &str, flags: &str) -> Invocation {
    let flags = format!("-Zsanitizer={sanitizer} -Cunsafe-allow-abi-mismatch=sanitizer {flags}");
    // A target makes it a cross build, so that build scripts are made without these flags.
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    Invocation::new("rustup")
        .args(["run", nightly, "cargo", "test", "--no-fail-fast"])
        .without_toolchain_choice()
        .args(["--target", &target, "--package", "runtime", "--lib"])
        .env("RUSTFLAGS", flags)
        .env("CARGO_TARGET_DIR", workspace.target.join(sanitizer))
        .folder(&workspace.root)
}

fn tests(names: &'static [&'static str]) -> impl Iterator<Item = &'static str> {
    names.iter().flat_map(|name| ["--test", *name])
}
