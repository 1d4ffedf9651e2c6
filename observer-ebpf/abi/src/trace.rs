//! What `observer trace` and the kernel programs tell each other: whom to trace, and the records
//! of two rings of their own.

use crate::plain;

/// Arguments of an event behind its task and site; no event probe has more.
pub const TRACE_ARGUMENTS: usize = 5;

/// Frames of a spawning stack that are followed by frame pointers, the innermost first; deeper
/// ones are cut.
pub const TRACE_FRAMES: usize = 48;

/// Bytes of a spawning stack that are read at once: a copy begins at a multiple of them, so that
/// one never reaches beyond a page.
pub const COPY_CHUNK_BYTES: usize = 2_048;

/// Most bytes of a spawning stack that are copied. What lies beyond is cut.
pub const COPY_BYTES: usize = 4 * COPY_CHUNK_BYTES;

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

/// A spawn with the stack that spawned as frame pointers tell it, or an exit without one: a record
/// of the ring `TRACE_STACKS`, where user space has put the key into `TRACE_KNOWN` or the ring is
/// full of copies; the beginning of a [`CopyRecord`] else.
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
    /// The same for equal frames, and with the certainty of 64 bits for no others; 0 for an exit.
    pub key: u64,
    /// Addresses in the code: where the probe is, then where each caller goes on, as far as the
    /// functions on this stack keep frame pointers. Where one does not, the rest is anything.
    pub frames: [u64; TRACE_FRAMES],
}

/// A spawn with a copy of the stack that spawned: the other record of the ring `TRACE_STACKS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct CopyRecord {
    /// What a record without a copy says.
    pub stack: StackRecord,
    /// The address of the probe.
    pub pc: u64,
    /// The stack pointer there.
    pub sp: u64,
    /// The frame pointer register, whatever is in it.
    pub fp: u64,
    /// The register with the return address, where the processor has one; else 0.
    pub link: u64,
    /// Where the copy begins: at the stack pointer, rounded down to [`COPY_CHUNK_BYTES`].
    pub start: u64,
    /// Bytes that were copied; the others say nothing. Fewer than [`COPY_BYTES`] where the memory
    /// ends, or is not there.
    pub copied: u64,
    /// The copy.
    pub bytes: [u8; COPY_BYTES],
}

plain! {
    TraceFilter = 16,
    TraceRecord = 72,
    StackRecord = 416,
    CopyRecord = 8656,
}
