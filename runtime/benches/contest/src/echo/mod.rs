//! Servers that send back what they get, one task a connection: what `contest-load` talks to.

pub mod may;
pub mod ours;
pub mod threads;
pub mod tokio;

use std::io::{self, Read, Write, stdout};
use std::net::SocketAddr;

/// Where servers listen: on a port that the kernel chooses.
pub const ADDRESS: &str = "127.0.0.1:0";
/// More than a request.
pub const BUFFER_BYTES: usize = 1024;

/// Is told where a server listens.
pub type Listening = fn(SocketAddr) -> io::Result<()>;

/// Says on standard output where a server listens.
pub fn announce(address: SocketAddr) -> io::Result<()> {
    let mut out = stdout().lock();
    writeln!(out, "{{\"address\":\"{address}\"}}")?;
    out.flush()
}

/// Sends back what comes until the peer is done. An error ends the connection, and only that.
fn answer(mut stream: impl Read + Write) {
    let mut buffer = [0; BUFFER_BYTES];
    while let Ok(read @ 1..) = stream.read(&mut buffer)
        && stream.write_all(&buffer[..read]).is_ok()
    {}
}
