//! What can be wrong with a file that should be an ELF file with notes.

/// Why a file's notes cannot be read at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ElfError {
    /// The file does not begin as an ELF file does.
    #[error("not an ELF file")]
    NotElf,
    /// The file is empty.
    #[error("the file is empty, not an ELF file")]
    Empty,
    /// Neither an executable nor a shared object: its notes have no addresses yet.
    #[error(
        "neither an executable nor a shared object (ELF type {0}): its notes have no addresses"
    )]
    Unlinked(u16),
    /// A header or table lies outside the file or contradicts itself.
    #[error("malformed ELF file: {0}")]
    Malformed(&'static str),
    /// The file has more of something than is ever read.
    #[error("ELF file beyond the bounds of this reader: {0}")]
    TooLarge(&'static str),
    /// The file could not be read.
    #[error("cannot read the file: {0}")]
    Read(#[from] std::io::Error),
}

/// Why the notes of a section end before the section does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// The section reaches beyond the end of the file.
    #[error("the section is cut off by the end of the file")]
    Section,
    /// A note's header is cut off.
    #[error("a note's header is cut off")]
    Header,
    /// A note's name or description reaches beyond its section.
    #[error("a note reaches beyond its section")]
    Length,
    /// The note's description is too short, or a string in it has no end.
    #[error("a note's strings are cut off")]
    Strings,
    /// The section is compressed.
    #[error("the section is compressed")]
    Compressed,
    /// There are more notes than are kept ([`super::MAX_NOTES`]).
    #[error("more notes than are read")]
    TooMany,
}
