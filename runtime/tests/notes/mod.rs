//! The SDT notes of an ELF file, as `readelf` reads them: for several tests, of which each uses a part.

#![allow(dead_code)]

use std::path::Path;
use std::process::Command;

/// One note.
#[derive(Debug, Default)]
pub struct Note {
    /// As in the note.
    pub provider: String,
    /// As in the note.
    pub name: String,
    /// As in the note.
    pub location: u64,
    /// As in the note.
    pub base: u64,
    /// As in the note.
    pub semaphore: u64,
    /// As in the note.
    pub arguments: String,
}

/// The SDT notes in the output of `readelf -n`.
pub fn notes(output: &str) -> Vec<Note> {
    let mut notes: Vec<Note> = Vec::new();
    for line in output.lines() {
        let Some((key, value)) = line.trim().split_once(": ") else {
            continue;
        };
        if key == "Provider" {
            notes.push(Note {
                provider: value.into(),
                ..Note::default()
            });
        }
        let Some(note) = notes.last_mut() else {
            continue;
        };
        match key {
            "Name" => note.name = value.into(),
            "Arguments" => note.arguments = value.into(),
            "Location" => [note.location, note.base, note.semaphore] = addresses(line),
            _ => {}
        }
    }
    notes
}

/// The three addresses of a line `Location: 0x1, Base: 0x2, Semaphore: 0x3`.
fn addresses(line: &str) -> [u64; 3] {
    let values: Vec<u64> = line
        .split(", ")
        .filter_map(|part| Some(hexadecimal(part.split_once("0x")?.1)))
        .collect();
    values
        .try_into()
        .unwrap_or_else(|_| panic!("three addresses in {line:?}"))
}

/// Parses a hexadecimal number without prefix.
pub fn hexadecimal(digits: &str) -> u64 {
    u64::from_str_radix(digits, 16).unwrap_or_else(|error| panic!("{digits:?}: {error}"))
}

/// The output of `readelf` for a file.
pub fn readelf(option: &str, program: &Path) -> String {
    run(Command::new("readelf")
        .arg(option)
        .arg(program)
        .env("LC_ALL", "C"))
}

/// Runs a command to its end; returns what it printed.
pub fn run(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    String::from_utf8(output.stdout).expect("text")
}
