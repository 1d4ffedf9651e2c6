//! The layer `sanitize`: the runtime's tests with the thread sanitizer of the nightly's compiler.
//!
//! It follows neither a switch of stacks nor what a standard library does that was built without
//! it. So tasks run on threads of their own, as under Miri (`--cfg stand_in`), and the library is
//! built anew.
//!
//! The address sanitizer is not here: it takes what unwinding leaves on a task's stack for live
//! frames, and reports them, unless it is told of every switch.

use crate::command::Invocation;
use crate::workspace::Workspace;

/// Tests of a hundred thousand tasks, which would be as many threads, are in other files.
const TESTS: [&str; 3] = ["chan_*", "sync_*", "task_*"];

/// The runtime's tests with the thread sanitizer.
pub fn thread(workspace: &Workspace, nightly: &str) -> Invocation {
    // A target makes it a cross build, so that build scripts are made without these flags.
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    Invocation::new("rustup")
        .args(["run", nightly, "cargo", "test", "--no-fail-fast"])
        .without_toolchain_choice()
        .args(["-Zbuild-std", "--target", &target])
        .args(["--package", "runtime", "--lib"])
        .args(TESTS.iter().flat_map(|name| ["--test", *name]))
        .env(
            "RUSTFLAGS",
            "-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer --cfg stand_in",
        )
        .env("TSAN_OPTIONS", "halt_on_error=1")
        .env("CARGO_TARGET_DIR", workspace.target.join("thread"))
        .folder(&workspace.root)
}
