//! Accepting TCP connections.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::AsFd;

use socket2::{Domain, Socket, Type};

use super::accept::{self, accept_each};
use super::io::{For, Io};
use super::tcp_stream::TcpStream;
use crate::cancel::{Interrupted, Until};
use crate::sys::socket;

/// A socket that accepts TCP connections; [`std::net::TcpListener`] that parks.
#[derive(Debug)]
pub struct TcpListener(Io<std::net::TcpListener>);

handle!(TcpListener, std::net::TcpListener);

impl TcpListener {
    /// Listens on the first of the addresses that can be had, with `SO_REUSEADDR`, and with as
    /// long a queue of connections as the system allows (`net.core.somaxconn`, 4,096 at most).
    ///
    /// # Errors
    ///
    /// That of the last address; there may be none.
    pub fn bind(address: impl ToSocketAddrs) -> io::Result<Self> {
        super::first_that_works(address, |address| {
            let kind = Type::STREAM.nonblocking().cloexec();
            let socket = Socket::new(Domain::for_address(address), kind, None)?;
            socket.set_reuse_address(true)?;
            socket.bind(&address.into())?;
            socket.listen(accept::QUEUE)?;
            Ok(Self(Io::new(socket.into())))
        })
    }

    /// Accepts a connection; waits for one.
    ///
    /// # Errors
    ///
    /// Those of `accept`: a connection that failed before it was accepted, or no descriptor left.
    /// [`accept_each`](Self::accept_each) knows what to do about them.
    pub fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
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
    ) -> io::Result<(TcpStream, SocketAddr)> {
        let what = For::accept(until.into());
        let (fd, address) = self
            .0
            .run(what, |listener| socket::accept(listener.as_fd()))?;
        let address = address.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok((TcpStream::accepted(fd.into()), address))
    }

    /// Accepts one connection after another and hands them to `each`, which mostly spawns a task
    /// for each, until the end of `until`, which it gives.
    ///
    /// A connection that failed before it was accepted is passed over. Where the process or the
    /// system has run out of descriptors or memory, the loop waits, from 5 ms on up to 1 s, and
    /// tries again: nothing spins, and connections stay in the listener's queue.
    ///
    /// # Errors
    ///
    /// What no wait would mend: the listener's own failures.
    ///
    /// ```
    /// use runtime::{Runtime, cancel::Token, net::{TcpListener, TcpStream}, spawn, task};
    /// use std::io::{Read, Write};
    ///
    /// Runtime::run(|| {
    ///     let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    ///     let address = listener.local_addr().unwrap();
    ///     let accepting = Token::new();
    ///     let end = accepting.clone();
    ///     let server = task::Builder::new().name("accept").service(true).spawn(move || {
    ///         listener.accept_each(&end, |mut stream, _| {
    ///             spawn(move || stream.write_all(b"welcome"));
    ///         })
    ///     });
    ///     let mut welcome = String::new();
    ///     TcpStream::connect(address).unwrap().read_to_string(&mut welcome).unwrap();
    ///     assert_eq!(welcome, "welcome");
    ///     accepting.cancel();
    ///     assert!(!server.join().unwrap().unwrap().is_timeout());
    /// });
    /// ```
    pub fn accept_each<'u>(
        &self,
        until: impl Into<Until<'u>>,
        mut each: impl FnMut(TcpStream, SocketAddr),
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
