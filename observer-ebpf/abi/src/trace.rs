//! What `observer trace` and the kernel programs tell each other: whom to trace, and the records
//! of two rings of their own.

use crate::plain;

/// Arguments of an event behind its task and site; no event probe has more.
pub const TRACE_ARGUMENTS: usize = 5;

/// Frames of a spawning stack that are kept, the innermost first; deeper ones are cut.
pub const TRACE_FRAMES: usize = 48;

/// Whom to trace: the one element of the map `TRACE_FILTER`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct TraceFilter {
    /// Thread group id, as the initial namespace sees it; 0 traces nobody.
    pub tgid: u32,
    /// Not 0: spawns and exits become [`StackRecord`]s instead of [`TraceRecord`]s.
    pub with_stacks: u32,
    /// The one task to trace; 0 traces all.
    pub task: u64,
}

/// One event: a record of the ring `TRACE`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct TraceRecord {
    /// The probe: its row in the table of probes.
    pub probe: u32,
    /// The thread that hit it, as the initial namespace sees it.
    pub tid: u32,
    /// Boot time in nanoseconds.
    pub boot_ns: u64,
    /// The task.
    pub task: u64,
    /// The site record's address.
    pub site: u64,
    /// The probe's other arguments in the table's order; zero where it has no more.
    pub arguments: [u64; TRACE_ARGUMENTS],
}

/// A spawn with the stack that spawned, or an exit without one: a record of the ring
/// `TRACE_STACKS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct StackRecord {
    /// The probe: its row in the table of probes.
    pub probe: u32,
    /// Frames that were found; the others say nothing.
    pub frame_count: u32,
    /// The task.
    pub task: u64,
    /// The site record's address.
    pub site: u64,
    /// Addresses in the code: where the probe is, then where each caller goes on.
    pub frames: [u64; TRACE_FRAMES],
}

plain! {
    TraceFilter = 16,
    TraceRecord = 72,
    StackRecord = 408,
}
