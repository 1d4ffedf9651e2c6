//! Accepting connections of processes of one machine.

use std::io;
use std::os::unix::net::SocketAddr;
use std::path::Path;

use super::accept::accept_each;
use super::io::{For, Io};
use super::unix_stream::UnixStream;
use crate::cancel::{Interrupted, Until};

/// A socket that accepts Unix streams; [`std::os::unix::net::UnixListener`] that parks.
#[derive(Debug)]
pub struct UnixListener(Io<std::os::unix::net::UnixListener>);

handle!(UnixListener, std::os::unix::net::UnixListener);

impl UnixListener {
    /// Listens at this path, which must not exist yet and stays when the listener is gone.
    ///
    /// # Errors
    ///
    /// If the path exists, or cannot be made.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::from_std(std::os::unix::net::UnixListener::bind(path)?)
    }

    /// Accepts a connection; waits for one.
    ///
    /// # Errors
    ///
    /// Those of `accept`, such as no descriptor left.
    pub fn accept(&self) -> io::Result<(UnixStream, SocketAddr)> {
        self.accept_until(Until::FOREVER)
    }

    /// Like [`accept`](Self::accept), but waits for no longer than `until`.
    ///
    /// # Errors
    ///
    /// As [`accept`](Self::accept), and the end of the wait: see [`net`](crate::net).
    pub fn accept_until<'u>(
        &self,
        until: impl Into<Until<'u>>,
    ) -> io::Result<(UnixStream, SocketAddr)> {
        let what = For::accept(until.into());
        let (stream, address) = self.0.run(what, |listener| listener.accept())?;
        Ok((UnixStream::from_std(stream)?, address))
    }

    /// Accepts one connection after another, as
    /// [`TcpListener::accept_each`](super::TcpListener::accept_each) does.
    ///
    /// # Errors
    ///
    /// What no wait would mend: the listener's own failures.
    pub fn accept_each<'u>(
        &self,
        until: impl Into<Until<'u>>,
        mut each: impl FnMut(UnixStream, SocketAddr),
    ) -> io::Result<Interrupted> {
        let until = until.into();
        let accept = || self.accept_until(until);
        accept_each(until, accept, |(stream, peer)| each(stream, peer))
    }

    /// The address that it listens on.
    ///
    /// # Errors
    ///
    /// If the kernel refuses.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.socket().local_addr()
    }
}
