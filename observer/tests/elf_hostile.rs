//! The reader of notes against input that wants to break it: nothing panics, loops, or gives
//! more than its bounds, whatever the bytes are.

mod carrier;
mod crafted;

use crafted::{Form, TEXT, X86_64, file, note};
use observer::elf::{
    Architecture, MAX_NOTES, MAX_OPERANDS, Notes, OperandKind, decode_operands, read_notes,
};
use proptest::prelude::*;

fn assert_within_bounds(data: &[u8], notes: &Notes) {
    assert!(notes.notes.len() <= MAX_NOTES && notes.damage.len() <= 6);
    for note in &notes.notes {
        assert!(note.operands.len() <= MAX_OPERANDS);
        let offsets = note
            .file_offset
            .into_iter()
            .chain(note.semaphore_file_offset);
        assert!(offsets.into_iter().all(|offset| offset < data.len() as u64));
    }
}

/// A generator of numbers whose every run is the same (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }

    /// A byte that is at the edge of something more often than not.
    fn byte(&mut self) -> u8 {
        const EDGES: [u8; 8] = [0, 1, 3, 4, 0x7f, 0x80, 0xfe, 0xff];
        match self.below(3) {
            0 => self.below(256) as u8,
            _ => EDGES[self.below(EDGES.len())],
        }
    }
}

/// Changes a few bytes of the places that matter, reads, and puts them back.
fn mutate(data: &mut [u8], places: &[std::ops::Range<usize>], rounds: usize, seed: u64) {
    let mut random = Random(seed);
    for _ in 0..rounds {
        let mut undo = Vec::new();
        for _ in 0..=random.below(6) {
            let place = &places[random.below(places.len())];
            let at = place.start + random.below(place.len());
            undo.push((at, data[at]));
            data[at] = random.byte();
        }
        if let Ok(notes) = read_notes(data) {
            assert_within_bounds(data, &notes);
        }
        for (at, byte) in undo.into_iter().rev() {
            data[at] = byte;
        }
    }
}

#[test]
fn mutated_programs_never_break_the_reader() {
    let directory = tempfile::tempdir().unwrap();
    for (seed, flags) in [(1, &[][..]), (2, &["-s", "-no-pie"])] {
        let program = carrier::build(directory.path(), "program", flags);
        let mut data = std::fs::read(program).unwrap();
        let sections = u64::from_le_bytes(data[40..48].try_into().unwrap()) as usize;
        let tag = data
            .windows(8)
            .position(|bytes| bytes == b"stapsdt\0")
            .unwrap();
        let places = [
            0..64,
            64..64 + 13 * 56,
            tag - 12..tag + 80,
            sections..data.len(),
        ];
        mutate(&mut data, &places, 10_000, seed);
        assert_eq!(read_notes(&data).unwrap().notes.len(), 1);
    }
}

#[test]
fn mutated_files_of_every_form_never_break_the_reader() {
    let mut seed = 3;
    for wide in [false, true] {
        for big_endian in [false, true] {
            let form = Form {
                wide,
                big_endian,
                ..X86_64
            };
            let notes = note(form, TEXT, 0, 0, b"p\0n\08@%rdi\0").repeat(3);
            let mut data = file(form, &notes).bytes;
            let whole = 0..data.len();
            mutate(&mut data, std::slice::from_ref(&whole), 10_000, seed);
            seed += 1;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_after_the_magic_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let mut data = b"\x7fELF".to_vec();
        data.extend(bytes);
        if let Ok(notes) = read_notes(&data) {
            assert_within_bounds(&data, &notes);
        }
    }

    #[test]
    fn any_bytes_as_notes_are_read_or_reported(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let data = file(X86_64, &bytes).bytes;
        assert_within_bounds(&data, &read_notes(&data).unwrap());
    }

    #[test]
    fn any_text_decodes_within_the_bound(text in "\\PC*") {
        for architecture in [Architecture::X86, Architecture::Aarch64, Architecture::Other] {
            prop_assert!(decode_operands(&text, architecture).len() <= MAX_OPERANDS);
        }
    }

    #[test]
    fn text_of_the_syntax_decodes_within_the_bound(text in "[-0-9a-z@%$()\\[\\],+#. ]{0,80}") {
        for architecture in [Architecture::X86, Architecture::Aarch64] {
            prop_assert!(decode_operands(&text, architecture).len() <= MAX_OPERANDS);
        }
    }

    #[test]
    fn every_x86_address_decodes_to_its_parts(
        size in prop::sample::select(vec![1_u8, 2, 4, 8]),
        signed: bool,
        offset: i32,
        base in prop::sample::select(vec!["rax", "rbp", "r13", "esp"]),
        index in prop::option::of(prop::sample::select(vec![("rbx", 1_u8), ("r9", 4), ("rcx", 8)])),
        symbol in prop::option::of("[a-z_][a-z0-9_.]{0,12}"),
    ) {
        let sign = if signed { "-" } else { "" };
        let name = symbol.as_deref().map(|name| format!("+{name}")).unwrap_or_default();
        let scaled = index.map(|(name, scale)| format!(",%{name},{scale}")).unwrap_or_default();
        let text = format!("{sign}{size}@{offset}{name}(%{base}{scaled})");
        let operands = decode_operands(&text, Architecture::X86);
        let operand = operands[0].as_ref().unwrap();
        prop_assert_eq!((operand.size, operand.signed), (size, signed));
        prop_assert_eq!(operand.kind, OperandKind::Memory);
        prop_assert_eq!((operand.base, operand.offset), (Some(base), Some(offset.into())));
        prop_assert_eq!(operand.index.zip(operand.scale), index);
        prop_assert_eq!(operand.symbol.as_deref(), symbol.as_deref());
    }
}
