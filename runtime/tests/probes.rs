//! The probes as a tracer finds them: the notes of built ELF files, read by `readelf`, against
//! the table of `runtime_abi`. In debug and release, with LTO and stripped, linked statically;
//! and those of a C program that emits probes by itself.
//!
//! The Rust programs are built from a generated package of three lines, by the cargo that runs
//! this test, with the workspace's lock file and without network.

#![cfg(all(target_os = "linux", target_arch = "x86_64", not(any(miri, loom))))]

mod notes;

use notes::{Note, hexadecimal, notes, readelf, run};
use runtime_abi::{ARGUMENT_REGISTERS, PROBES, PROVIDER, Probe};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the site's bytes begin: a 1-byte nop, then a 10-byte one.
const SITE: [u8; 11] = [0x90, 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0];

const MANIFEST: &str = r#"
[package]
name = "subject"
version = "0.1.0"
edition = "2024"

[workspace]

[dependencies]
runtime = { path = "RUNTIME" }

[profile.dev.package."*"]
opt-level = 0

[profile.release]
debug = "line-tables-only"

[profile.lto]
inherits = "release"
lto = "fat"
codegen-units = 1
strip = "symbols"
"#;

const MAIN: &str = "fn main() {
    runtime::Runtime::run(|| runtime::spawn(|| ()).join().unwrap());
}
";

#[test]
fn a_debug_build_has_every_probe_once() {
    check(&build("dev", "debug", ""), &PROBES);
}

#[test]
fn a_release_build_has_every_probe_once() {
    check(&build("release", "release", ""), &PROBES);
}

#[test]
fn a_stripped_build_with_fat_lto_has_every_probe_once() {
    check(&build("lto", "lto", ""), &PROBES);
}

#[test]
fn a_static_build_at_a_fixed_address_has_every_probe_once() {
    let flags = "-C target-feature=+crt-static -C relocation-model=static";
    check(&build("release", "release", flags), &PROBES);
}

#[test]
fn a_c_program_that_emits_probes_by_itself_has_the_same_notes() {
    let emitted = [
        "spawn", "exit", "ledger", "parked", "stall", "unstall", "monitor",
    ];
    let probes: Vec<Probe> = PROBES
        .into_iter()
        .filter(|probe| emitted.contains(&probe.name))
        .collect();
    assert_eq!(probes.len(), emitted.len());
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/emitter.c");
    for options in [&["-O0"][..], &["-O2", "-s"], &["-O2", "-static", "-no-pie"]] {
        let program = directory().join(format!("emitter{}", options.concat()));
        let arguments: [&OsStr; 5] = [
            "-Wall".as_ref(),
            "-Werror".as_ref(),
            "-o".as_ref(),
            program.as_ref(),
            source.as_ref(),
        ];
        run(Command::new("cc").args(options).args(arguments));
        check(&program, &probes);
    }
}

/// Builds the subject; returns its executable.
fn build(profile: &str, profile_directory: &str, flags: &str) -> PathBuf {
    // A directory for each: tests run at the same time.
    let package = directory().join(format!("subject-{profile}{}", flags.len()));
    let crate_directory = env!("CARGO_MANIFEST_DIR");
    fs::create_dir_all(package.join("src")).expect("a writable target directory");
    let write = |name: &str, text: &str| {
        fs::write(package.join(name), text).expect("a writable target directory");
    };
    write("Cargo.toml", &MANIFEST.replace("RUNTIME", crate_directory));
    write("src/main.rs", MAIN);
    let lock = Path::new(crate_directory).join("../Cargo.lock");
    fs::copy(lock, package.join("Cargo.lock")).expect("the workspace's lock file");
    let target = package.join("target");
    run(Command::new(env!("CARGO"))
        .args([
            "build",
            "--quiet",
            "--offline",
            "--target",
            "x86_64-unknown-linux-gnu",
        ])
        .args(["--profile", profile])
        .current_dir(&package)
        .env("CARGO_TARGET_DIR", &target)
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env("RUSTFLAGS", flags));
    target
        .join("x86_64-unknown-linux-gnu")
        .join(profile_directory)
        .join("subject")
}

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
}

