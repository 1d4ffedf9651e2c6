//! The accept loop: a task for each connection, as many as the limit allows.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use runtime::cancel::Token;
use runtime::net::TcpListener;
use runtime::sync::Semaphore;
use runtime::task;

use crate::connection;

/// What a client may ask for.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at a time.
    pub connections: usize,
    /// Bytes of a request's head.
    pub head_bytes: usize,
    /// Bytes of a request's body.
    pub body_bytes: usize,
    /// How long a connection may be silent between two requests.
    pub idle: Duration,
    /// How long a request may take to arrive, and its answer to leave.
    pub request: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            head_bytes: 16 << 10,
            body_bytes: 1 << 20,
            idle: Duration::from_secs(60),
            request: Duration::from_secs(10),
        }
    }
}

/// Accepts connections until the token is cancelled. Where descriptors have run out it waits; above
/// the limit of connections, it accepts none until one ends: the others stay in the kernel's queue.
pub fn serve(listener: &TcpListener, accepting: &Token, limits: Limits) -> io::Result<()> {
    let room = Arc::new(Semaphore::new(limits.connections));
    listener.accept_each(accepting, |stream, _peer| {
        // A wait that is over gives no permit: the stream is dropped, the loop ends.
        if let Ok(permit) = Arc::clone(&room).acquire_many_owned_until(1, accepting) {
            let connection = task::Builder::new().name("connection");
            connection.spawn(move || {
                let _permit = permit;
                // A client that is gone, slow or wrong is its own affair.
                let _ = connection::serve(&stream, &limits);
            });
        }
    })?;
    Ok(())
}
