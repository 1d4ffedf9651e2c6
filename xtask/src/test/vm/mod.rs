//! The layer `vm`: the kernel tests, and the observer beside a target, on kernels older than this
//! machine's, in QEMU without KVM.
//!
//! Needs no root. Debian's cloud kernels are unpacked, never installed; a machine is a kernel and
//! a root file system in memory, is told what to run by its `/init`, and ends by itself.

mod image;
mod kernels;
mod machine;

use anyhow::Result;

use super::outcome::{Counts, Verdict};
use crate::plan;
use crate::runner;
use crate::workspace::Workspace;
pub use image::Programs;
use kernels::KERNELS;

/// Not in the image: `bpftrace`'s LLVM alone is larger than all the rest, and this test is about
/// bpftrace beside us, which the layer `kernel` shows.
const LEFT_OUT: &str = "bpftrace_on_the_same_probe_counts_the_same";
/// The end-to-end tests that need nothing but targets and the observer, and that are not about how
/// many seconds something takes: an emulated processor is slow.
const END_TO_END: &str = "killed:: processes::";
/// What the layer starts on this machine.
pub const PROGRAMS: [&str; 6] = [
    "qemu-system-x86_64",
    "busybox",
    "gcc",
    "strip",
    "ldd",
    "timeout",
];

/// Runs the tests on each kernel, all of them whatever happens.
pub fn run(workspace: &Workspace, programs: &Programs, install: bool) -> Result<Verdict> {
    let folder = workspace.target.join("vm");
    let mut images = Vec::new();
    for kernel in KERNELS {
        match kernel.image(workspace, &folder, install) {
            Ok(image) => images.push((kernel.release, image)),
            Err(error) => {
                let reason = format!("no Linux {}: {error:#}", kernel.release);
                return Ok(Verdict::CannotRun(reason));
            }
        }
    }
    let disk = image::build(workspace, &folder, programs, &script())?;
    let mut counts = Counts::default();
    let mut success = true;
    for (release, image) in images {
        plan::say(&format!("the tests on Linux {release}, in QEMU"));
        let call = machine::call(&image, &disk);
        let log = format!("vm-{release}");
        let finished = runner::run(workspace, &log, &call, runner::Show::Lines)?;
        success &= machine::succeeded(&finished.stdout, release);
        counts.add(Counts::parse(&finished.stdout));
    }
    Ok(if success {
        Verdict::Passed(counts)
    } else {
        Verdict::Failed(counts)
    })
}

/// What a machine runs, in a shell.
fn script() -> String {
    format!(
        "kernel --test-threads 1 --skip {LEFT_OUT} || failed=1\n\
         e2e --test-threads 1 {END_TO_END} || failed=1\n"
    )
}