/// How many writable segments the loader maps over the page of a file's offset.
fn writable_mappings_of(program_headers: &str, offset: u64) -> usize {
    const PAGE: u64 = 4_096;
    let number = |word: &str| u64::from_str_radix(word.trim_start_matches("0x"), 16);
    let covers = |line: &&str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let is_writable = words.first() == Some(&"LOAD") && words[6].contains('W');
        let (Ok(start), Ok(bytes)) = (number(words[1]), number(words[4])) else {
            return false;
        };
        let pages = start / PAGE * PAGE..(start + bytes).next_multiple_of(PAGE);
        is_writable && pages.contains(&offset)
    };
    let headers = program_headers
        .lines()
        .filter(|line| line.trim().starts_with("LOAD"));
    headers.filter(covers).count()
}

/// Holds the file's notes against the rows of the table.
fn check(program: &Path, probes: &[Probe]) {
    let notes = notes(&readelf("-n", program));
    let found = |name: &str| notes.iter().filter(|note| note.name == name).count();
    for probe in probes {
        assert_eq!(
            found(probe.name),
            1,
            "notes of {} in {}",
            probe.name,
            program.display()
        );
    }
    assert_eq!(notes.len(), probes.len(), "{notes:#?}");

    let sections = sections(&readelf("-SW", program));
    let section = |name: &str| sections.iter().find(|section| section.name == name);
    let semaphores = section(".probes").expect("a section of semaphores");
    let base = section(".stapsdt.base").expect("the base section");
    let text = section(".text").expect("code");
    let bytes = fs::read(program).expect("the program");
    let mut places: Vec<u64> = notes.iter().map(|note| note.semaphore).collect();
    places.sort_unstable();
    places.dedup();
    assert_eq!(
        places.len(),
        probes.len(),
        "every probe has a semaphore of its own"
    );
    assert_eq!(
        writable_mappings_of(&readelf("-lW", program), semaphores.offset),
        1,
        "the page of the semaphores in {}",
        program.display()
    );
    for note in &notes {
        assert_eq!(note.provider, PROVIDER);
        assert_eq!(note.base, base.address, "{note:?}");
        assert_eq!(note.arguments, arguments_of(note, probes));
        assert!(
            semaphores.holds(note.semaphore, 2),
            "{note:?} in {semaphores:?}"
        );
        assert!(
            text.holds(note.location, SITE.len() as u64),
            "{note:?} in {text:?}"
        );
        let place = (note.location - text.address + text.offset) as usize;
        assert_eq!(bytes[place..place + SITE.len()], SITE, "{note:?}");
    }
}

/// The table's argument string: each 64-bit, in its register.
fn arguments_of(note: &Note, probes: &[Probe]) -> String {
    let probe = probes
        .iter()
        .find(|probe| probe.name == note.name)
        .expect("in the table");
    let operands: Vec<String> = ARGUMENT_REGISTERS[..probe.arguments.len()]
        .iter()
        .map(|register| format!("8@%{register}"))
        .collect();
    operands.join(" ")
}

#[derive(Debug)]
struct Section {
    name: String,
    address: u64,
    offset: u64,
    size: u64,
}

impl Section {
    fn holds(&self, address: u64, len: u64) -> bool {
        (self.address..=self.address + self.size - len).contains(&address)
    }
}

/// The sections in the output of `readelf -S`: `[ 1] .name TYPE address offset size …`.
fn sections(output: &str) -> Vec<Section> {
    let rows = output
        .lines()
        .filter_map(|line| line.trim().strip_prefix('[')?.split_once(']'));
    rows.filter_map(|(_, row)| {
        let [name, _, address, offset, size] =
            row.split_whitespace().take(5).collect::<Vec<_>>()[..]
        else {
            return None;
        };
        u64::from_str_radix(address, 16)
            .ok()
            .map(|address| Section {
                name: name.into(),
                address,
                offset: hexadecimal(offset),
                size: hexadecimal(size),
            })
    })
    .collect()
}
