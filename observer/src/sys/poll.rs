//! Descriptors in tokio's reactor.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use tokio::io::unix::AsyncFd;

/// Registers a duplicate of a descriptor, through which the original's readiness is seen.
///
/// # Errors
///
/// It cannot be duplicated or polled.
///
/// # Panics
///
/// Outside of a tokio runtime with its I/O driver.
pub fn watch(descriptor: BorrowedFd<'_>) -> io::Result<AsyncFd<OwnedFd>> {
    let duplicate = descriptor.try_clone_to_owned()?;
    // SAFETY: an owned descriptor is open, and the same one, until it is dropped.
    unsafe { AsyncFd::register(duplicate) }.map_err(io::Error::from)
}
