//! The load of the echo servers, the same for all: one thread, so many connections, and on each
//! the next request as soon as the answer to the last one is there.
//!
//! For each line on stdin, the number of requests of a round, it prints a JSON line:
//!
//! ```text
//! contest-load --address 127.0.0.1:4000 --connections 64
//! {"requests":200000,"elapsed_ns":…,"p50_ns":…,"p99_ns":…}
//! ```

use std::io::{self, BufRead, ErrorKind, Read, Write, stdin, stdout};
use std::net::SocketAddr;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use serde::Serialize;

/// Bytes of a request, and of its answer.
const REQUEST: [u8; 64] = [b'x'; 64];
/// Readiness that is taken from the kernel at once.
const MOST_EVENTS: usize = 1_024;

/// Asks an echo server.
#[derive(Parser)]
struct Options {
    /// Where the server listens.
    #[arg(long)]
    address: SocketAddr,
    /// How many connections ask at once.
    #[arg(long)]
    connections: usize,
}

/// One round.
#[derive(Serialize)]
struct Answer {
    requests: usize,
    elapsed_ns: u64,
    p50_ns: u64,
    p99_ns: u64,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let mut load = Load::connect(options.address, options.connections)?;
    for line in stdin().lock().lines() {
        let line = line?;
        let requests = line.trim().parse().context("is no number of requests")?;
        let answer = load.round(requests)?;
        println!("{}", serde_json::to_string(&answer)?);
        stdout().flush()?;
    }
    Ok(())
}

/// All connections, and the epoll that they are waited for with.
struct Load {
    poll: Poll,
    connections: Vec<Connection>,
}

impl Load {
    fn connect(address: SocketAddr, connections: usize) -> Result<Self> {
        let poll = Poll::new()?;
        let connect = |number| Connection::open(&poll, address, Token(number));
        let connections = (0..connections).map(connect).collect::<io::Result<_>>()?;
        Ok(Self { poll, connections })
    }

    fn round(&mut self, requests: usize) -> Result<Answer> {
        ensure!(requests >= self.connections.len(), "fewer than connections");
        let mut latencies = Vec::with_capacity(requests);
        let mut unsent = requests - self.connections.len();
        let start = Instant::now();
        self.connections.iter_mut().try_for_each(Connection::ask)?;
        let mut events = Events::with_capacity(MOST_EVENTS);
        while latencies.len() < requests {
            self.wait(&mut events)?;
            for event in &events {
                let connection = &mut self.connections[event.token().0];
                let Some(latency_ns) = connection.receive()? else {
                    continue;
                };
                latencies.push(latency_ns);
                if unsent > 0 {
                    unsent -= 1;
                    connection.ask()?;
                }
            }
        }
        Ok(Answer::of(latencies, start))
    }

    fn wait(&mut self, events: &mut Events) -> io::Result<()> {
        loop {
            match self.poll.poll(events, None) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }
}

impl Answer {
    /// Of all requests of a round.
    fn of(mut latencies: Vec<u64>, start: Instant) -> Self {
        let elapsed_ns = nanoseconds_since(start);
        latencies.sort_unstable();
        Self {
            requests: latencies.len(),
            elapsed_ns,
            p50_ns: quantile(&latencies, 50),
            p99_ns: quantile(&latencies, 99),
        }
    }
}

/// The smallest that so many in a hundred do not exceed.
fn quantile(sorted: &[u64], percent: usize) -> u64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted[rank - 1]
}

fn nanoseconds_since(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_nanos()).expect("under 500 years")
}

/// One connection, with at most one request on its way.
struct Connection {
    stream: TcpStream,
    asked: Instant,
    received: usize,
}

impl Connection {
    fn open(poll: &Poll, address: SocketAddr, token: Token) -> io::Result<Self> {
        let stream = std::net::TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        poll.registry()
            .register(&mut stream, token, Interest::READABLE)?;
        Ok(Self {
            stream,
            asked: Instant::now(),
            received: 0,
        })
    }

    /// Sends a request. It always fits: the one before has been answered.
    fn ask(&mut self) -> io::Result<()> {
        self.asked = Instant::now();
        self.received = 0;
        self.stream.write_all(&REQUEST)
    }

    /// Takes what has come; the nanoseconds since the request when the answer is complete.
    fn receive(&mut self) -> io::Result<Option<u64>> {
        let mut buffer = [0; REQUEST.len()];
        // What comes after this read is a new edge: one read an event is enough.
        match self.stream.read(&mut buffer[self.received..]) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(read) => {
                self.received += read;
                let complete = self.received == REQUEST.len();
                Ok(complete.then(|| nanoseconds_since(self.asked)))
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_one_of_the_samples() {
        let samples: Vec<u64> = (1..=200).collect();
        assert_eq!(quantile(&samples, 99), 198);
        assert_eq!(quantile(&samples, 50), 100);
        assert_eq!(quantile(&[7], 99), 7);
    }

    #[test]
    fn asks_until_all_requests_are_answered() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let answer = |stream: io::Result<std::net::TcpStream>| {
                let stream = stream.unwrap();
                std::thread::spawn(move || io::copy(&mut &stream, &mut &stream))
            };
            let answering: Vec<_> = listener.incoming().take(3).map(answer).collect();
            let bytes = answering
                .into_iter()
                .map(|one| one.join().unwrap().unwrap());
            bytes.sum::<u64>()
        });
        let mut load = Load::connect(address, 3).unwrap();
        let answer = load.round(100).unwrap();
        assert_eq!(answer.requests, 100);
        assert!(0 < answer.p50_ns && answer.p50_ns <= answer.p99_ns);
        assert!(answer.p99_ns <= answer.elapsed_ns);
        drop(load);
        assert_eq!(server.join().unwrap(), 100 * REQUEST.len() as u64);
    }
}
