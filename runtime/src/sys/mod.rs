//! Everything that is asked of the operating system: the only place that names `libc`.
//!
//! Called by the stacks, the workers and the monitor; it never decides anything by itself.

pub(crate) mod alarm_clock;
pub(crate) mod clock;
#[cfg(not(any(miri, loom)))]
pub(crate) mod epoll;
pub(crate) mod fork;
pub(crate) mod mem;
pub(crate) mod registers;
pub(crate) mod signal;
pub(crate) mod signal_count;
#[cfg(not(any(miri, loom)))]
pub(crate) mod socket;
pub(crate) mod thread;
#[cfg(all(test, not(any(miri, loom))))]
pub(crate) mod trial;
