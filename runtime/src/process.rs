//! Child processes, for tasks: starting one on stack that is open, waiting for it in [`blocking`].
//!
//! While a process is started, its parent's thread has all signals blocked for a moment, and the
//! stack of a task cannot grow. So each function that starts one opens 64 KiB of it before
//! ([`with_stack`]); by itself [`Command`] knows nothing of that.
//!
//! ```
//! use runtime::{Runtime, process};
//! use std::process::Command;
//!
//! let output = Runtime::run(|| process::output(Command::new("echo").arg("hello")))?;
//! assert!(output.status.success());
//! assert_eq!(output.stdout, b"hello\n");
//! # std::io::Result::Ok(())
//! ```
//!
//! Observers see a task that waits for a process with the reason
//! [`Reason::Blocking`](crate::Reason::Blocking). To end such a wait, [kill](Child::kill) the process.
//! The pipes of a [`Child`] are read and written in [`blocking`].

use std::io;
use std::process::{Child, Command, ExitStatus, Output};

use crate::{blocking, with_stack};

/// What starting a process may need of a task's stack.
const OPEN_BYTES: usize = 64 * 1024;

/// Starts a process, without waiting for it.
///
/// # Errors
///
/// As [`Command::spawn`].
///
/// # Panics
///
/// If the task's stack limit leaves less than 64 KiB; so do all that start one.
pub fn spawn(command: &mut Command) -> io::Result<Child> {
    start(|| command.spawn())
}

/// Runs a process to its end, with the input and output of this one.
///
/// # Errors
///
/// As [`Command::status`].
///
/// # Panics
///
/// As [`spawn`].
pub fn status(command: &mut Command) -> io::Result<ExitStatus> {
    start(|| command.status())
}

/// Runs a process to its end, and collects what it writes.
///
/// # Errors
///
/// As [`Command::output`].
///
/// # Panics
///
/// As [`spawn`].
pub fn output(command: &mut Command) -> io::Result<Output> {
    start(|| command.output())
}

/// Waits for the end of a process that was started.
///
/// # Errors
///
/// As [`Child::wait`].
pub fn wait(child: &mut Child) -> io::Result<ExitStatus> {
    blocking(|| child.wait())
}

fn start<R>(call: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
    blocking(|| with_stack(OPEN_BYTES, call))
}
