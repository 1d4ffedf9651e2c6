//! Datagrams between processes of one machine.

use std::io;
use std::os::unix::net::SocketAddr;
use std::path::Path;

use super::io::{For, Io};
use crate::cancel::Until;
use crate::stack::prepare_buffer;

/// A Unix datagram socket; [`std::os::unix::net::UnixDatagram`] that parks.
#[derive(Debug)]
pub struct UnixDatagram(Io<std::os::unix::net::UnixDatagram>);

handle!(UnixDatagram, std::os::unix::net::UnixDatagram);
datagrams!(UnixDatagram, SocketAddr);

impl UnixDatagram {
    /// A socket with this path, which must not exist yet and stays when the socket is gone.
    ///
    /// # Errors
    ///
    /// If the path exists, or cannot be made.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::from_std(std::os::unix::net::UnixDatagram::bind(path)?)
    }

    /// A socket without a path.
    ///
    /// # Errors
    ///
    /// If the process has no descriptor left.
    pub fn unbound() -> io::Result<Self> {
        Self::from_std(std::os::unix::net::UnixDatagram::unbound()?)
    }

    /// Two sockets that are connected to each other.
    ///
    /// # Errors
    ///
    /// If the process has no descriptors left.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (one, other) = std::os::unix::net::UnixDatagram::pair()?;
        Ok((Self::from_std(one)?, Self::from_std(other)?))
    }

    /// Sends to this path, and receives from it only, from here on.
    ///
    /// # Errors
    ///
    /// If there is no socket, or it may not be reached.
    pub fn connect(&self, path: impl AsRef<Path>) -> io::Result<()> {
        self.0.socket().connect(path)
    }

    /// Sends a datagram to this path; waits while the receiver's queue is full.
    ///
    /// # Errors
    ///
    /// Those of the socket, and the end of the wait by the write deadline.
    pub fn send_to(&self, bytes: &[u8], path: impl AsRef<Path>) -> io::Result<usize> {
        self.send_to_until(bytes, path, Until::FOREVER)
    }

    /// Like [`send_to`](Self::send_to), but waits for no longer than `until`.
    ///
    /// # Errors
    ///
    /// Those of the socket, and the end of the wait: see [`net`](crate::net).
    pub fn send_to_until<'u>(
        &self,
        bytes: &[u8],
        path: impl AsRef<Path>,
        until: impl Into<Until<'u>>,
    ) -> io::Result<usize> {
        let (path, what) = (path.as_ref(), For::write(until.into()));
        self.0.run(what, |socket| socket.send_to(bytes, path))
    }
}
