//! The stacks of tasks: reserved large, opened small, widened in place.
//!
//! Rust has no stack maps, so a stack that has run can never move. Every task therefore owns a
//! *slot* of address space as large as its limit, of which only a *window* at the top is open. A
//! touch below the window faults, and the fault handler opens more: at least the page that was
//! touched and 16 KiB below it, and at least twice what was open.
//!
//! ```text
//!   end   ┌───────────────────────────┐
//!         │ colour: 0 to 1,984 bytes  │  unused: tops of neighbours lie in different
//!   top   ├───────────────────────────┤  cache sets
//!         │ first frame of the task   │
//!         │            │              │
//!         │            ▼              │  window: 32 KiB at first; untouched pages cost nothing
//!   low   ├───────────────────────────┤
//!         │ guard: opens when touched │  MADV_GUARD_INSTALL, or mprotect where that is refused
//!   floor ├───────────────────────────┤  end less the task's limit
//!         │ closed: the rest of the   │  (a limit between two classes of slots)
//!         │ class's 64 KiB … 8 MiB    │
//!         ├───────────────────────────┤
//!         │ gap: 64 KiB, never opens  │  a touch in it by the stack's own code is an overflow
//!   start └───────────────────────────┘  = the next slot's end
//! ```
//!
//! | file | what |
//! |---|---|
//! | `layout` | the sizes above, and the classes |
//! | `slot` | one slot's record: window, limit, owner |
//! | `slab` | ranges of slots, and from an address to its slot |
//! | `guard` | closing and opening pages |
//! | `growth` | how far a window opens, and who is told |
//! | `fault` | the SIGSEGV handler |
//! | `overflow` | the message when the limit is reached |
//! | `headroom` | opening before it is needed |
//! | `owned` | a stack in a task's hands, and a spare one |
//! | `cache`, `pool` | spare stacks of a processor, and of the process |
//! | `totals` | bytes used and cached |
//! | `walk` | the frames of a parked task |
//!
//! # What it costs
//!
//! A parked task costs the pages that it touched (one, mostly: the colours leave half a page to
//! its frames), page tables for its slot (a guard is an entry per page: 640 bytes for 256 KiB,
//! 16 KiB for 8 MiB) and 64 bytes of record. Address space is not memory, but it can be limited:
//!
//! * `RLIMIT_AS` counts it. Slabs shrink to what is allowed, down to one slot, and then a spawn
//!   fails with [`StackError::NoAddressSpace`].
//! * Strict overcommit (`vm.overcommit_memory` 2) charges writable reservations. Where they are
//!   refused, slabs are reserved closed, and every window is opened by `mprotect`.
//! * `mlockall` refuses guards, and so do kernels before 6.13: there, too, `mprotect` guards the
//!   stacks. That costs two mappings a stack, so their number is bounded by half of
//!   `vm.max_map_count` ([`StackError::TooManyMappings`]).
//!
//! # What the rest of the runtime must do
//!
//! * Every thread that runs tasks holds what [`install_worker_handler`] returned.
//! * Every entry from which a task may leave its stack, and `spawn`, calls [`ensure_headroom`].
//! * System calls that write to a caller's buffer are made through the C library, after
//!   `headroom::prepare_buffer`: the kernel answers `EFAULT` where user code would have faulted.
//! * Code that runs with SIGSEGV blocked runs in [`with_open_stack`].

#[cfg(not(any(miri, loom)))]
mod cache;
#[cfg(not(any(miri, loom)))]
mod fault;
#[cfg(not(any(miri, loom)))]
mod growth;
#[cfg(not(any(miri, loom)))]
mod guard;
#[cfg(not(any(miri, loom)))]
mod headroom;
#[cfg(not(any(miri, loom)))]
mod layout;
#[cfg(not(any(miri, loom)))]
mod overflow;
#[cfg(not(any(miri, loom)))]
mod owned;
#[cfg(not(any(miri, loom)))]
mod pool;
#[cfg(not(any(miri, loom)))]
mod slab;
#[cfg(not(any(miri, loom)))]
mod slot;
#[cfg(not(any(miri, loom)))]
mod totals;
#[cfg(not(any(miri, loom)))]
mod walk;

#[cfg(any(miri, loom))]
mod stand_in;

#[cfg(all(test, not(any(miri, loom))))]
mod tests;

#[cfg(not(any(miri, loom)))]
pub use headroom::with_open_stack;
#[cfg(not(any(miri, loom)))]
pub(crate) use {
    cache::StackCache,
    fault::{install_worker_handler, watch_signal_handlers},
    headroom::{Window, ensure_headroom, prepare_buffer},
    overflow::abort_with,
    owned::{Stack, set_fixed},
    pool::give_back,
    totals::totals,
    walk::frames,
};

#[cfg(any(miri, loom))]
pub use stand_in::with_open_stack;
#[cfg(any(miri, loom))]
pub(crate) use stand_in::{
    Stack, StackCache, Window, abort_with, ensure_headroom, frames, give_back,
    install_worker_handler, set_fixed, totals, watch_signal_handlers,
};

use crate::site::Site;

/// For whom a stack is acquired: growths and bytes are counted at the site, and named by the
/// task.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(
    any(miri, loom),
    allow(dead_code, reason = "nothing grows in the stand-in")
)]
pub(crate) struct StackOwner {
    /// The task's id.
    pub(crate) task: u64,
    /// The line that spawned it.
    pub(crate) site: &'static Site,
}

/// Why a task can have no stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(
    any(miri, loom),
    allow(dead_code, reason = "the stand-in has no memory to want")
)]
pub(crate) enum StackError {
    /// The limit is above the largest class.
    #[error("a stack limit of {limit_bytes} bytes is above the largest, 8 MiB")]
    LimitTooLarge {
        /// The limit that was asked for.
        limit_bytes: usize,
    },
    /// The process may have no more address space.
    #[error(
        "no address space for stacks: the kernel refused {bytes} bytes (error {errno}); raise \
         RLIMIT_AS (`ulimit -v`), or run fewer tasks at once or with smaller stack limits"
    )]
    NoAddressSpace {
        /// The least that was asked for.
        bytes: usize,
        /// The kernel's answer.
        errno: i32,
    },
    /// The allocator has no memory for the slots' records.
    #[error("no memory for the records of stacks: {bytes} bytes")]
    NoMemory {
        /// How much was asked for.
        bytes: usize,
    },
    /// Stacks that are guarded by `mprotect` are bounded.
    #[error(
        "more than {bound} stacks at once: this kernel, or locked memory, allows no guard regions, \
         so every stack takes two mappings; raise `vm.max_map_count`, or do not call mlockall"
    )]
    TooManyMappings {
        /// The bound.
        bound: usize,
    },
    /// A stack could not be opened or narrowed to its limit.
    #[error("the kernel would not open a stack (error {errno})")]
    NotOpened {
        /// The kernel's answer.
        errno: i32,
    },
}
