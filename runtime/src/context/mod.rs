//! The context switch: running a body on a stack of its own, leaving it, coming back to it.
//!
//! Four operations, the same over two implementations: `switch.rs` with corosensei's assembly,
//! and `thread_backed.rs` for Miri and loom, which cannot follow a stack pointer.
//!
//! ```text
//!   worker's stack                                   task's stack
//!
//!   Context::new ── the body is laid at the top ──▶  (not started)
//!   Context::resume ──────────────────────────────▶  body(suspender)
//!        Switch::Suspended ◀───────────────────────  Suspender::suspend
//!   Context::resume ──────────────────────────────▶       … returns
//!        Switch::Finished ◀────────────────────────  the body returns
//!   Context::into_stack ── the stack for the next task
//! ```
//!
//! It knows nothing of tasks, queues or probes. A body never unwinds out: the root of a task
//! catches panics before.
//!
//! # Thread-locals across a switch
//!
//! A task can continue on another thread than the one on which it called `suspend`, and the
//! compiler may keep the address of a thread-local from before. So what a task needs of its
//! worker is reached through [`worker_word`] only: a function that is never inlined, called
//! again after every switch.

use crate::primitive::static_atomic::{AtomicU64, Ordering};
use crate::sys::registers::Registers;

#[cfg(not(any(miri, loom, stand_in)))]
mod switch;
#[cfg(any(miri, loom, stand_in))]
mod thread_backed;

#[cfg(all(test, not(loom)))]
mod tests;

#[cfg(not(any(miri, loom, stand_in)))]
pub(crate) use switch::{Context, Suspender, set_worker_word, worker_word};
#[cfg(any(miri, loom, stand_in))]
pub(crate) use thread_backed::{Context, Suspender, set_worker_word, worker_word};

/// What [`RegisterCell::load`] reads.
pub(crate) use crate::sys::registers::Registers as SavedRegisters;

/// How a [`Context::resume`] came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Switch {
    /// The body suspended itself.
    Suspended,
    /// The body returned; it must not be resumed again.
    Finished,
}

/// Where a suspended body's pc, sp and fp are kept: a stack walk from outside starts there.
///
/// It lies in the task's record, so that the monitor can read it without touching the context.
/// The three words are separate atomics: whether they belong together, and to which park, the
/// reader finds out by the park's own sequence (`task/wait_fields.rs`).
#[derive(Debug, Default)]
pub(crate) struct RegisterCell {
    pc: AtomicU64,
    sp: AtomicU64,
    fp: AtomicU64,
}

impl RegisterCell {
    /// Zeroes: never suspended.
    pub(crate) const fn new() -> Self {
        Self {
            pc: AtomicU64::new(0),
            sp: AtomicU64::new(0),
            fp: AtomicU64::new(0),
        }
    }

    /// The registers of the last suspension.
    pub(crate) fn load(&self) -> SavedRegisters {
        SavedRegisters {
            pc: self.pc.load(Ordering::Relaxed),
            sp: self.sp.load(Ordering::Relaxed),
            fp: self.fp.load(Ordering::Relaxed),
        }
    }

    /// Keeps these.
    #[inline(always)]
    pub(crate) fn store(&self, registers: Registers) {
        // Release: a reader that sees one of them sees that the task has gone on since.
        self.pc.store(registers.pc, Ordering::Release);
        self.sp.store(registers.sp, Ordering::Release);
        self.fp.store(registers.fp, Ordering::Release);
    }
}
