//! `uprobe_multi` links: one for all sites of a probe in a file.

use crate::sys::bpf::{Place, link_multi};
use std::ffi::CStr;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

/// `EBADF`: the answer to a path that is no file, and it is given only by a kernel that knows
/// such links (others say `EINVAL`).
const NO_FILE: i32 = 9;

/// Links the program to the places, in all processes or in one.
pub(super) fn link(
    program: BorrowedFd<'_>,
    path: &CStr,
    places: &[Place],
    cookie: u64,
    pid: Option<u32>,
) -> io::Result<Vec<OwnedFd>> {
    Ok(vec![link_multi(program, path, places, cookie, pid)?])
}

/// Whether this kernel has such links, asked with a program that was loaded for them.
pub(super) fn is_supported(program: BorrowedFd<'_>) -> bool {
    let place = Place {
        offset: 0,
        semaphore: 0,
    };
    let answer = link_multi(program, c"/", &[place], 0, None);
    answer.is_err_and(|error| error.raw_os_error() == Some(NO_FILE))
}
