//! What was read from a file.

use serde::Serialize;

use super::{Damage, Operand, SemaphorePage};

/// One probe site of a program, as its note says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Note {
    /// The provider.
    pub provider: String,
    /// The probe's name; one name may have many sites.
    pub name: String,
    /// Virtual address of the site, as in the note (not adjusted by the base).
    pub location: u64,
    /// Link-time address of `.stapsdt.base`, as in the note; 0 without one.
    pub base: u64,
    /// Virtual address of the semaphore, as in the note; 0 without one.
    pub semaphore: u64,
    /// The arguments' raw string.
    pub arguments: String,
    /// Where the site lies in the file; `None` if the file does not hold it.
    pub file_offset: Option<u64>,
    /// Where the semaphore lies in the file; `None` without one, or if the file does not hold
    /// it in a writable segment.
    #[serde(skip)]
    pub semaphore_file_offset: Option<u64>,
    /// Whether the kernel finds the semaphore there.
    #[serde(skip)]
    pub semaphore_page: SemaphorePage,
    /// One entry per argument; `None` where its form is unknown.
    pub operands: Vec<Option<Operand>>,
}

/// All notes of a file, and what could not be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    /// The notes in the file's order.
    pub notes: Vec<Note>,
    /// Notes that were ignored because their site is outside every executable segment: linkers
    /// leave them behind when they drop a function.
    pub outside: u64,
    /// Where reading ended early, once per section.
    pub damage: Vec<Damage>,
    /// The file has an `.eh_frame` section, by which stacks can be unwound.
    pub eh_frame: bool,
}
