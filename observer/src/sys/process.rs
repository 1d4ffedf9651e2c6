//! Other processes: their memory, and descriptors that name them.

use super::{check, check_descriptor};
use std::io;
use std::os::fd::OwnedFd;

/// Reads memory of a process; returns how many bytes could be read, from the first on.
///
/// # Errors
///
/// The process is gone, may not be read, or not even the first byte is mapped.
pub fn read_memory(pid: u32, address: u64, into: &mut [u8]) -> io::Result<usize> {
    let local = libc::iovec {
        iov_base: into.as_mut_ptr().cast(),
        iov_len: into.len(),
    };
    let remote = libc::iovec {
        iov_base: address as *mut libc::c_void,
        iov_len: into.len(),
    };
    // SAFETY: the local vector is the borrowed slice; the remote one is checked by the kernel.
    let answer = unsafe { libc::process_vm_readv(pid as libc::pid_t, &local, 1, &remote, 1, 0) };
    Ok(check(answer as libc::c_long)? as usize)
}

/// A descriptor of a process that becomes readable when it ends.
///
/// # Errors
///
/// There is no such process.
pub fn open_pidfd(pid: u32) -> io::Result<OwnedFd> {
    // SAFETY: takes two integers.
    check_descriptor(unsafe { libc::syscall(libc::SYS_pidfd_open, pid as libc::pid_t, 0) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_process_own_memory() {
        let text = *b"parkwatch";
        let mut copy = [0; 9];
        let read = read_memory(std::process::id(), text.as_ptr() as u64, &mut copy).unwrap();
        assert_eq!((read, copy), (9, text));
    }

    #[test]
    fn refuses_an_address_that_is_not_mapped() {
        assert!(read_memory(std::process::id(), 8, &mut [0; 1]).is_err());
    }
}
