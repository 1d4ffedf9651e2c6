//! The reader of notes against real files: `readelf -n` is the judge.

mod carrier;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use observer::elf::{Note, SemaphorePage, read_file_notes, read_notes};

/// What `readelf` prints of a note.
#[derive(Debug, PartialEq, Eq)]
struct Printed {
    provider: String,
    name: String,
    location: u64,
    base: u64,
    semaphore: u64,
    arguments: String,
}

/// `None` where there is no `readelf`.
fn readelf(path: &Path) -> Option<Vec<Printed>> {
    let output = Command::new("readelf")
        .args(["--notes", "--wide"])
        .arg(path)
        .output();
    let Ok(output) = output else {
        assert!(
            std::env::var_os("CI").is_none(),
            "readelf (binutils) is not installed"
        );
        eprintln!("skipped: readelf (binutils) is not installed");
        return None;
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Some(text.split("Provider: ").skip(1).map(printed).collect())
}

fn printed(text: &str) -> Printed {
    let mut lines = text.lines().map(str::trim);
    let mut value = |key: &str| {
        lines
            .next()
            .unwrap()
            .trim_start_matches(key)
            .trim()
            .to_owned()
    };
    let (provider, name, addresses) = (value(""), value("Name:"), value(""));
    let arguments = value("Arguments:");
    let address = |key: &str| {
        let (_, after) = addresses.split_once(key).unwrap();
        let digits = after
            .trim()
            .split(',')
            .next()
            .unwrap()
            .trim_start_matches("0x");
        u64::from_str_radix(digits, 16).unwrap()
    };
    let (location, base) = (address("Location:"), address("Base:"));
    Printed {
        provider,
        name,
        location,
        base,
        semaphore: address("Semaphore:"),
        arguments,
    }
}

fn as_printed(note: &Note) -> Printed {
    Printed {
        provider: note.provider.clone(),
        name: note.name.clone(),
        location: note.location,
        base: note.base,
        semaphore: note.semaphore,
        arguments: note.arguments.trim().to_owned(),
    }
}

/// Libraries that distributions build with probes.
fn system_libraries() -> Vec<PathBuf> {
    let names = [
        "libc.so.6",
        "libm.so.6",
        "libstdc++.so.6",
        "libpython3",
        "ld-linux",
        "libvirt",
    ];
    let directories = [
        "/usr/lib/x86_64-linux-gnu",
        "/usr/lib/aarch64-linux-gnu",
        "/usr/lib64",
    ];
    let entries = directories
        .iter()
        .filter_map(|path| fs::read_dir(path).ok())
        .flatten();
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let wanted = |path: &PathBuf| {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        names.iter().any(|known| name.starts_with(known)) && name.contains(".so") && path.is_file()
    };
    paths.filter(wanted).collect()
}

fn agrees_with_readelf(path: &Path) -> usize {
    let Some(expected) = readelf(path) else {
        return 0;
    };
    let read = read_file_notes(&File::open(path).unwrap());
    // Linker scripts are called like libraries, too.
    let Ok(read) = read else {
        assert!(expected.is_empty(), "{}: {read:?}", path.display());
        return 0;
    };
    let ours: Vec<Printed> = read.notes.iter().map(as_printed).collect();
    assert_eq!(
        (read.outside, read.damage.as_slice()),
        (0, &[][..]),
        "{}",
        path.display()
    );
    assert_eq!(ours, expected, "{}", path.display());
    ours.len()
}

#[test]
fn notes_of_system_libraries_are_those_that_readelf_prints() {
    let counts: Vec<_> = system_libraries()
        .iter()
        .map(|path| (path.clone(), agrees_with_readelf(path)))
        .collect();
    println!("{counts:?}");
}

#[test]
fn a_compiled_note_is_what_readelf_prints_in_every_way_of_linking() {
    let directory = tempfile::tempdir().unwrap();
    for flags in [
        &["-pie", "-fPIE"][..],
        &["-no-pie"],
        &["-g", "-O0"],
        &["-s"],
    ] {
        let program = carrier::build(directory.path(), "program", flags);
        if readelf(&program).is_some() {
            assert_eq!(agrees_with_readelf(&program), 1);
        }
        let library = carrier::build_library(directory.path(), "library.so");
        if readelf(&library).is_some() {
            assert_eq!(agrees_with_readelf(&library), 1);
        }
    }
}

#[test]
fn the_site_is_the_nop_and_the_semaphore_is_zero_in_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let program = carrier::build(directory.path(), "program", &[]);
    let data = fs::read(&program).unwrap();
    let note = read_notes(&data).unwrap().notes.remove(0);
    let nop: &[u8] = if cfg!(target_arch = "x86_64") {
        &[0x90]
    } else {
        &[0x1f, 0x20, 0x03, 0xd5]
    };
    let site = note.file_offset.unwrap() as usize;
    assert_eq!(&data[site..site + nop.len()], nop);
    let semaphore = note.semaphore_file_offset.unwrap() as usize;
    assert_eq!(&data[semaphore..semaphore + 2], [0, 0]);
    assert_eq!(note.operands.len(), 4);
    assert!(
        note.operands.iter().all(Option::is_some),
        "{:?}",
        note.operands
    );
}

#[test]
fn a_file_and_its_bytes_give_the_same_notes() {
    for path in system_libraries() {
        let from_file = read_file_notes(&File::open(&path).unwrap());
        let from_bytes = read_notes(&fs::read(&path).unwrap());
        assert_eq!(from_file.ok(), from_bytes.ok(), "{}", path.display());
    }
}

/// LLD as rustc brings it on x86_64; `None` where it does not.
fn lld() -> Option<PathBuf> {
    let output = Command::new("rustc")
        .args(["--print", "sysroot"])
        .output()
        .ok()?;
    let sysroot = String::from_utf8(output.stdout).ok()?;
    let folder = Path::new(sysroot.trim()).join("lib/rustlib/x86_64-unknown-linux-gnu/bin/gcc-ld");
    folder.join("ld.lld").exists().then_some(folder)
}

#[test]
fn lld_puts_the_semaphores_where_a_starting_process_may_miss_them_unless_they_are_aligned() {
    let Some(lld) = lld() else {
        eprintln!("skipped: this toolchain brings no LLD");
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let prefix = format!("-B{}", lld.display());
    let page = |name: &str, more: &[&str]| {
        let flags: Vec<&str> = [prefix.as_str(), "-fuse-ld=lld"]
            .into_iter()
            .chain(more.iter().copied())
            .collect();
        let program = carrier::build(directory.path(), name, &flags);
        read_notes(&fs::read(program).unwrap()).unwrap().notes[0].semaphore_page
    };
    assert_eq!(page("shared", &[]), SemaphorePage::SharedWhileStarting);
    assert_eq!(
        page("writable", &["-Wl,-z,norelro"]),
        SemaphorePage::Own,
        "one segment"
    );
    assert_eq!(page("aligned", &["-DALIGNED"]), SemaphorePage::Own);
}
