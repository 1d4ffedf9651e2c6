//! Paths of the programs under test, ports for them, and a look into another process's memory.

use std::fs::File;
use std::net::TcpListener;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use observer::elf::read_notes;

use super::eventually;

/// The path in an environment variable that `cargo xtask test e2e` sets.
///
/// # Panics
///
/// If it is not set.
pub fn require(variable: &str) -> PathBuf {
    match std::env::var_os(variable) {
        Some(path) => path.into(),
        None => panic!("{variable} is not set; run these tests with `cargo xtask test e2e`"),
    }
}

/// A port of the loopback that nobody listens on.
///
/// # Panics
///
/// If there is none.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// Name and value of every probe semaphore of a process's executable.
///
/// # Panics
///
/// If the process is gone or its executable carries no notes.
pub fn semaphores(pid: u32) -> Vec<(String, u16)> {
    let image = std::fs::read(format!("/proc/{pid}/exe")).expect("executable");
    let notes = read_notes(&image).expect("notes");
    let memory = File::open(format!("/proc/{pid}/mem")).expect("memory");
    let bias = load_bias(pid, &image);
    let mut values = Vec::new();
    for note in notes
        .notes
        .iter()
        .filter(|note| note.provider == "parkwatch")
    {
        let mut value = [0; 2];
        memory
            .read_exact_at(&mut value, bias + note.semaphore)
            .expect("semaphore");
        values.push((note.name.clone(), u16::from_ne_bytes(value)));
    }
    assert!(!values.is_empty(), "no notes in the executable of {pid}");
    values
}

/// Waits until nobody listens to any probe of a process.
///
/// # Panics
///
/// If somebody goes on.
pub fn disarmed(pid: u32) {
    eventually("nobody listens", || {
        let mut armed = semaphores(pid);
        armed.retain(|(_, listeners)| *listeners != 0);
        if armed.is_empty() {
            Ok(())
        } else {
            Err(format!("{armed:?}"))
        }
    });
}

/// What the loader added to the file's addresses.
fn load_bias(pid: u32, image: &[u8]) -> u64 {
    let elf_type = u16::from_ne_bytes([image[16], image[17]]);
    const ET_DYN: u16 = 3;
    if elf_type != ET_DYN {
        return 0;
    }
    let exe = std::fs::read_link(format!("/proc/{pid}/exe")).expect("link");
    let exe = exe.to_string_lossy().into_owned();
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).expect("maps");
    let first = maps
        .lines()
        .find(|line| line.ends_with(&exe))
        .expect("mapping of the executable");
    let start = first.split('-').next().expect("a range");
    u64::from_str_radix(start, 16).expect("a hexadecimal address")
}

/// Memory that can be had without swapping, in bytes.
///
/// # Panics
///
/// If the kernel does not say.
pub fn available_memory() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").expect("meminfo");
    let line = text
        .lines()
        .find(|line| line.starts_with("MemAvailable:"))
        .expect("available");
    let kilobytes = line
        .split_whitespace()
        .nth(1)
        .and_then(|word| word.parse::<u64>().ok());
    kilobytes.expect("a number") * 1024
}
