//! `observer probes ELF`: the USDT notes of any ELF file, of any provider.
//!
//! ```text
//! PROVIDER   NAME   LOCATION  BASE    SEMAPHORE  OFFSET  ARGUMENTS
//! parkwatch  spawn  0x1a2b0   0x5e00  0x7f010    0xa2b0  8@%rdi 8@%rsi 8@%rdx
//! ```
//!
//! Notes that could not be read are said on stderr after those that could, and the exit code
//! is 1 then.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, anyhow, bail};
use rustix::fs::OFlags;

use super::{Format, output};
use crate::elf::{Note, Notes, SemaphorePage, read_file_notes};

/// Flags of `observer probes`.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// The executable or shared object.
    #[arg(value_name = "ELF")]
    pub file: PathBuf,
    /// How the notes are printed.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Prints the notes of the file.
///
/// # Errors
///
/// When the file cannot be opened, is no linked ELF file, or its headers are damaged.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let path = arguments.file.display();
    let notes = read_file_notes(&open(&arguments.file)?)
        .map_err(|error| anyhow!("{path}: {error}: give an executable or a shared object"))?;
    let text = match arguments.format {
        Format::Text => text(&notes.notes),
        Format::Json => output::json(&notes.notes)?,
    };
    output::print(&text)?;
    Ok(say_what_is_missing(&arguments.file, &notes))
}

/// Opens a regular file and nothing else: a pipe would block, a device may act.
fn open(path: &Path) -> anyhow::Result<File> {
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits();
    let shown = path.display();
    let metadata = std::fs::metadata(path).with_context(|| format!("cannot open {shown}"))?;
    if metadata.is_dir() {
        bail!("{shown} is a directory: give an executable or a shared object");
    }
    if !metadata.is_file() {
        bail!("{shown} is no regular file: give an executable or a shared object");
    }
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(flags as i32)
        .open(path);
    opened.with_context(|| format!("cannot open {shown}"))
}

fn text(notes: &[Note]) -> String {
    if notes.is_empty() {
        return String::new();
    }
    let header = [
        "PROVIDER",
        "NAME",
        "LOCATION",
        "BASE",
        "SEMAPHORE",
        "OFFSET",
        "ARGUMENTS",
    ];
    let rows: Vec<_> = notes.iter().map(row).collect();
    output::table(header, &rows)
}

fn row(note: &Note) -> [String; 7] {
    let hexadecimal = |value: u64| format!("{value:#x}");
    [
        note.provider.clone(),
        note.name.clone(),
        hexadecimal(note.location),
        hexadecimal(note.base),
        hexadecimal(note.semaphore),
        note.file_offset.map_or_else(|| "-".to_owned(), hexadecimal),
        note.arguments.clone(),
    ]
}

/// One line on stderr about damage, which is a failure, or about what is not there.
fn say_what_is_missing(path: &Path, notes: &Notes) -> ExitCode {
    let path = path.display();
    let count = notes.notes.len();
    if !notes.damage.is_empty() {
        let damage: Vec<String> = notes.damage.iter().map(ToString::to_string).collect();
        let damage = damage.join(", ");
        eprintln!(
            "observer: {path}: damaged notes after {count} that could be read: {damage}: build or copy the file again"
        );
        return ExitCode::FAILURE;
    }
    let shared = |note: &&Note| note.semaphore_page != SemaphorePage::Own;
    if let Some(note) = notes.notes.iter().find(shared) {
        let name = &note.name;
        eprintln!(
            "observer: {path}: the semaphore of `{name}` shares its page of the file with another writable segment and may never be raised: align the section .probes to a page when linking"
        );
    }
    if notes.outside > 0 {
        let outside = notes.outside;
        eprintln!(
            "observer: {path}: {outside} notes left out: their code was dropped by the linker"
        );
    } else if count == 0 {
        eprintln!("observer: {path}: no USDT notes");
    }
    ExitCode::SUCCESS
}
