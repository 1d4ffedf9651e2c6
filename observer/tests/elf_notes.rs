//! The reader of notes against files made by hand: every trap, and every kind of damage.

mod crafted;

use crafted::{BASE, DATA, Form, TEXT, X86_64, file, note};
use observer::elf::{Damage, ElfError, MAX_NOTES, OperandKind, SemaphorePage, read_notes};

const STRINGS: &[u8] = b"parkwatch\0spawn\08@%rdi -4@-8(%rbp)\0";

fn plain(location: u64) -> Vec<u8> {
    note(X86_64, location, 0, 0, STRINGS)
}

#[test]
fn a_note_is_read_as_it_was_written() {
    let crafted = file(X86_64, &note(X86_64, TEXT + 0x10, BASE, DATA + 4, STRINGS));
    let notes = read_notes(&crafted.bytes).unwrap();
    assert_eq!(
        (notes.outside, notes.damage.len(), notes.notes.len()),
        (0, 0, 1)
    );
    let note = &notes.notes[0];
    assert_eq!(
        (note.provider.as_str(), note.name.as_str()),
        ("parkwatch", "spawn")
    );
    assert_eq!(
        (note.location, note.base, note.semaphore),
        (TEXT + 0x10, BASE, DATA + 4)
    );
    assert_eq!(note.arguments, "8@%rdi -4@-8(%rbp)");
    assert_eq!(note.file_offset, Some(crafted.text_offset + 0x10));
    assert_eq!(note.semaphore_file_offset, Some(crafted.data_offset + 4));
    assert_eq!(note.operands[0].as_ref().unwrap().register, Some("rdi"));
    assert_eq!(note.operands[1].as_ref().unwrap().kind, OperandKind::Memory);
}

#[test]
fn every_class_and_byte_order_works() {
    for wide in [false, true] {
        for big_endian in [false, true] {
            let form = Form {
                wide,
                big_endian,
                machine: 21,
                kind: 2,
            };
            let crafted = file(form, &note(form, TEXT, 0, DATA, b"p\0n\x004@r3\0"));
            let notes = read_notes(&crafted.bytes).unwrap();
            assert_eq!(notes.notes[0].file_offset, Some(crafted.text_offset));
            assert_eq!(
                notes.notes[0].semaphore_file_offset,
                Some(crafted.data_offset)
            );
            assert_eq!(notes.notes[0].operands, vec![None]);
        }
    }
}

#[test]
fn both_bases_move_addresses_and_one_alone_does_not() {
    let offset = |base| {
        let crafted = file(
            X86_64,
            &note(X86_64, TEXT + 0x20, base, DATA + 0x20, STRINGS),
        );
        let note = read_notes(&crafted.bytes).unwrap().notes.remove(0);
        assert_eq!(note.location, TEXT + 0x20);
        let semaphore = note
            .semaphore_file_offset
            .map(|offset| offset - crafted.data_offset);
        (note.file_offset.unwrap() - crafted.text_offset, semaphore)
    };
    assert_eq!(offset(BASE), (0x20, Some(0x20)));
    assert_eq!(offset(BASE - 0x10), (0x30, Some(0x30)));
    assert_eq!(offset(BASE + 0x10), (0x10, Some(0x10)));
    assert_eq!(offset(0), (0x20, Some(0x20)));
}

#[test]
fn a_dropped_base_section_moves_nothing() {
    let mut crafted = file(X86_64, &note(X86_64, TEXT + 0x20, 0x9999, 0, STRINGS));
    let name = crafted
        .bytes
        .windows(13)
        .position(|bytes| bytes == b".stapsdt.base")
        .unwrap();
    crafted.bytes[name + 1] = b'x';
    let notes = read_notes(&crafted.bytes).unwrap();
    assert_eq!(notes.notes[0].file_offset, Some(crafted.text_offset + 0x20));
}

#[test]
fn notes_outside_executable_segments_are_counted_only() {
    let places = [0, TEXT - 1, TEXT, TEXT + 0xff, TEXT + 0x100, DATA, u64::MAX];
    let bytes: Vec<u8> = places.into_iter().flat_map(plain).collect();
    let notes = read_notes(&file(X86_64, &bytes).bytes).unwrap();
    let kept: Vec<u64> = notes.notes.iter().map(|note| note.location).collect();
    assert_eq!(kept, [TEXT, TEXT + 0xff]);
    assert_eq!(notes.outside, 5);
}

#[test]
fn a_semaphore_that_the_file_does_not_hold_has_no_offset() {
    for semaphore in [0, TEXT, DATA + 0x80, DATA + 0x100] {
        let crafted = file(X86_64, &note(X86_64, TEXT, 0, semaphore, STRINGS));
        assert_eq!(
            read_notes(&crafted.bytes).unwrap().notes[0].semaphore_file_offset,
            None
        );
    }
}

#[test]
fn notes_of_others_are_passed_over() {
    let mut bytes = plain(TEXT);
    bytes[12] = b'S';
    let mut old = plain(TEXT);
    old[8] = 2;
    bytes.extend(old);
    bytes.extend(plain(TEXT + 1));
    let notes = read_notes(&file(X86_64, &bytes).bytes).unwrap();
    assert_eq!(notes.notes.len(), 1);
    assert_eq!(notes.notes[0].location, TEXT + 1);
    assert!(notes.damage.is_empty());
}

