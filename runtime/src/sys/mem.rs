//! Memory mappings: reserving, guarding and giving back ranges of pages.
//!
//! Called by the stacks, some of it from the fault handler: every function here is one system
//! call (two at most), allocates nothing and takes no lock.

use std::ptr;

/// The unit of every range that a stack opens, guards or gives back.
///
/// On x86_64 it is the page. Elsewhere it is a multiple of every page size that the kernel can
/// be built with, so that nothing has to be looked up in a fault handler.
#[cfg(target_arch = "x86_64")]
pub(crate) const PAGE_BYTES: usize = 4096;
/// The unit of every range that a stack opens, guards or gives back.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) const PAGE_BYTES: usize = 65_536;

/// `MADV_GUARD_INSTALL` and `MADV_GUARD_REMOVE` (Linux 6.13, `include/uapi/asm-generic/mman-common.h`).
const GUARD_INSTALL: i32 = 102;
const GUARD_REMOVE: i32 = 103;

/// The number of a failed system call's error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Errno(pub(crate) i32);

impl std::fmt::Display for Errno {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::io::Error::from_raw_os_error(self.0).fmt(f)
    }
}

/// What a range may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Nothing: every touch faults.
    None,
    /// Reading and writing.
    ReadWrite,
}

impl Access {
    const fn bits(self) -> i32 {
        match self {
            Self::None => libc::PROT_NONE,
            Self::ReadWrite => libc::PROT_READ | libc::PROT_WRITE,
        }
    }
}

/// Reserves `bytes` of private, zeroed memory that no page backs yet, without huge pages and
/// without a claim on swap, at an address that is a multiple of `alignment` (a power of two).
pub(crate) fn reserve(bytes: usize, alignment: usize, access: Access) -> Result<usize, Errno> {
    let start = map(bytes + alignment, access)?;
    let base = start.next_multiple_of(alignment);
    let end = start + bytes + alignment;
    // SAFETY: both ranges lie in the mapping just made, outside what is handed out, and nothing
    // refers to them.
    unsafe { unmap(start, base - start) };
    // SAFETY: as above.
    unsafe { unmap(base + bytes, end - base - bytes) };
    // SAFETY: the advice changes no content; a kernel without huge pages refuses it, which is
    // what is wanted.
    let _ = unsafe { advise(base, bytes, libc::MADV_NOHUGEPAGE) };
    Ok(base)
}

fn map(bytes: usize, access: Access) -> Result<usize, Errno> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: a fresh anonymous mapping at an address of the kernel's choice touches nothing
    // that exists.
    let start = unsafe { libc::mmap(ptr::null_mut(), bytes, access.bits(), flags, -1, 0) };
    if start == libc::MAP_FAILED {
        Err(last_error())
    } else {
        Ok(start as usize)
    }
}

/// Removes a mapping; does nothing if `bytes` is 0.
///
/// # Safety
/// The range was mapped by this module and nothing refers to it any more.
pub(crate) unsafe fn unmap(address: usize, bytes: usize) {
    if bytes > 0 {
        // SAFETY: the caller's promise.
        unsafe { libc::munmap(address as *mut _, bytes) };
    }
}

/// Makes every touch of the range fault, and drops its pages, without a mapping of its own.
///
/// Fails with `EINVAL` on kernels before 6.13 and on locked memory (`mlockall`).
///
/// # Safety
/// The range was reserved by this module and no reference into it is alive.
pub(crate) unsafe fn install_guard(address: usize, bytes: usize) -> Result<(), Errno> {
    // SAFETY: the caller's promise.
    unsafe { advise(address, bytes, GUARD_INSTALL) }
}

/// Opens what [`install_guard`] closed; pages that were open keep their content.
///
/// # Safety
/// The range was reserved readable and writable by this module.
pub(crate) unsafe fn remove_guard(address: usize, bytes: usize) -> Result<(), Errno> {
    // SAFETY: the caller's promise.
    unsafe { advise(address, bytes, GUARD_REMOVE) }
}

/// Gives the pages of a range back; they read as zero when touched again.
///
/// # Safety
/// The range was reserved by this module and its content is not needed any more.
pub(crate) unsafe fn discard(address: usize, bytes: usize) -> Result<(), Errno> {
    // SAFETY: the caller's promise.
    unsafe { advise(address, bytes, libc::MADV_DONTNEED) }
}

/// Changes what a range may be used for.
///
/// # Safety
/// The range was reserved by this module; when access is taken away, no reference into it is
/// alive.
pub(crate) unsafe fn protect(address: usize, bytes: usize, access: Access) -> Result<(), Errno> {
    // SAFETY: the caller's promise.
    check(unsafe { libc::mprotect(address as *mut _, bytes, access.bits()) })
}

unsafe fn advise(address: usize, bytes: usize, advice: i32) -> Result<(), Errno> {
    loop {
        // SAFETY: the caller's promise, by the advice.
        let result = check(unsafe { libc::madvise(address as *mut _, bytes, advice) });
        // The kernel gives up a guard installation that races with faults and says so.
        if result != Err(Errno(libc::EAGAIN)) && result != Err(Errno(libc::EINTR)) {
            return result;
        }
    }
}

fn check(result: i32) -> Result<(), Errno> {
    if result == 0 {
        Ok(())
    } else {
        Err(last_error())
    }
}

fn last_error() -> Errno {
    // SAFETY: asks for an address only.
    let place = unsafe { libc::__errno_location() };
    // SAFETY: the C library returns a valid pointer to this thread's error number.
    Errno(unsafe { *place })
}
