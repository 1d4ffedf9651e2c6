//! What the notes need of an ELF file's headers: its class and byte order, its load segments,
//! and where three sections are.

use std::mem::size_of;
use std::ops::Range;

use object::elf::{self, FileHeader32, FileHeader64};
use object::pod::{Pod, from_bytes, slice_from_all_bytes};
use object::read::elf::{FileHeader, ProgramHeader, SectionHeader};
use object::{Endian, Endianness};

use super::address::Segment;
use super::source::Source;
use super::{Architecture, ElfError};

/// Most load segments that are looked at; linkers make four to six.
const MAX_SEGMENTS: usize = 256;

/// Most note sections that are looked at; linkers make one.
const MAX_NOTE_SECTIONS: usize = 64;

/// Largest table of headers or names that is read: 65,535 sections of 64 bytes.
const MAX_TABLE_BYTES: u64 = 4 << 20;

/// A section of notes.
#[derive(Clone, Copy, Debug)]
pub(super) struct NoteSection {
    pub offset: u64,
    pub bytes: u64,
    pub compressed: bool,
}

/// The headers, as far as they are needed.
#[derive(Debug)]
pub(super) struct Headers {
    pub architecture: Architecture,
    pub layout: Layout,
    pub file_size: u64,
    pub segments: Vec<Segment>,
    /// Addresses that are made read-only after relocation (`PT_GNU_RELRO`).
    pub read_only: Option<Range<u64>>,
    pub note_sections: Vec<NoteSection>,
    /// Address of `.stapsdt.base`; 0 without one.
    pub base: u64,
    pub unwinding: UnwindSections,
}

/// Where the sections are by which stacks are unwound, and the build id; at most one of each.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct UnwindSections {
    pub eh_frame: Option<Section>,
    pub eh_frame_hdr: Option<Section>,
    pub text: Option<Section>,
    pub got: Option<Section>,
    pub build_id: Option<Section>,
}

/// A section with bytes in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Section {
    pub address: u64,
    pub offset: u64,
    pub bytes: u64,
}

/// How numbers are written in the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    pub endian: Endianness,
    /// Addresses have 64 bits, not 32.
    pub wide: bool,
}

impl Headers {
    /// Reads the headers of a file.
    pub fn read<S: Source + ?Sized>(source: &S) -> Result<Self, ElfError> {
        let start = source.read(0, size_of::<FileHeader64<Endianness>>())?;
        if start.is_empty() {
            return Err(ElfError::Empty);
        }
        if !start.starts_with(&elf::ELFMAG) {
            return Err(ElfError::NotElf);
        }
        match start.get(4).copied() {
            Some(1) => Reader::<_, FileHeader32<Endianness>>::new(source, &start)?.headers(),
            Some(2) => Reader::<_, FileHeader64<Endianness>>::new(source, &start)?.headers(),
            _ => Err(ElfError::Malformed("neither 32 nor 64 bits")),
        }
    }
}

/// Reads the tables of one class of ELF file.
struct Reader<'s, S: ?Sized, E: FileHeader> {
    source: &'s S,
    header: E,
    endian: E::Endian,
    file_size: u64,
}

impl<'s, S: Source + ?Sized, E: FileHeader<Endian = Endianness>> Reader<'s, S, E> {
    fn new(source: &'s S, start: &[u8]) -> Result<Self, ElfError> {
        let (header, _) =
            from_bytes::<E>(start).map_err(|()| ElfError::Malformed("the header is cut off"))?;
        let endian = header
            .endian()
            .map_err(|_| ElfError::Malformed("unknown byte order"))?;
        let kind = header.e_type(endian);
        if kind != elf::ET_EXEC && kind != elf::ET_DYN {
            return Err(ElfError::Unlinked(kind.0));
        }
        Ok(Self {
            source,
            header: *header,
            endian,
            file_size: source.size()?,
        })
    }

    fn headers(&self) -> Result<Headers, ElfError> {
        let mut headers = Headers {
            architecture: architecture(self.header.e_machine(self.endian)),
            layout: Layout {
                endian: self.endian,
                wide: self.header.is_type_64(),
            },
            file_size: self.file_size,
            segments: Vec::new(),
            read_only: None,
            note_sections: Vec::new(),
            base: 0,
            unwinding: UnwindSections::default(),
        };
        let first = self.first_section()?;
        self.read_segments(first.as_ref(), &mut headers)?;
        if let Some(first) = first {
            self.read_sections(&first, &mut headers)?;
        }
        Ok(headers)
    }

