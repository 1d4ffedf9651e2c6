//! Feeds any bytes to the reader of notes: as a file, and as arguments.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[allow(dead_code, unused_imports)] // Part of it serves callers that are not here.
#[path = "../../src/elf/mod.rs"]
mod elf;

use elf::{Architecture, MAX_NOTES, MAX_OPERANDS, decode_operands, read_notes};

fuzz_target!(|data: &[u8]| {
    if let Ok(notes) = read_notes(data) {
        assert!(notes.notes.len() <= MAX_NOTES);
        let offsets = notes
            .notes
            .iter()
            .flat_map(|note| [note.file_offset, note.semaphore_file_offset]);
        assert!(offsets.flatten().all(|offset| offset < data.len() as u64));
    }
    let text = String::from_utf8_lossy(data);
    for architecture in [Architecture::X86, Architecture::Aarch64] {
        assert!(decode_operands(&text, architecture).len() <= MAX_OPERANDS);
    }
});
