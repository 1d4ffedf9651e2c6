//! `observer stalled-stack`: the stack of one stalled task as JSON, for the daemon, which starts it
//! for each task that a finding shows. Not for people: `observer dump` is.

use std::process::ExitCode;

use observer_ebpf_abi::{STALL_FRAMES, WalkedStack};

use super::output;
use crate::stacks::stalled_stack;

/// What the kernel walked.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// The process.
    #[arg(long)]
    pid: u32,
    /// Boot time of the walk in nanoseconds.
    #[arg(long)]
    walked_ns: u64,
    /// The saved program counter.
    #[arg(long)]
    pc: u64,
    /// The saved stack pointer.
    #[arg(long)]
    sp: u64,
    /// The saved frame pointer.
    #[arg(long)]
    fp: u64,
    /// Where the callers go on, the innermost first.
    callers: Vec<u64>,
}

/// Prints the stack.
///
/// # Errors
///
/// When the process has ended, or may not be looked at.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let stack = stalled_stack(arguments.pid, &walked(arguments))?;
    output::print(&output::json(&stack)?)?;
    Ok(ExitCode::SUCCESS)
}

fn walked(arguments: &Arguments) -> WalkedStack {
    let mut frames = [0; STALL_FRAMES];
    for (frame, caller) in frames.iter_mut().zip(&arguments.callers) {
        *frame = *caller;
    }
    WalkedStack {
        pc: arguments.pc,
        sp: arguments.sp,
        fp: arguments.fp,
        frame_count: arguments.callers.len().min(STALL_FRAMES) as u64,
        frames,
        walked_ns: arguments.walked_ns,
    }
}
