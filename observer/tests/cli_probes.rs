//! `observer probes`, as a user calls it.

mod carrier;
mod crafted;

use std::path::Path;
use std::process::{Command, Output};

use crafted::{DATA, Form, TEXT, X86_64, file, note};
use serde_json::{Value, json};

const NOTE: &[u8] = b"demo\0go\08@%rdi -4@-8(%rbp,%rcx,4) 8f@%xmm0\0";

fn probes(path: &Path, more: &[&str]) -> Output {
    let observer = env!("CARGO_BIN_EXE_observer");
    Command::new(observer)
        .arg("probes")
        .arg(path)
        .args(more)
        .output()
        .unwrap()
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

/// The one line on stderr.
fn error(output: &Output) -> &str {
    let text = std::str::from_utf8(&output.stderr).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    text.trim_end()
}

struct Scratch(tempfile::TempDir);

impl Scratch {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, bytes: &[u8]) -> std::path::PathBuf {
        let path = self.0.path().join("file");
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

#[test]
fn json_is_the_contracts_to_the_letter() {
    let crafted = file(X86_64, &note(X86_64, TEXT + 8, 0, DATA, NOTE));
    let scratch = Scratch::new();
    let output = probes(&scratch.file(&crafted.bytes), &["--format", "json"]);
    assert!(output.status.success() && output.stderr.is_empty());
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    let register = json!({
        "size": 8, "signed": false, "kind": "register", "register": "rdi", "constant": null,
        "base": null, "index": null, "scale": null, "offset": null, "symbol": null,
    });
    let memory = json!({
        "size": 4, "signed": true, "kind": "memory", "register": null, "constant": null,
        "base": "rbp", "index": "rcx", "scale": 4, "offset": -8, "symbol": null,
    });
    let expected = json!([{
        "provider": "demo", "name": "go", "location": TEXT + 8, "base": 0, "semaphore": DATA,
        "arguments": "8@%rdi -4@-8(%rbp,%rcx,4) 8f@%xmm0",
        "file_offset": crafted.text_offset + 8,
        "operands": [register, memory, null],
    }]);
    assert_eq!(value, expected);
}

#[test]
fn text_is_a_table() {
    let crafted = file(X86_64, &note(X86_64, TEXT + 8, 0, DATA, NOTE));
    let output = probes(&Scratch::new().file(&crafted.bytes), &[]);
    let expected = "\
PROVIDER  NAME  LOCATION  BASE  SEMAPHORE  OFFSET  ARGUMENTS
demo      go    0x1008    0x0   0x2000     0xb8    8@%rdi -4@-8(%rbp,%rcx,4) 8f@%xmm0
";
    assert_eq!(stdout(&output), expected);
}

#[test]
fn a_compiled_program_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let program = carrier::build(directory.path(), "program", &[]);
    let output = probes(&program, &["--format", "json"]);
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(value[0]["provider"], "parkwatch");
    assert_eq!(value[0]["operands"].as_array().unwrap().len(), 4);
}

#[test]
fn a_file_without_notes_is_an_empty_array() {
    let path = Scratch::new();
    let path = path.file(&file(X86_64, b"").bytes);
    let output = probes(&path, &["--format", "json"]);
    assert!(output.status.success());
    assert_eq!(stdout(&output), "[]\n");
    assert!(error(&output).ends_with(": no USDT notes"));
}

#[test]
fn notes_before_the_damage_are_printed_and_the_damage_is_said() {
    let mut notes = note(X86_64, TEXT, 0, 0, NOTE);
    notes.extend(&note(X86_64, TEXT, 0, 0, NOTE)[..40]);
    let output = probes(
        &Scratch::new().file(&file(X86_64, &notes).bytes),
        &["--format", "json"],
    );
    assert_eq!(output.status.code(), Some(1));
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(value.as_array().unwrap().len(), 1);
    assert!(error(&output).contains("damaged notes after 1 that could be read"));
}

#[test]
fn notes_of_dropped_functions_are_left_out_and_counted() {
    let mut notes = note(X86_64, TEXT, 0, 0, NOTE);
    notes.extend(note(X86_64, 0, 0, 0, NOTE));
    let output = probes(&Scratch::new().file(&file(X86_64, &notes).bytes), &[]);
    assert!(output.status.success());
    assert_eq!(stdout(&output).lines().count(), 2);
    assert!(error(&output).contains("1 notes left out"));
}

#[test]
fn what_is_no_elf_file_is_one_line_and_code_1() {
    let scratch = Scratch::new();
    let whole = file(X86_64, &note(X86_64, TEXT, 0, 0, NOTE)).bytes;
    let relocatable = file(Form { kind: 1, ..X86_64 }, b"").bytes;
    for (bytes, words) in [
        (&b"#!/bin/sh\n"[..], "not an ELF file"),
        (b"", "the file is empty"),
        (&whole[..30], "the header is cut off"),
        (&whole[..whole.len() - 10], "reach beyond the file"),
        (&relocatable, "neither an executable nor a shared object"),
    ] {
        let output = probes(&scratch.file(bytes), &[]);
        assert_eq!((output.status.code(), stdout(&output)), (Some(1), ""));
        let line = error(&output);
        assert!(
            line.contains(words) && line.contains("give an executable"),
            "{line}"
        );
    }
}

#[test]
fn what_cannot_be_opened_is_one_line_and_code_1() {
    let directory = tempfile::tempdir().unwrap();
    let absent = directory.path().join("absent");
    let pipe = directory.path().join("pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    for (path, words) in [
        (directory.path(), "is a directory"),
        (&absent, "No such file"),
        (&pipe, "is no regular file"),
        (Path::new("/dev/null"), "is no regular file"),
    ] {
        let output = probes(path, &[]);
        assert_eq!(output.status.code(), Some(1));
        assert!(error(&output).contains(words), "{}", error(&output));
    }
}

#[test]
fn wrong_usage_is_code_2() {
    let output = probes(Path::new("/bin/sh"), &["--format", "xml"]);
    assert_eq!(output.status.code(), Some(2));
    let output = Command::new(env!("CARGO_BIN_EXE_observer"))
        .arg("probes")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
}
