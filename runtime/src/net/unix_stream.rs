//! Connections between processes of one machine.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::os::unix::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use super::io::{Io, error_of};
use super::stream::{Bounded, stream};
use crate::cancel::Until;
use crate::sys::socket;

/// How long a connect to a listener with a full queue waits before it tries again.
const RETRY: Duration = Duration::from_millis(2);

/// A Unix stream connection; [`std::os::unix::net::UnixStream`] that parks.
///
/// [`Read`] and [`Write`] are there for references, too.
#[derive(Debug)]
pub struct UnixStream(Io<std::os::unix::net::UnixStream>);

handle!(UnixStream, std::os::unix::net::UnixStream);
stream!(UnixStream);

impl UnixStream {
    /// Two ends of a connection.
    ///
    /// # Errors
    ///
    /// If the process has no descriptors left.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (one, other) = std::os::unix::net::UnixStream::pair()?;
        Ok((Self::from_std(one)?, Self::from_std(other)?))
    }

    /// Connects to the listener at this path.
    ///
    /// # Errors
    ///
    /// If nobody listens there, or it may not be reached.
    pub fn connect(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::connect_until(path, Until::FOREVER)
    }

    /// Like [`connect`](Self::connect), but waits for no longer than `until`. While the listener's
    /// queue is full it tries again every 2 ms: the kernel tells nobody of its end.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect), and the end of the wait: see [`net`](crate::net).
    pub fn connect_until<'u>(
        path: impl AsRef<Path>,
        until: impl Into<Until<'u>>,
    ) -> io::Result<Self> {
        let until = until.into();
        loop {
            match socket::connect_unix(path.as_ref()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                connected => return Ok(Self(Io::new(connected?))),
            }
            until.check().map_err(error_of)?;
            until.or_after(RETRY).wait();
        }
    }

    /// The peer's address.
    ///
    /// # Errors
    ///
    /// If there is no connection any more.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.socket().peer_addr()
    }

    /// This end's address.
    ///
    /// # Errors
    ///
    /// If the kernel refuses.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.socket().local_addr()
    }
}