#[test]
fn a_section_cut_anywhere_keeps_the_notes_before_the_cut() {
    let whole: Vec<u8> = (0..3).flat_map(|at| plain(TEXT + at)).collect();
    let one = whole.len() / 3;
    for length in 0..=whole.len() {
        let notes = read_notes(&file(X86_64, &whole[..length]).bytes).unwrap();
        // The bytes that fill a note up to four may be missing.
        let kept = (length + one - (20 + 24 + STRINGS.len())) / one;
        assert_eq!(notes.notes.len(), kept, "cut at {length}");
        assert_eq!(
            notes.damage.is_empty(),
            length % one == 0 || kept * one > length,
            "{length}"
        );
    }
}

#[test]
fn damage_inside_a_note_costs_that_note_only() {
    for strings in [&b"parkwatch\0spawn\0no end"[..], b"parkwatch", b""] {
        let mut bytes = plain(TEXT);
        bytes.extend(note(X86_64, TEXT, 0, 0, strings));
        bytes.extend(plain(TEXT + 1));
        let notes = read_notes(&file(X86_64, &bytes).bytes).unwrap();
        assert_eq!(notes.notes.len(), 2);
        assert_eq!(notes.damage, [Damage::Strings]);
    }
}

#[test]
fn lengths_beyond_the_section_end_it() {
    for (at, kept) in [(0, 1), (4, 1)] {
        let mut bytes = plain(TEXT);
        let second = bytes.len();
        bytes.extend(plain(TEXT));
        bytes[second + at..second + at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
        let notes = read_notes(&file(X86_64, &bytes).bytes).unwrap();
        assert_eq!(
            (notes.notes.len(), notes.damage.as_slice()),
            (kept, &[Damage::Length][..])
        );
    }
}

#[test]
fn a_section_beyond_the_file_keeps_what_the_file_has() {
    let mut crafted = file(X86_64, &plain(TEXT));
    let size = crafted.notes_size_at..crafted.notes_size_at + 8;
    crafted.bytes[size].copy_from_slice(&u64::MAX.to_le_bytes());
    let notes = read_notes(&crafted.bytes).unwrap();
    assert_eq!(notes.notes.len(), 1);
    assert!(
        notes.damage.contains(&Damage::Section),
        "{:?}",
        notes.damage
    );
}

#[test]
fn notes_beyond_the_bound_are_reported() {
    let bytes = plain(TEXT).repeat(MAX_NOTES + 1);
    let notes = read_notes(&file(X86_64, &bytes).bytes).unwrap();
    assert_eq!(notes.notes.len(), MAX_NOTES);
    assert_eq!(notes.damage, [Damage::TooMany]);
}

#[test]
fn text_that_is_no_utf8_is_kept_readable() {
    let crafted = file(X86_64, &note(X86_64, TEXT, 0, 0, b"p\xff\0n\0\0"));
    let notes = read_notes(&crafted.bytes).unwrap();
    assert_eq!(notes.notes[0].provider, "p\u{fffd}");
    assert!(notes.notes[0].operands.is_empty());
}

#[test]
fn a_file_cut_anywhere_is_an_error_or_what_is_left() {
    let crafted = file(X86_64, &plain(TEXT));
    for length in 0..crafted.bytes.len() {
        match read_notes(&crafted.bytes[..length]) {
            Err(ElfError::Empty) => assert_eq!(length, 0),
            Err(ElfError::NotElf) => assert!(length < 4),
            Err(ElfError::Malformed(_)) => {}
            other => panic!("cut at {length}: {other:?}"),
        }
    }
}

#[test]
fn what_is_no_linked_file_is_said_in_one_line() {
    let message = |bytes: &[u8]| read_notes(bytes).unwrap_err().to_string();
    assert_eq!(message(b""), "the file is empty, not an ELF file");
    assert_eq!(message(b"#!/bin/sh"), "not an ELF file");
    let object = file(Form { kind: 1, ..X86_64 }, &plain(TEXT));
    let expected =
        "neither an executable nor a shared object (ELF type 1): its notes have no addresses";
    assert_eq!(message(&object.bytes), expected);
}

#[test]
fn tables_of_absurd_size_are_refused_before_they_are_read() {
    let mut many_sections = file(X86_64, &plain(TEXT)).bytes;
    // e_shnum 0: the count is the size of the section at index 0.
    many_sections[60..62].fill(0);
    let table = u64::from_le_bytes(many_sections[40..48].try_into().unwrap()) as usize;
    many_sections[table + 32..table + 40].copy_from_slice(&u64::MAX.to_le_bytes());
    assert!(matches!(
        read_notes(&many_sections),
        Err(ElfError::TooLarge(_))
    ));
    let mut many_segments = file(X86_64, &plain(TEXT)).bytes;
    many_segments[56..58].copy_from_slice(&u16::MAX.to_le_bytes());
    many_segments[table + 44..table + 48].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(matches!(
        read_notes(&many_segments),
        Err(ElfError::TooLarge(_))
    ));
}

#[test]
fn a_semaphore_behind_other_writable_data_in_one_page_of_the_file_is_not_the_kernels() {
    let mut crafted = file(X86_64, &note(X86_64, TEXT, 0, DATA, STRINGS));
    let page = |bytes: &[u8]| read_notes(bytes).unwrap().notes[0].semaphore_page;
    assert_eq!(page(&crafted.bytes), SemaphorePage::Own);
    // The flags of the first program header: the text becomes writable.
    crafted.bytes[64 + 4] = 7;
    assert_eq!(page(&crafted.bytes), SemaphorePage::Shared);
}
