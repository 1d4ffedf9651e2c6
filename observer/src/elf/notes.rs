//! The notes of `.note.stapsdt`, and where their sites lie in the file.
//!
//! ```text
//! note         name length, description length, type (4 bytes each),
//!              name and description, each filled to 4 bytes
//! stapsdt, 3   location, base, semaphore (an address each), provider\0 name\0 arguments\0
//! ```
//!
//! A damaged note costs itself only where the lengths around it still hold; else the rest of
//! its section. Both are reported in [`Notes::damage`]. Format:
//! <https://sourceware.org/systemtap/wiki/UserSpaceProbeImplementation>.

use std::fs::File;

use rustix::param::page_size;

use super::address::adjustment;
use super::headers::{Headers, Layout, NoteSection};
use super::semaphore::page_of;
use super::source::Source;
use super::{Damage, ElfError, Note, Notes, SemaphorePage, decode_operands};

/// Most notes that are kept of a file; the rest is reported as [`Damage::TooMany`].
pub const MAX_NOTES: usize = 16_384;

/// Most bytes of notes that are read of a file; beyond, the section counts as cut off.
const MAX_NOTE_BYTES: u64 = 16 << 20;

/// Owner and type of the notes of version 3.
const OWNER: &[u8] = b"stapsdt\0";
const VERSION_3: u32 = 3;

/// Reads the notes of an ELF file in memory.
///
/// # Errors
///
/// When the bytes are no linked ELF file, or its headers are damaged. Damaged notes are no
/// error: see [`Notes::damage`].
pub fn read_notes(data: &[u8]) -> Result<Notes, ElfError> {
    read(data, &|_| true)
}

/// Reads the notes of an open ELF file, and only those parts of it that are needed.
///
/// # Errors
///
/// As [`read_notes`], or when the file cannot be read.
pub fn read_file_notes(file: &File) -> Result<Notes, ElfError> {
    read(file, &|_| true)
}

/// As [`read_file_notes`], but keeps only notes of one provider.
///
/// # Errors
///
/// As [`read_file_notes`].
pub fn read_provider_notes(file: &File, provider: &str) -> Result<Notes, ElfError> {
    read(file, &|note| note.provider == provider)
}

fn read<S: Source + ?Sized>(
    source: &S,
    wanted: &dyn Fn(&RawNote) -> bool,
) -> Result<Notes, ElfError> {
    let headers = Headers::read(source)?;
    let notes = Notes {
        eh_frame: headers.unwinding.eh_frame.is_some(),
        ..Notes::default()
    };
    let mut reader = Reader {
        headers: &headers,
        wanted,
        notes,
        bytes_left: MAX_NOTE_BYTES,
    };
    for section in &headers.note_sections {
        reader.read_section(source, *section)?;
    }
    Ok(reader.notes)
}

struct Reader<'h> {
    headers: &'h Headers,
    wanted: &'h dyn Fn(&RawNote) -> bool,
    notes: Notes,
    bytes_left: u64,
}

