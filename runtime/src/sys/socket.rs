//! What sockets ask of the kernel beyond what the standard library does: connecting and accepting
//! without blocking, and waiting on a thread.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

use socket2::{Domain, SockAddr, Socket, Type};

/// Begins to connect a stream that does not block; it may be connected already.
///
/// # Errors
/// If the connection failed at once, or there is no descriptor left.
pub(crate) fn start_connecting(address: SocketAddr) -> io::Result<TcpStream> {
    let kind = Type::STREAM.nonblocking().cloexec();
    let socket = Socket::new(Domain::for_address(address), kind, None)?;
    match socket.connect(&address.into()) {
        Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(error),
        _ => Ok(socket.into()),
    }
}

/// Connects a stream that does not block.
///
/// # Errors
/// As `connect`; [`WouldBlock`](io::ErrorKind::WouldBlock) if the listener's queue is full, which
/// no event tells the end of.
pub(crate) fn connect_unix(path: &Path) -> io::Result<UnixStream> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking().cloexec(), None)?;
    socket.connect(&SockAddr::unix(path)?)?;
    Ok(socket.into())
}

/// Accepts a connection that does not block, and the address of its peer.
///
/// # Errors
/// As `accept4`; [`WouldBlock`](io::ErrorKind::WouldBlock) if there is none.
pub(crate) fn accept(listener: BorrowedFd<'_>) -> io::Result<(OwnedFd, SockAddr)> {
    let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    let accept = |storage: *mut socket2::SockAddrStorage, length: *mut libc::socklen_t| {
        // SAFETY: the storage is live, and as long as `length` says.
        let fd = unsafe { libc::accept4(listener.as_raw_fd(), storage.cast(), length, flags) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just made it, and nobody else knows of it.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    };
    // SAFETY: a call that succeeds has written an address and its length.
    unsafe { SockAddr::try_init(accept) }
}

/// Whether the process or the system has run out of something that a new descriptor takes: it may
/// be there again later.
pub(crate) fn is_exhaustion(error: &io::Error) -> bool {
    let exhausted = [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM];
    error
        .raw_os_error()
        .is_some_and(|errno| exhausted.contains(&errno))
}

/// Blocks the thread until the descriptor is ready or this long has passed (`None`: for ever). May
/// return early.
pub(crate) fn wait_on_thread(fd: BorrowedFd<'_>, for_writing: bool, wait_ns: Option<u64>) {
    let mut wanted = libc::pollfd {
        fd: fd.as_raw_fd(),
        events: if for_writing {
            libc::POLLOUT
        } else {
            libc::POLLIN
        },
        revents: 0,
    };
    let wait_ms = wait_ns.map_or(-1, |ns| {
        i32::try_from(ns.div_ceil(1_000_000)).unwrap_or(i32::MAX)
    });
    // SAFETY: one live structure. Whatever comes back, the caller makes its call again.
    unsafe { libc::poll(&raw mut wanted, 1, wait_ms) };
}
