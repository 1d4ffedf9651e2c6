//! Idle connections: tasks that wait until their peer speaks, and the thread that polls for them.

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use mio::{Events, Interest, Poll, Registry, Token};
use runtime::task::{self, Waiter};
use runtime::{Reason, TaskId};

use crate::truth;

/// The clients' ends of all connections; the other ends belong to tasks.
#[derive(Default)]
pub struct Connections {
    clients: Vec<TcpStream>,
    poller: Option<Arc<Poller>>,
}

impl Connections {
    /// Opens connections over the loopback interface, each served by a task that echoes.
    pub fn open(&mut self, count: u64) -> Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0").context("cannot listen")?;
        let poller = match &self.poller {
            Some(poller) => Arc::clone(poller),
            None => Arc::clone(self.poller.insert(Poller::start()?)),
        };
        for _ in 0..count {
            self.clients
                .push(TcpStream::connect(listener.local_addr()?)?);
            let (stream, _) = listener.accept().context("cannot accept")?;
            stream.set_nonblocking(true)?;
            let (token, poller) = (Token(self.clients.len()), Arc::clone(&poller));
            truth::spawn(move || poller.serve(token, mio::net::TcpStream::from_std(stream)));
        }
        Ok(())
    }

    /// Sends a byte through every connection and waits until all have come back.
    pub fn talk(&mut self) -> Result<usize> {
        for client in &mut self.clients {
            client.write_all(b"?").context("a client cannot write")?;
        }
        for client in &mut self.clients {
            client.read_exact(&mut [0]).context("no answer")?;
        }
        Ok(self.clients.len())
    }
}

/// A thread that waits for all connections, and which task each of them wakes.
struct Poller {
    registry: Registry,
    waiters: Mutex<HashMap<Token, Waiter>>,
}

impl Poller {
    fn start() -> Result<Arc<Self>> {
        let mut poll = Poll::new().context("cannot poll")?;
        let poller = Arc::new(Self {
            registry: poll.registry().try_clone()?,
            waiters: Mutex::default(),
        });
        let thread = Arc::clone(&poller);
        std::thread::Builder::new()
            .name("poller".into())
            .spawn(move || {
                let mut events = Events::with_capacity(64);
                // Ends with the process.
                while poll.poll(&mut events, None).is_ok() {
                    events.iter().for_each(|event| thread.wake(event.token()));
                }
            })?;
        Ok(poller)
    }

    fn wake(&self, token: Token) {
        let waiters = self.waiters.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waiter) = waiters.get(&token) {
            waiter.unpark();
        }
    }

    /// A task's work: echoes until the client has closed the connection, or it fails.
    fn serve(&self, token: Token, mut stream: mio::net::TcpStream) -> std::io::Result<()> {
        // Before the registration: an event must find its waiter.
        self.waiters
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(token, task::waiter());
        self.registry
            .register(&mut stream, token, Interest::READABLE)?;
        let mut buffer = [0; 64];
        loop {
            match stream.read(&mut buffer) {
                Ok(0) => return Ok(()),
                // Short answers always fit into the socket's buffer.
                Ok(length) => stream.write_all(&buffer[..length])?,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let resource = (&raw const stream).addr();
                    task::park(Reason::IoRead, resource, TaskId::NONE);
                }
                Err(error) => return Err(error),
            }
        }
    }
}