impl Reader<'_> {
    fn read_section<S: Source + ?Sized>(
        &mut self,
        source: &S,
        section: NoteSection,
    ) -> Result<(), ElfError> {
        if section.compressed {
            self.damaged(Damage::Compressed);
            return Ok(());
        }
        let bytes = section.bytes.min(self.bytes_left);
        self.bytes_left -= bytes;
        let data = source.read(section.offset, bytes as usize)?;
        if let Err(damage) = self.read_all(&data) {
            self.damaged(damage);
        }
        if (data.len() as u64) < section.bytes {
            self.damaged(Damage::Section);
        }
        Ok(())
    }

    fn read_all(&mut self, mut data: &[u8]) -> Result<(), Damage> {
        while !data.is_empty() {
            let (entry, rest) = split_entry(data, self.headers.layout)?;
            data = rest;
            if entry.owner != OWNER || entry.kind != VERSION_3 {
                continue;
            }
            match RawNote::parse(entry.description, self.headers.layout) {
                Some(raw) if (self.wanted)(&raw) => self.keep(&raw)?,
                Some(_) => {}
                None => self.damaged(Damage::Strings),
            }
        }
        Ok(())
    }

    fn keep(&mut self, raw: &RawNote) -> Result<(), Damage> {
        let location = self.adjusted(raw, raw.location);
        let inside = self
            .headers
            .segments
            .iter()
            .find(|s| s.executable && s.contains(location));
        let Some(segment) = inside else {
            self.notes.outside += 1;
            return Ok(());
        };
        if self.notes.notes.len() == MAX_NOTES {
            return Err(Damage::TooMany);
        }
        let (semaphore_file_offset, semaphore_page) = self.semaphore(raw).unzip();
        let semaphore_page = semaphore_page.unwrap_or_default();
        self.notes.notes.push(Note {
            provider: raw.provider.to_string(),
            name: raw.name.to_string(),
            location: raw.location,
            base: raw.base,
            semaphore: raw.semaphore,
            arguments: raw.arguments.to_string(),
            file_offset: segment.file_offset(location, self.headers.file_size),
            semaphore_file_offset,
            semaphore_page,
            operands: decode_operands(&raw.arguments, self.headers.architecture),
        });
        Ok(())
    }

    /// The kernel counts a semaphore up in a writable mapping of the file only.
    fn semaphore(&self, raw: &RawNote) -> Option<(u64, SemaphorePage)> {
        if raw.semaphore == 0 {
            return None;
        }
        let address = self.adjusted(raw, raw.semaphore);
        let writable = self
            .headers
            .segments
            .iter()
            .filter(|segment| segment.writable);
        let mut held = writable.filter(|segment| segment.contains(address));
        let own = held.next()?;
        let offset = own.file_offset(address, self.headers.file_size)?;
        let read_only = self.headers.read_only.as_ref();
        let segments = &self.headers.segments;
        let page = page_of(segments, read_only, own, offset, page_size() as u64);
        Some((offset, page))
    }

    fn adjusted(&self, raw: &RawNote, address: u64) -> u64 {
        let moved = address.wrapping_add(adjustment(self.headers.base, raw.base));
        self.headers.layout.truncate(moved)
    }

    fn damaged(&mut self, damage: Damage) {
        if !self.notes.damage.contains(&damage) {
            self.notes.damage.push(damage);
        }
    }
}

/// Any note.
struct Entry<'d> {
    owner: &'d [u8],
    kind: u32,
    description: &'d [u8],
}

fn split_entry(data: &[u8], layout: Layout) -> Result<(Entry<'_>, &[u8]), Damage> {
    let (header, rest) = data.split_at_checked(12).ok_or(Damage::Header)?;
    let number = |at: usize| layout.u32(&header[at..]).unwrap_or(0);
    let (owner, rest) = split_filled(rest, number(0))?;
    let (description, rest) = split_filled(rest, number(4))?;
    Ok((
        Entry {
            owner,
            kind: number(8),
            description,
        },
        rest,
    ))
}

/// Splits off so many bytes and what fills them to four; the last filling may be missing.
fn split_filled(data: &[u8], bytes: u32) -> Result<(&[u8], &[u8]), Damage> {
    let bytes = bytes as usize;
    let (part, _) = data.split_at_checked(bytes).ok_or(Damage::Length)?;
    Ok((
        part,
        data.get(bytes.next_multiple_of(4)..).unwrap_or_default(),
    ))
}

/// A note's description, taken apart.
struct RawNote<'d> {
    location: u64,
    base: u64,
    semaphore: u64,
    provider: std::borrow::Cow<'d, str>,
    name: std::borrow::Cow<'d, str>,
    arguments: std::borrow::Cow<'d, str>,
}

impl<'d> RawNote<'d> {
    fn parse(description: &'d [u8], layout: Layout) -> Option<Self> {
        let (location, rest) = layout.address(description)?;
        let (base, rest) = layout.address(rest)?;
        let (semaphore, rest) = layout.address(rest)?;
        let mut strings = rest.split(|byte| *byte == 0);
        let mut text = || strings.next().map(String::from_utf8_lossy);
        let (provider, name, arguments) = (text()?, text()?, text()?);
        // What follows the last terminator shows that there was one.
        strings.next()?;
        Some(Self {
            location,
            base,
            semaphore,
            provider,
            name,
            arguments,
        })
    }
}
