//! Names from a separate debug file that is found by its build id: of a real program, which was
//! stripped after `objcopy` had split its debug information off, and runs.

mod carrier;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use carrier::{Running, build};
use observer::stacks::{Frame, Registers, StackCopy, Walker};

/// Runs a program of the binutils and returns what it printed.
fn output(program: &str, arguments: &[&Path]) -> String {
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{program}: {output:?}");
    String::from_utf8(output.stdout).expect("text")
}

/// The address of `main`, at which the program is loaded too.
fn main_of(program: &Path) -> u64 {
    let symbols = output("nm", &[program]);
    let main = symbols
        .lines()
        .find_map(|line| line.strip_suffix(" T main"));
    u64::from_str_radix(main.expect("it has one"), 16).expect("hexadecimal")
}

/// Where a debug file lies by the build id of its program.
fn by_build_id(directory: &Path, program: &Path) -> PathBuf {
    let notes = output("readelf", &[Path::new("--notes"), program]);
    let id = notes
        .lines()
        .find_map(|line| line.trim().strip_prefix("Build ID: "));
    let (first, rest) = id.expect("it has one").split_at(2);
    directory.join(first).join(format!("{rest}.debug"))
}

/// The frame of an address in a process, with the debug files of a directory.
fn frame(pid: u32, pc: u64, debug_files: &Path) -> Frame {
    let walker = Walker::start_with(pid, debug_files.to_owned()).expect("a child of ours");
    let registers = Registers {
        pc,
        ..Registers::default()
    };
    let copy = StackCopy::new(0, &[], false);
    walker.submit(1, registers, copy).expect("it runs");
    let walked = walker.finish().expect("walked");
    let stack = walked.stack(walked.of_task(1).expect("it has a frame"));
    stack.frames.last().expect("one").clone()
}

#[test]
fn a_stripped_program_has_names_and_lines_from_its_debug_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let debug_files = folder.path().join("debug");
    let flags = ["-g", "-no-pie", "-Wl,--build-id"];
    let program = build(folder.path(), "program", &flags);
    let main = main_of(&program);
    let debug = by_build_id(&debug_files, &program);
    fs::create_dir_all(debug.parent().expect("a folder")).expect("created");
    output(
        "objcopy",
        &[Path::new("--only-keep-debug"), &program, &debug],
    );
    output("strip", &[Path::new("--strip-all"), &program]);
    let running = Running::start(&program, &[]);
    let named = frame(running.pid(), main, &debug_files);
    assert_eq!(named.function.as_deref(), Some("main"), "{named:?}");
    let file = named.file.expect("a file");
    assert!(file.ends_with("carrier.c"), "{file}");
    assert!(named.line.is_some());
    let elsewhere = frame(running.pid(), main, folder.path());
    assert_eq!((elsewhere.function, elsewhere.line), (None, None));
    let other = build(folder.path(), "other", &[&flags[..], &["-O2"]].concat());
    fs::copy(&other, &debug).expect("another program's");
    let refused = frame(running.pid(), main, &debug_files);
    assert_eq!(refused.function, None, "its build id is another");
}