    /// The section header at index 0, which holds the counts that do not fit the file header.
    fn first_section(&self) -> Result<Option<E::SectionHeader>, ElfError> {
        let offset: u64 = self.header.e_shoff(self.endian).into();
        if offset == 0 {
            return Ok(None);
        }
        if usize::from(self.header.e_shentsize(self.endian)) != size_of::<E::SectionHeader>() {
            return Err(ElfError::Malformed(
                "the section headers have a strange size",
            ));
        }
        let table = self.table(offset, 1, size_of::<E::SectionHeader>(), SECTIONS)?;
        Ok(Some(records::<E::SectionHeader>(&table, SECTIONS)?[0]))
    }

    fn read_segments(
        &self,
        first: Option<&E::SectionHeader>,
        headers: &mut Headers,
    ) -> Result<(), ElfError> {
        let count = match (self.header.e_phnum(self.endian), first) {
            (0xffff, Some(first)) => u64::from(first.sh_info(self.endian)),
            (count, _) => u64::from(count),
        };
        if count == 0 {
            return Ok(());
        }
        if usize::from(self.header.e_phentsize(self.endian)) != size_of::<E::ProgramHeader>() {
            return Err(ElfError::Malformed(
                "the program headers have a strange size",
            ));
        }
        let offset = self.header.e_phoff(self.endian).into();
        let table = self.table(offset, count, size_of::<E::ProgramHeader>(), SEGMENTS)?;
        let segments = records::<E::ProgramHeader>(&table, SEGMENTS)?;
        for segment in segments {
            match segment.p_type(self.endian) {
                elf::PT_LOAD if headers.segments.len() == MAX_SEGMENTS => {
                    return Err(ElfError::TooLarge("more load segments than are looked at"));
                }
                elf::PT_LOAD => headers.segments.push(self.segment(segment)),
                // Files have one; the loader takes the last.
                elf::PT_GNU_RELRO => headers.read_only = Some(self.addresses(segment)),
                _ => {}
            }
        }
        Ok(())
    }

    fn addresses(&self, header: &E::ProgramHeader) -> Range<u64> {
        let start: u64 = header.p_vaddr(self.endian).into();
        let bytes: u64 = header.p_memsz(self.endian).into();
        start..start.saturating_add(bytes)
    }

    fn segment(&self, header: &E::ProgramHeader) -> Segment {
        let flags = header.p_flags(self.endian).0;
        Segment {
            address: header.p_vaddr(self.endian).into(),
            memory_bytes: header.p_memsz(self.endian).into(),
            file_bytes: header.p_filesz(self.endian).into(),
            offset: header.p_offset(self.endian).into(),
            executable: flags & elf::PF_X.0 != 0,
            writable: flags & elf::PF_W.0 != 0,
        }
    }

    fn read_sections(
        &self,
        first: &E::SectionHeader,
        headers: &mut Headers,
    ) -> Result<(), ElfError> {
        let count = match self.header.e_shnum(self.endian) {
            0 => first.sh_size(self.endian).into(),
            count => u64::from(count),
        };
        let offset = self.header.e_shoff(self.endian).into();
        let table = self.table(offset, count, size_of::<E::SectionHeader>(), SECTIONS)?;
        let sections = records::<E::SectionHeader>(&table, SECTIONS)?;
        let names = self.names(first, sections)?;
        for section in sections {
            self.note_section(section, &names, headers)?;
        }
        Ok(())
    }

    /// The table of section names; empty if the file has none.
    fn names(
        &self,
        first: &E::SectionHeader,
        sections: &[E::SectionHeader],
    ) -> Result<Vec<u8>, ElfError> {
        let index = match self.header.e_shstrndx(self.endian).0 {
            0xffff => first.sh_link(self.endian),
            index => u32::from(index),
        };
        let Some(section) = sections.get(index as usize).filter(|_| index != 0) else {
            return Ok(Vec::new());
        };
        let bytes = section.sh_size(self.endian).into();
        self.table(section.sh_offset(self.endian).into(), bytes, 1, NAMES)
    }

