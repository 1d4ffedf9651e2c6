//! What of an ELF file is needed to unwind and name its code: where it is loaded, its call frame
//! information, its build id.
//!
//! Called by `stacks` for the files that a process maps. Input is hostile: every read is bounded,
//! and nothing here interprets the sections.

use std::fs::File;
use std::ops::Range;
use std::sync::Arc;

use super::address::Segment;
use super::headers::{Headers, Section};
use super::source::Source;
use super::{Architecture, ElfError};

/// Largest section that is read; that of a program with 1 GB of code has some 60 MB.
const MAX_SECTION_BYTES: u64 = 128 << 20;

/// Most bytes of a build id; linkers make 20.
const MAX_BUILD_ID_BYTES: usize = 64;

/// Bytes before a build id: three lengths and the name `GNU`.
const NOTE_HEADER_BYTES: usize = 16;

/// A section's place in memory, before the loader moved it, and its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SectionBytes {
    /// Its addresses as the file states them.
    pub addresses: Range<u64>,
    /// Its bytes.
    pub bytes: Arc<[u8]>,
}

/// The file, as far as it is needed.
#[derive(Debug)]
pub struct Image {
    /// The processor that it is for.
    pub architecture: Architecture,
    /// `.eh_frame`, if it has one that is not too large.
    pub eh_frame: Option<SectionBytes>,
    /// `.eh_frame_hdr`, likewise.
    pub eh_frame_hdr: Option<SectionBytes>,
    /// Addresses of `.text`.
    pub text: Option<Range<u64>>,
    /// Addresses of `.got`.
    pub got: Option<Range<u64>>,
    /// The build id's bytes; empty if it has none.
    pub build_id: Vec<u8>,
    segments: Vec<Segment>,
}

impl Image {
    /// Reads what is needed of an open file.
    ///
    /// # Errors
    ///
    /// When it is no ELF file, or its headers cannot be read. A section that cannot be read is
    /// left out.
    pub fn read(file: &File) -> Result<Self, ElfError> {
        Self::read_from(file)
    }

    fn read_from<S: Source + ?Sized>(source: &S) -> Result<Self, ElfError> {
        let headers = Headers::read(source)?;
        let sections = headers.unwinding;
        let bytes = |section: Option<Section>| section.and_then(|found| read(source, found));
        Ok(Self {
            architecture: headers.architecture,
            eh_frame: bytes(sections.eh_frame),
            eh_frame_hdr: bytes(sections.eh_frame_hdr),
            text: sections.text.map(addresses),
            got: sections.got.map(addresses),
            build_id: build_id(bytes(sections.build_id)),
            segments: headers.segments,
        })
    }

    /// The address, as the file states it, of what lies at this offset in the file and is mapped
    /// for execution; a mapping may begin up to a page before its segment.
    #[must_use]
    pub fn address_at(&self, offset: u64) -> Option<u64> {
        const PAGE_BYTES: u64 = 64 << 10;
        let is_near = |segment: &&Segment| {
            let end = segment.offset.saturating_add(segment.file_bytes);
            segment.executable && offset < end && offset.saturating_add(PAGE_BYTES) > segment.offset
        };
        let mut near = self.segments.iter().filter(is_near);
        let exact = near.clone().find(|segment| segment.offset <= offset);
        let segment = exact.or_else(|| near.next())?;
        Some(
            offset
                .wrapping_sub(segment.offset)
                .wrapping_add(segment.address),
        )
    }
}

fn addresses(section: Section) -> Range<u64> {
    section.address..section.address.saturating_add(section.bytes)
}

fn read<S: Source + ?Sized>(source: &S, section: Section) -> Option<SectionBytes> {
    if section.bytes > MAX_SECTION_BYTES {
        return None;
    }
    let bytes = source.read(section.offset, section.bytes as usize).ok()?;
    (bytes.len() as u64 == section.bytes).then(|| SectionBytes {
        addresses: addresses(section),
        bytes: bytes.into_owned().into(),
    })
}

/// The bytes behind the header of the note.
fn build_id(note: Option<SectionBytes>) -> Vec<u8> {
    let note = note.map(|note| note.bytes);
    let rest = note
        .as_deref()
        .and_then(|note| note.get(NOTE_HEADER_BYTES..));
    let rest = rest.unwrap_or_default();
    rest[..rest.len().min(MAX_BUILD_ID_BYTES)].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn own() -> Vec<u8> {
        std::fs::read("/proc/self/exe").expect("it is there")
    }

    #[test]
    fn a_built_program_says_how_its_code_is_unwound() {
        let image = Image::read_from(own().as_slice()).expect("an ELF file");
        assert!(!image.eh_frame.expect("it has one").bytes.is_empty());
        assert!(image.eh_frame_hdr.is_some());
        let text = image.text.expect("it has one");
        let segment = image.segments.iter().find(|segment| segment.executable);
        assert!(segment.expect("it has code").contains(text.start));
    }

    #[test]
    fn offsets_become_the_addresses_of_their_segment() {
        let image = Image::read_from(own().as_slice()).expect("an ELF file");
        let code = image.segments.iter().find(|segment| segment.executable);
        let (offset, address) = code.map(|code| (code.offset, code.address)).expect("code");
        assert_eq!(image.address_at(offset), Some(address));
        assert_eq!(image.address_at(offset + 7), Some(address + 7));
        assert_eq!(image.address_at(offset & !0xfff), Some(address & !0xfff));
        assert_eq!(image.address_at(u64::MAX), None);
    }

    #[test]
    fn damage_never_panics() {
        let mut start = own();
        let length = start.len().min(1 << 16);
        start.truncate(length);
        let strategy = (0..4_096_usize, any::<u8>(), 0..4_096_usize);
        proptest!(|((at, byte, cut) in strategy)| {
            let mut file = start.clone();
            file[at] = byte;
            file.truncate(length - cut);
            if let Ok(image) = Image::read_from(file.as_slice()) {
                let _ = image.address_at(u64::from(byte) << 56);
            }
        });
    }
}
