//! TCP connections.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::{SocketAddr, ToSocketAddrs};

use super::io::{For, Io};
use super::stream::{Bounded, stream};
use crate::cancel::Until;
use crate::stack::prepare_buffer;
use crate::sys::socket;

/// A TCP connection; [`std::net::TcpStream`] that parks.
///
/// [`Read`] and [`Write`] are there for references, too.
#[derive(Debug)]
pub struct TcpStream(Io<std::net::TcpStream>);

handle!(TcpStream, std::net::TcpStream);
stream!(TcpStream);

impl TcpStream {
    /// Connects to the first of the addresses that answers. Names are resolved in
    /// [`blocking`](crate::blocking).
    ///
    /// # Errors
    ///
    /// That of the last address; there may be none.
    pub fn connect(address: impl ToSocketAddrs) -> io::Result<Self> {
        Self::connect_until(address, Until::FOREVER)
    }

    /// Like [`connect`](Self::connect), but waits for no longer than `until`; a name takes as long
    /// as it takes.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect), and the end of the wait: see [`net`](crate::net).
    pub fn connect_until<'u>(
        address: impl ToSocketAddrs,
        until: impl Into<Until<'u>>,
    ) -> io::Result<Self> {
        let until = until.into();
        super::first_that_works(address, |address| Self::connect_to(address, until))
    }

    fn connect_to(address: SocketAddr, until: Until<'_>) -> io::Result<Self> {
        let this = Self(Io::new(socket::start_connecting(address)?));
        this.0.run(For::write(until), |socket| {
            if let Some(error) = socket.take_error()? {
                return Err(error);
            }
            match socket.peer_addr() {
                Err(error) if error.kind() == io::ErrorKind::NotConnected => {
                    Err(io::ErrorKind::WouldBlock.into())
                }
                connected => connected.map(drop),
            }
        })?;
        Ok(this)
    }

    /// A connection that was accepted, and does not block.
    pub(super) fn accepted(socket: std::net::TcpStream) -> Self {
        Self(Io::new(socket))
    }

    /// Reads without taking what is read.
    ///
    /// # Errors
    ///
    /// Those of the socket, and the end of the wait by the read deadline.
    pub fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        prepare_buffer(buffer.as_ptr().addr(), buffer.len());
        self.0
            .run(For::read(Until::FOREVER), |socket| socket.peek(buffer))
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

    /// Whether small writes are sent at once instead of being gathered (`TCP_NODELAY`).
    ///
    /// # Errors
    ///
    /// If the kernel refuses.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.0.socket().set_nodelay(nodelay)
    }

    /// See [`set_nodelay`](Self::set_nodelay).
    ///
    /// # Errors
    ///
    /// If the kernel refuses.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.0.socket().nodelay()
    }
}
