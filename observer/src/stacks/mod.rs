//! The stacks of parked tasks: copied from the process, unwound and named; and those of stalled
//! ones, which the kernel has walked by their frame pointers.
//!
//! A dump makes a [`Walker`] for a process and gives it, for each parked task, the registers that
//! the task saved and a [`StackCopy`]; at the end it gets every task's stack with the names of its
//! functions. Whether a task was still parked when its stack was copied is the dump's to know:
//! here bytes are unwound as they are.
//!
//! | file | what |
//! |---|---|
//! | `copy.rs` | a bounded copy of a stack |
//! | `modules.rs` | the files that the process's code comes from |
//! | `unwind.rs` | return addresses, by `.eh_frame` or frame pointers (framehop) |
//! | `symbols.rs`, `debug_file.rs` | functions and lines of addresses (blazesym) |
//! | `internal.rs` | which frames are not the program's own |
//! | `names.rs` | the same for stacks that somebody else walked |
//! | `callers.rs` | stacks of running threads, which a kernel program recorded |
//! | `walker.rs` | a thread that does all this, and may be left behind |
//! | `stalled.rs` | the stack of one stalled task, for findings |
//!
//! All bytes are a stranger's: the stack, the registers, and the files with their call frame
//! information and debug information. Copies, frames and stacks are bounded; what the libraries
//! make of the rest runs in a thread of its own, whose panic or endless loop costs the names and
//! not the dump.

mod callers;
mod copy;
mod debug_file;
mod internal;
mod modules;
mod names;
mod stalled;
mod symbols;
mod unwind;
mod walker;

pub use callers::{CallStack, Callers, Recorded};
pub use copy::{MAX_COPY_BYTES, StackCopy};
pub use debug_file::DEBUG_FILES;
pub use internal::hide_internal;
pub use names::Names;
pub use stalled::{COMMAND as STALLED_STACK, StalledStacks, StalledTask, stalled_stack};
pub use symbols::Frame;
pub use unwind::{End, MAX_FRAMES, Registers};
pub use walker::{Stack, StackId, WalkError, Walked, Walker};