    fn note_section(
        &self,
        section: &E::SectionHeader,
        names: &[u8],
        headers: &mut Headers,
    ) -> Result<(), ElfError> {
        let holds_bytes = section.sh_type(self.endian) != elf::SHT_NOBITS;
        match name_at(names, section.sh_name(self.endian)) {
            b".note.stapsdt" if holds_bytes => {
                if headers.note_sections.len() == MAX_NOTE_SECTIONS {
                    return Err(ElfError::TooLarge("more note sections than are looked at"));
                }
                let flags: u64 = section.sh_flags(self.endian).0;
                headers.note_sections.push(NoteSection {
                    offset: section.sh_offset(self.endian).into(),
                    bytes: section.sh_size(self.endian).into(),
                    compressed: flags & elf::SHF_COMPRESSED.0 != 0,
                });
            }
            b".stapsdt.base" => headers.base = section.sh_addr(self.endian).into(),
            name if holds_bytes => {
                if let Some(place) = headers.unwinding.place(name) {
                    *place = Some(self.section(section));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn section(&self, header: &E::SectionHeader) -> Section {
        Section {
            address: header.sh_addr(self.endian).into(),
            offset: header.sh_offset(self.endian).into(),
            bytes: header.sh_size(self.endian).into(),
        }
    }

    /// The bytes of a table that must lie in the file as a whole.
    fn table(
        &self,
        offset: u64,
        count: u64,
        entry_bytes: usize,
        what: Table,
    ) -> Result<Vec<u8>, ElfError> {
        let bytes = count.checked_mul(entry_bytes as u64);
        let bytes = bytes.filter(|bytes| *bytes <= MAX_TABLE_BYTES);
        let bytes = bytes.ok_or(ElfError::TooLarge(what.too_large))?;
        let table = self.source.read(offset, bytes as usize)?;
        if table.len() as u64 != bytes {
            return Err(ElfError::Malformed(what.outside));
        }
        Ok(table.into_owned())
    }
}

impl UnwindSections {
    /// Where a section of this name is kept.
    fn place(&mut self, name: &[u8]) -> Option<&mut Option<Section>> {
        match name {
            b".eh_frame" => Some(&mut self.eh_frame),
            b".eh_frame_hdr" => Some(&mut self.eh_frame_hdr),
            b".text" => Some(&mut self.text),
            b".got" => Some(&mut self.got),
            b".note.gnu.build-id" => Some(&mut self.build_id),
            _ => None,
        }
    }
}

/// What is said about a table that cannot be read.
#[derive(Clone, Copy)]
struct Table {
    outside: &'static str,
    too_large: &'static str,
}

const SEGMENTS: Table = Table {
    outside: "the program headers reach beyond the file",
    too_large: "more program headers than are read",
};

const SECTIONS: Table = Table {
    outside: "the section headers reach beyond the file",
    too_large: "more section headers than are read",
};

const NAMES: Table = Table {
    outside: "the section names reach beyond the file",
    too_large: "more section names than are read",
};

fn records<T: Pod>(table: &[u8], what: Table) -> Result<&[T], ElfError> {
    slice_from_all_bytes(table).map_err(|()| ElfError::Malformed(what.outside))
}

fn architecture(machine: elf::Machine) -> Architecture {
    match machine {
        elf::EM_X86_64 | elf::EM_386 => Architecture::X86,
        elf::EM_AARCH64 => Architecture::Aarch64,
        _ => Architecture::Other,
    }
}

/// The name at an offset; empty if it is outside the table or has no end.
fn name_at(names: &[u8], offset: u32) -> &[u8] {
    let rest = names.get(offset as usize..).unwrap_or_default();
    let end = rest
        .iter()
        .take(32)
        .position(|byte| *byte == 0)
        .unwrap_or(0);
    &rest[..end]
}

impl Layout {
    /// A 32-bit number from the first bytes.
    pub fn u32(self, bytes: &[u8]) -> Option<u32> {
        let bytes = bytes.first_chunk::<4>()?;
        Some(self.endian.read_u32(*bytes))
    }

    /// An address from the first bytes, and the bytes after it.
    pub fn address(self, bytes: &[u8]) -> Option<(u64, &[u8])> {
        if self.wide {
            let (word, rest) = bytes.split_first_chunk::<8>()?;
            return Some((self.endian.read_u64(*word), rest));
        }
        Some((self.u32(bytes)?.into(), &bytes[4..]))
    }

    /// An address cut to the file's width.
    pub fn truncate(self, address: u64) -> u64 {
        if self.wide {
            address
        } else {
            address & u64::from(u32::MAX)
        }
    }
}
