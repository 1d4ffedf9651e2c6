//! Perf events for probes in user programs, where the kernel has no `uprobe_multi`.

use super::check_descriptor;
use std::ffi::CStr;
use std::os::fd::OwnedFd;
use std::{fs, io};

/// Where the kernel says which type of event a probe in a user program is.
const TYPE: &str = "/sys/bus/event_source/devices/uprobe/type";

/// The part of `struct perf_event_attr` that probes use (`PERF_ATTR_SIZE_VER1`).
#[derive(Default)]
#[repr(C)]
struct Attributes {
    kind: u32,
    size: u32,
    /// Bits 32 to 63: the semaphore's offset in the file.
    config: u64,
    sample_period: u64,
    sample_type: u64,
    read_format: u64,
    flags: u64,
    wakeup_events: u32,
    breakpoint_type: u32,
    /// Address of the path.
    path: u64,
    /// The probe's offset in the file.
    offset: u64,
}

/// Opens the event of a probe in a file, for all processes or for that of a pid. It counts nothing by itself; the
/// semaphore is raised in every such process that maps the file while the event is open.
///
/// # Errors
///
/// The kernel has no such events, the semaphore lies beyond 4 GiB, or the probe is refused.
pub fn open_uprobe(
    path: &CStr,
    offset: u64,
    semaphore_offset: u64,
    pid: Option<u32>,
) -> io::Result<OwnedFd> {
    const FLAG_CLOSE_ON_EXEC: libc::c_ulong = 8;
    let kind = fs::read_to_string(TYPE)?
        .trim()
        .parse()
        .map_err(io::Error::other)?;
    let semaphore = u32::try_from(semaphore_offset).map_err(io::Error::other)?;
    let attributes = Attributes {
        kind,
        size: size_of::<Attributes>() as u32,
        config: u64::from(semaphore) << 32,
        path: path.as_ptr() as u64,
        offset,
        ..Attributes::default()
    };
    let (any_process, no_group) = (-1, -1);
    let process = pid.map_or(Ok(any_process), i32::try_from);
    let process = process.map_err(io::Error::other)?;
    // An event of all processes must name a processor; its program runs on all of them.
    let processor = if pid.is_some() { -1 } else { 0 };
    // SAFETY: the attributes and the path outlive the call, and their size is in the former.
    check_descriptor(unsafe {
        libc::syscall(
            libc::SYS_perf_event_open,
            &raw const attributes,
            process,
            processor,
            no_group,
            FLAG_CLOSE_ON_EXEC,
        )
    })
}
