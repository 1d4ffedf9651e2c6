//! USDT notes (`.note.stapsdt`) of any ELF file: a parser of our own over the structures of
//! the `object` crate; and what is needed to unwind its code ([`Image`]).
//!
//! `discover` reads the files of processes through it, `observer probes` prints what it
//! finds, `stacks` reads the files of a dumped process. Input is hostile: every read is bounded, nothing panics, and what is damaged is
//! reported beside what could be read before it. Nothing here opens files or knows a provider.
//!
//! ```
//! let error = observer::elf::read_notes(b"#!/bin/sh\n").unwrap_err();
//! assert_eq!(error.to_string(), "not an ELF file");
//! ```

mod aarch64;
mod address;
mod arguments;
mod error;
mod headers;
mod image;
mod note;
mod notes;
mod registers;
mod semaphore;
mod source;
mod x86;

pub use arguments::{Architecture, MAX_OPERANDS, Operand, OperandKind, decode_operands};
pub use error::{Damage, ElfError};
pub use image::{Image, SectionBytes};
pub use note::{Note, Notes};
pub use notes::{MAX_NOTES, read_file_notes, read_notes, read_provider_notes};
pub use semaphore::SemaphorePage;
