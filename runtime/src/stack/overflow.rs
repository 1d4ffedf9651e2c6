//! The last words of a task whose stack is too small, from within the fault handler.
//!
//! As with a thread's overflow there is no unwinding: a message, then an abort.

use super::StackOwner;
use crate::sys::mem::Errno;
use crate::sys::signal;
use crate::task::TaskId;
use std::fmt::{self, Write};
use std::process;

/// Room for one message: a longer path is cut.
const MESSAGE_BYTES: usize = 1024;

struct Message {
    bytes: [u8; MESSAGE_BYTES],
    len: usize,
}

/// Ends the process: a task needed more stack than its limit.
pub(super) fn abort_overflowed(owner: StackOwner, limit_bytes: usize) -> ! {
    abort_with(format_args!(
        "\n{} has overflowed its stack: its limit is {limit_bytes} bytes (see `stack_limit`)\n\
         fatal runtime error: stack overflow, aborting\n",
        Owner(owner),
    ))
}

/// Ends the process: the kernel would not open a stack that is within its limit.
pub(super) fn abort_unopened(owner: StackOwner, open_bytes: usize, errno: Errno) -> ! {
    abort_with(format_args!(
        "\n{} needs more stack than its {open_bytes} bytes, but the kernel opens no more \
         (error {})\nfatal runtime error: stack growth failed, aborting\n",
        Owner(owner),
        errno.0,
    ))
}

/// Ends the process: one of the runtime's own rules is broken.
pub(crate) fn abort_with(text: fmt::Arguments<'_>) -> ! {
    let mut message = Message {
        bytes: [0; MESSAGE_BYTES],
        len: 0,
    };
    // A message that is cut still says what matters.
    let _ = message.write_fmt(text);
    signal::write_to_stderr(&message.bytes[..message.len]);
    process::abort()
}

struct Owner(StackOwner);

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let StackOwner { task, site } = self.0;
        write!(f, "task {}", TaskId::from_u64(task))?;
        if let Some(name) = site.name() {
            write!(f, " '{name}'")?;
        }
        write!(f, ", spawned at {site},")
    }
}

impl Write for Message {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = &mut self.bytes[self.len..];
        let taken = text.len().min(room.len());
        room[..taken].copy_from_slice(&text.as_bytes()[..taken]);
        self.len += taken;
        if taken == text.len() {
            Ok(())
        } else {
            Err(fmt::Error)
        }
    }
}
