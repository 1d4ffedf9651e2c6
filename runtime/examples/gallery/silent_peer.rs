//! The peer that never says anything: connections come, and each is served by a task that reads
//! without a limit of time.
//!
//! Repaired, a peer that says nothing for a while is hung up on.

use std::collections::HashMap;
use std::io::{ErrorKind, Read};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Registry, Token};
use runtime::task::{self, Builder, Waiter};
use runtime::{Reason, TaskId};

use crate::load;

/// Connections that come: two descriptors each, of which a process often may have 1,024.
const CONNECTIONS: u64 = 400;

/// Time between two of them.
const PAUSE: Duration = Duration::from_millis(150);

/// How long a repaired server waits for a peer.
const PATIENCE: Duration = Duration::from_millis(500);

pub fn start(repaired: bool) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("the loopback interface is there");
    let address = listener.local_addr().expect("it is bound");
    let poller = Poller::start();
    let mut peers = Vec::new();
    load::requests_every(PAUSE, CONNECTIONS, move |number| {
        peers.push(TcpStream::connect(address).expect("the listener lives"));
        let (stream, _) = listener.accept().expect("somebody connects");
        stream.set_nonblocking(true).expect("it can be");
        let (token, poller) = (Token(number as usize), Arc::clone(&poller));
        Builder::new().name("serve").spawn(move || {
            // An error of the connection ends it.
            let _ = poller.serve(token, mio::net::TcpStream::from_std(stream), repaired);
        });
    });
}

/// A thread that waits for all connections, and which task each of them wakes.
struct Poller {
    registry: Registry,
    waiters: Mutex<HashMap<Token, Waiter>>,
}

impl Poller {
    fn start() -> Arc<Self> {
        let mut poll = Poll::new().expect("a poller can be had");
        let poller = Arc::new(Self {
            registry: poll.registry().try_clone().expect("another descriptor"),
            waiters: Mutex::default(),
        });
        let thread = Arc::clone(&poller);
        std::thread::spawn(move || {
            let mut events = Events::with_capacity(64);
            // Ends with the process.
            while poll.poll(&mut events, None).is_ok() {
                events.iter().for_each(|event| thread.wake(event.token()));
            }
        });
        poller
    }

    fn wake(&self, token: Token) {
        let waiters = self.waiters.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waiter) = waiters.get(&token) {
            waiter.unpark();
        }
    }

    fn serve(
        &self,
        token: Token,
        mut stream: mio::net::TcpStream,
        repaired: bool,
    ) -> std::io::Result<()> {
        // Before the registration: an event must find its waiter.
        self.waiters
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(token, task::waiter());
        self.registry
            .register(&mut stream, token, Interest::READABLE)?;
        let gives_up = Instant::now() + PATIENCE;
        let resource = (&raw const stream).addr();
        loop {
            match stream.read(&mut [0; 64]) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let left = gives_up.saturating_duration_since(Instant::now());
                    if !repaired {
                        task::park(Reason::IoRead, resource, TaskId::NONE);
                    } else if left.is_zero() {
                        return Err(ErrorKind::TimedOut.into());
                    } else {
                        task::park_timeout(Reason::IoRead, resource, TaskId::NONE, left);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }
}
