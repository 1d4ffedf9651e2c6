//! Datagrams of the network.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

use super::io::{For, Io};
use crate::cancel::Until;
use crate::stack::prepare_buffer;

/// A UDP socket; [`std::net::UdpSocket`] that parks.
///
/// ```
/// use runtime::{Runtime, net::UdpSocket, spawn};
///
/// Runtime::run(|| {
///     let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
///     let address = socket.local_addr().unwrap();
///     let echo = spawn(move || {
///         let mut datagram = [0; 16];
///         let (length, peer) = socket.recv_from(&mut datagram).unwrap();
///         socket.send_to(&datagram[..length], peer).unwrap();
///     });
///     let client = UdpSocket::bind("127.0.0.1:0").unwrap();
///     client.connect(address).unwrap();
///     client.send(b"hello").unwrap();
///     assert_eq!(client.recv(&mut [0; 16]).unwrap(), 5);
///     echo.join().unwrap();
/// });
/// ```
#[derive(Debug)]
pub struct UdpSocket(Io<std::net::UdpSocket>);

handle!(UdpSocket, std::net::UdpSocket);
datagrams!(UdpSocket, SocketAddr);

impl UdpSocket {
    /// A socket with the first of the addresses that can be had.
    ///
    /// # Errors
    ///
    /// That of the last address; there may be none.
    pub fn bind(address: impl ToSocketAddrs) -> io::Result<Self> {
        super::first_that_works(address, |address| {
            Self::from_std(std::net::UdpSocket::bind(address)?)
        })
    }

    /// Sends to this address, and receives from it only, from here on.
    ///
    /// # Errors
    ///
    /// That of the last address; there may be none.
    pub fn connect(&self, address: impl ToSocketAddrs) -> io::Result<()> {
        super::first_that_works(address, |address| self.0.socket().connect(address))
    }

    /// Sends a datagram to this address; waits while the socket's buffer is full.
    ///
    /// # Errors
    ///
    /// Those of the socket, and the end of the wait by the write deadline.
    pub fn send_to(&self, bytes: &[u8], address: SocketAddr) -> io::Result<usize> {
        self.send_to_until(bytes, address, Until::FOREVER)
    }

    /// Like [`send_to`](Self::send_to), but waits for no longer than `until`.
    ///
    /// # Errors
    ///
    /// Those of the socket, and the end of the wait: see [`net`](crate::net).
    pub fn send_to_until<'u>(
        &self,
        bytes: &[u8],
        address: SocketAddr,
        until: impl Into<Until<'u>>,
    ) -> io::Result<usize> {
        let what = For::write(until.into());
        self.0.run(what, |socket| socket.send_to(bytes, address))
    }
}
