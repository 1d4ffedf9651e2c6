//! What happens to the process itself: forks, another program, another runtime, memory.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, Result};
use runtime::{Builder, Handle, Reason, chan, with_stack};
use serde_json::{Value, json};

use crate::gate::Gate;
use crate::truth;

/// Stack that code outside of our control gets opened before it runs on a task.
const FOREIGN_STACK_BYTES: usize = 64 * 1_024;

/// How often a forked child looks whether its parent lives.
const CHILD_LOOKS_EVERY_US: libc::useconds_t = 50_000;

/// Forks without exec; the child does nothing until its parent ends or somebody kills it.
pub fn fork() -> Result<i32> {
    // SAFETY: takes no pointer; children that end are not to stay as zombies.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
    // SAFETY: takes nothing.
    let parent = unsafe { libc::getpid() };
    // SAFETY: the child calls nothing but `getppid`, `usleep` and `_exit`, which are
    // async-signal-safe.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()).context("fork failed"),
        0 => wait_for_the_end_of(parent),
        child => Ok(child),
    }
}

fn wait_for_the_end_of(parent: i32) -> ! {
    // SAFETY: takes nothing.
    while unsafe { libc::getppid() } == parent {
        // SAFETY: takes no pointer.
        unsafe { libc::usleep(CHILD_LOOKS_EVERY_US) };
    }
    // SAFETY: ends the child without running destructors or handlers of the parent.
    unsafe { libc::_exit(0) }
}

/// Becomes another program; returns only if that fails. The new program answers for itself.
pub fn exec(path: &str, arguments: &[&str]) -> Result<Value> {
    let error = with_stack(FOREIGN_STACK_BYTES, || {
        Command::new(path).args(arguments).exec()
    });
    Err(error).with_context(|| format!("cannot execute {path}"))
}

/// A second runtime in this process, with tasks of one site that wait at the same gate;
/// returns once they are spawned.
pub fn second_runtime(gate: &'static Gate, tasks: u64) {
    let (ready, is_ready) = chan::bounded(1);
    std::thread::spawn(move || {
        Builder::new().workers(1).run(move || {
            for _ in 0..tasks {
                gate.hold(Reason::ChanRecv, |hold| {
                    truth::spawn(move || hold.wait()).id()
                });
            }
            // The root task of the first runtime waits for this.
            let _ = ready.send(());
            let (_keep, never) = chan::bounded::<()>(1);
            never.recv()
        })
    });
    // The second runtime cannot end before it has said that it is ready.
    let _ = is_ready.recv();
}

/// Tasks of one site, spawned by a thread that runs none, which wait at the gate; returns once
/// they are spawned.
pub fn foreign(gate: &'static Gate, tasks: u64) -> Result<()> {
    let handle = Handle::current().context("the commands run in a task")?;
    let (done, is_done) = chan::bounded(1);
    std::thread::spawn(move || {
        for _ in 0..tasks {
            gate.hold(Reason::ChanRecv, |hold| {
                truth::spawn_through(handle, move || hold.wait()).id()
            });
        }
        // The root task waits for this.
        let _ = done.send(());
    });
    is_done
        .recv()
        .context("the foreign thread ended before it had spawned its tasks")
}

/// Resident memory now and at its peak, in bytes.
pub fn memory() -> Value {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let bytes = |field: &str| {
        let text = status.lines().find_map(|line| line.strip_prefix(field))?;
        text.trim()
            .strip_suffix(" kB")?
            .parse::<u64>()
            .ok()
            .map(|kilobytes| kilobytes * 1_024)
    };
    json!({ "rss_bytes": bytes("VmRSS:"), "peak_rss_bytes": bytes("VmHWM:") })
}
