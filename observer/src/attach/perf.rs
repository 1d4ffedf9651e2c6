//! Perf links: an event and a link for each site.

use crate::sys::bpf::{Place, link_perf};
use crate::sys::perf::open_uprobe;
use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

/// Links the program to the places, in all processes or in one. Links come before their events, so that
/// closing in order never leaves an event without its program.
pub(super) fn link(
    program: BorrowedFd<'_>,
    path: &CStr,
    places: &[Place],
    cookie: u64,
    pid: Option<u32>,
) -> io::Result<Vec<OwnedFd>> {
    let mut descriptors = Vec::with_capacity(2 * places.len());
    for place in places {
        let event = open_uprobe(path, place.offset, place.semaphore, pid)?;
        descriptors.push(link_perf(program, event.as_fd(), cookie)?);
        descriptors.push(event);
    }
    Ok(descriptors)
}
