//! Programs and links by `bpf(2)`, as far as aya does not make them.

use super::{check, check_descriptor};
use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, OwnedFd};

const PROG_LOAD: libc::c_int = 5;
const LINK_CREATE: libc::c_int = 28;

const PROG_TYPE_KPROBE: u32 = 2;
const ATTACH_PERF_EVENT: u32 = 41;
const ATTACH_UPROBE_MULTI: u32 = 48;

/// What a program on probes may be linked to; fixed when it is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeProgram {
    /// Perf events.
    Perf,
    /// `uprobe_multi` links.
    Multi,
}

/// The kernel refused a program.
#[derive(Debug, thiserror::Error)]
#[error("{source}: {log}")]
pub struct Refusal {
    /// The error.
    pub source: io::Error,
    /// The end of the verifier's log, where there is one.
    pub log: String,
}

#[derive(Default)]
#[repr(C)]
struct LoadAttributes {
    kind: u32,
    instruction_count: u32,
    instructions: u64,
    license: u64,
    log_level: u32,
    log_bytes: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
    name: [u8; 16],
    interface: u32,
    expected_attach_type: u32,
}

/// Loads a program of type kprobe. `instructions` are relocated, 8 bytes each.
///
/// # Errors
///
/// What the verifier says: it is asked again for its log only when it refuses.
pub fn load_probe_program(
    name: &str,
    instructions: &[u8],
    license: &CStr,
    kind: ProbeProgram,
) -> Result<OwnedFd, Refusal> {
    load(name, instructions, license, kind, &mut []).or_else(|_| {
        let mut log = vec![0; 1 << 20];
        load(name, instructions, license, kind, &mut log).map_err(|source| Refusal {
            source,
            log: end_of_log(&log),
        })
    })
}

fn load(
    name: &str,
    instructions: &[u8],
    license: &CStr,
    kind: ProbeProgram,
    log: &mut [u8],
) -> io::Result<OwnedFd> {
    let mut attributes = LoadAttributes {
        kind: PROG_TYPE_KPROBE,
        instruction_count: (instructions.len() / 8) as u32,
        instructions: instructions.as_ptr() as u64,
        license: license.as_ptr() as u64,
        log_level: u32::from(!log.is_empty()),
        log_bytes: log.len() as u32,
        log: if log.is_empty() {
            0
        } else {
            log.as_mut_ptr() as u64
        },
        expected_attach_type: match kind {
            ProbeProgram::Perf => 0,
            ProbeProgram::Multi => ATTACH_UPROBE_MULTI,
        },
        ..LoadAttributes::default()
    };
    for (to, from) in attributes.name[..15].iter_mut().zip(name.bytes()) {
        *to = from;
    }
    // SAFETY: all addresses in the attributes are of slices that outlive the call.
    check_descriptor(unsafe { bpf(PROG_LOAD, &mut attributes) })
}

/// The last lines of a verifier's log, where the reason stands.
fn end_of_log(log: &[u8]) -> String {
    let end = log.iter().position(|byte| *byte == 0).unwrap_or(log.len());
    let text = String::from_utf8_lossy(&log[..end]);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(12)..].join("\n")
}

#[derive(Default)]
#[repr(C)]
struct LinkAttributes {
    program: u32,
    target: u32,
    attach_type: u32,
    flags: u32,
    /// For a perf event its cookie; for `uprobe_multi` the path.
    first: u64,
    offsets: u64,
    semaphore_offsets: u64,
    cookies: u64,
    count: u32,
    multi_flags: u32,
    pid: u32,
    padding: u32,
}

/// Links a program to a perf event; hits carry the cookie.
///
/// # Errors
///
/// The kernel's refusal.
pub fn link_perf(
    program: BorrowedFd<'_>,
    event: BorrowedFd<'_>,
    cookie: u64,
) -> io::Result<OwnedFd> {
    let mut attributes = LinkAttributes {
        program: program.as_raw_fd() as u32,
        target: event.as_raw_fd() as u32,
        attach_type: ATTACH_PERF_EVENT,
        first: cookie,
        ..LinkAttributes::default()
    };
    // SAFETY: the attributes hold no addresses.
    check_descriptor(unsafe { bpf(LINK_CREATE, &mut attributes) })
}

/// One probe of a `uprobe_multi` link: offsets in the file; a semaphore of 0 is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The instruction.
    pub offset: u64,
    /// The semaphore.
    pub semaphore: u64,
}

/// Links a program to places of a file, in all processes or in that of a pid; hits carry the
/// cookie.
///
/// # Errors
///
/// The kernel's refusal; EINVAL also where it does not know such links.
pub fn link_multi(
    program: BorrowedFd<'_>,
    path: &CStr,
    places: &[Place],
    cookie: u64,
    pid: Option<u32>,
) -> io::Result<OwnedFd> {
    let offsets: Vec<u64> = places.iter().map(|place| place.offset).collect();
    let semaphores: Vec<u64> = places.iter().map(|place| place.semaphore).collect();
    let cookies = vec![cookie; places.len()];
    let mut attributes = LinkAttributes {
        program: program.as_raw_fd() as u32,
        attach_type: ATTACH_UPROBE_MULTI,
        first: path.as_ptr() as u64,
        offsets: offsets.as_ptr() as u64,
        semaphore_offsets: semaphores.as_ptr() as u64,
        cookies: cookies.as_ptr() as u64,
        count: places.len() as u32,
        pid: pid.unwrap_or(0),
        ..LinkAttributes::default()
    };
    // SAFETY: the path and the three lists outlive the call; the count is theirs.
    check_descriptor(unsafe { bpf(LINK_CREATE, &mut attributes) })
}

/// Calls `bpf(2)`.
///
/// # Safety
///
/// The attributes are those of the command, in the kernel's layout, and addresses in them are
/// valid for what the command does with them.
pub(super) unsafe fn bpf<T>(command: libc::c_int, attributes: &mut T) -> libc::c_long {
    let size = size_of::<T>() as libc::c_uint;
    // SAFETY: passed on to the caller.
    unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_mut(attributes), size) }
}

/// As [`bpf`], for commands that answer nothing.
///
/// # Safety
///
/// As for [`bpf`].
pub(super) unsafe fn bpf_unit<T>(command: libc::c_int, attributes: &mut T) -> io::Result<()> {
    // SAFETY: passed on to the caller.
    check(unsafe { bpf(command, attributes) }).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_have_the_kernels_layout() {
        assert_eq!(size_of::<LoadAttributes>(), 72);
        assert_eq!(
            std::mem::offset_of!(LoadAttributes, expected_attach_type),
            68
        );
        assert_eq!(std::mem::offset_of!(LinkAttributes, first), 16);
        assert_eq!(std::mem::offset_of!(LinkAttributes, pid), 56);
    }

    #[test]
    fn keeps_the_last_lines_of_a_log() {
        let log: String = (0..20).map(|line| format!("{line}\n")).collect();
        let end = end_of_log(format!("{log}\0\0").as_bytes());
        assert!(end.starts_with("8\n"));
        assert!(end.ends_with("19"));
    }
}
