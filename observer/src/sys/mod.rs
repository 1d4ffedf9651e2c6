//! The system calls that neither `std` nor aya offers; the only place with libc.
//!
//! Each wrapper takes and returns owned or borrowed descriptors and slices, and knows nothing
//! of what they are for.

pub mod bpf;
pub mod clock;
pub mod map;
pub mod perf;
pub mod plain;
pub mod poll;
pub mod process;
pub mod uprobe;

use std::io;
use std::os::fd::{FromRawFd as _, OwnedFd, RawFd};

/// Turns the answer of a system call into a result.
fn check(answer: libc::c_long) -> io::Result<libc::c_long> {
    if answer < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(answer)
    }
}

/// Turns the answer of a system call that opens a descriptor into one.
fn check_descriptor(answer: libc::c_long) -> io::Result<OwnedFd> {
    let descriptor = RawFd::try_from(check(answer)?).map_err(io::Error::other)?;
    // SAFETY: the system call succeeded and gave this new descriptor to us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// How many values an entry of a per-processor map has: the highest processor that this machine
/// could ever have, and one.
fn processors() -> io::Result<usize> {
    let possible = std::fs::read_to_string("/sys/devices/system/cpu/possible")?;
    let highest = possible
        .trim()
        .rsplit([',', '-'])
        .next()
        .unwrap_or_default();
    Ok(highest.parse::<usize>().map_err(io::Error::other)? + 1)
}
