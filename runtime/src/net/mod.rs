//! Sockets that park their task instead of blocking its thread.
//!
//! [`TcpListener`], [`TcpStream`], [`UdpSocket`], [`UnixListener`], [`UnixStream`] and
//! [`UnixDatagram`] are those of [`std::net`] and [`std::os::unix::net`] with the same calls, and
//! [`Read`](std::io::Read) and [`Write`](std::io::Write), also for references: two tasks share a
//! stream by an [`Arc`](std::sync::Arc), or by `try_clone`.
//!
//! ```
//! use runtime::{Runtime, net::{TcpListener, TcpStream}, spawn};
//! use std::io::{Read, Write};
//!
//! Runtime::run(|| {
//!     let listener = TcpListener::bind("127.0.0.1:0")?;
//!     let address = listener.local_addr()?;
//!     let server = spawn(move || {
//!         let (mut stream, _) = listener.accept()?;
//!         let mut request = [0; 4];
//!         stream.read_exact(&mut request)?;
//!         stream.write_all(&request)
//!     });
//!     let mut stream = TcpStream::connect(address)?;
//!     stream.write_all(b"ping")?;
//!     let mut answer = [0; 4];
//!     stream.read_exact(&mut answer)?;
//!     assert_eq!(&answer, b"ping");
//!     server.join().unwrap()
//! })?;
//! # std::io::Result::Ok(())
//! ```
//!
//! # How long a call may wait
//!
//! As everywhere in this crate, a call that waits has a form ending in `_until`, which takes an
//! [`Until`](crate::cancel::Until): a time, a token, or both. For code that knows `Read` and
//! `Write` only, a socket has a *deadline* for each direction, a point in time
//! ([`TcpStream::set_read_deadline`] and so on): calls that would wait beyond it fail, those that
//! wait when it is set included. Another task can so end a read by a deadline of now.
//!
//! The error of a wait that was over has the kind [`TimedOut`](std::io::ErrorKind::TimedOut); that
//! of a cancelled one is `Other`, and holds the [`Cancelled`](crate::cancel::Cancelled). What is
//! there already wins over both.
//!
//! # What observers see
//!
//! Tasks that wait are parked with the reasons `io_read`, `io_write` (also those that connect) and
//! `io_accept`, all of the class *idle*: a server may wait for its clients for ever. The resource
//! is the address of the socket's place with the poller, the same for both directions.
//!
//! # Where it works
//!
//! Several tasks may wait for the same socket in the same direction; whatever happens wakes all of
//! them. On a thread that runs no task the calls block the thread (and look for the end of a token
//! every 20 ms). Names are resolved in [`blocking`](crate::blocking), where addresses are taken, and by
//! [`lookup`].

#[macro_use]
mod handle;
mod accept;
mod io;
mod stream;
mod tcp_listener;
mod tcp_stream;
mod udp;
mod unix_datagram;
mod unix_listener;
mod unix_stream;

pub use stream::Bounded;
pub use tcp_listener::TcpListener;
pub use tcp_stream::TcpStream;
pub use udp::UdpSocket;
pub use unix_datagram::UnixDatagram;
pub use unix_listener::UnixListener;
pub use unix_stream::UnixStream;

use std::net::{SocketAddr, ToSocketAddrs};

/// The addresses of a name, with their port, in the order in which to try them. Asked of the
/// system in [`blocking`](crate::blocking), which may take as long as a network wants and cannot be
/// cancelled.
///
/// ```
/// use runtime::{Runtime, net};
///
/// let addresses = Runtime::run(|| net::lookup("localhost:80"))?;
/// assert!(addresses.iter().all(|address| address.port() == 80));
/// # std::io::Result::Ok(())
/// ```
///
/// # Errors
///
/// As [`ToSocketAddrs::to_socket_addrs`].
pub fn lookup(name: impl ToSocketAddrs) -> std::io::Result<Vec<SocketAddr>> {
    crate::blocking(|| name.to_socket_addrs().map(Iterator::collect))
}

/// Calls `attempt` with each address of a name until one succeeds.
fn first_that_works<R>(
    name: impl ToSocketAddrs,
    mut attempt: impl FnMut(SocketAddr) -> std::io::Result<R>,
) -> std::io::Result<R> {
    let mut last = None;
    for address in lookup(name)? {
        match attempt(address) {
            Ok(value) => return Ok(value),
            Err(error) => last = Some(error),
        }
    }
    let no_address = || std::io::Error::new(std::io::ErrorKind::InvalidInput, "no address");
    Err(last.unwrap_or_else(no_address))
}
