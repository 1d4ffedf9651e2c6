//! The example server against clients that are many, slow, half gone, or gone; in a program of its
//! own, with clients that know nothing of the runtime.

#[path = "../examples/http/connection.rs"]
mod connection;
#[path = "../examples/http/request.rs"]
mod request;
#[path = "../examples/http/server.rs"]
mod server;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use runtime::cancel::Token;
use runtime::net::TcpListener;
use runtime::{Builder, Finished, spawn};

use server::Limits;

/// A server in a runtime of its own, on a thread of its own.
struct Server {
    address: SocketAddr,
    stop: Token,
    thread: JoinHandle<Finished<()>>,
}

impl Server {
    fn start(limits: Limits) -> Self {
        let (sender, receiver) = mpsc::channel();
        let stop = Token::new();
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            let builder = Builder::new().workers(2).grace(Duration::from_secs(60));
            let main = move || {
                let listener = TcpListener::bind("127.0.0.1:0").unwrap();
                sender.send(listener.local_addr().unwrap()).unwrap();
                spawn(move || server::serve(&listener, &stopped, limits))
                    .join()
                    .unwrap()
                    .unwrap();
            };
            builder.try_run(main).unwrap()
        });
        let address = receiver.recv().unwrap();
        Self {
            address,
            stop,
            thread,
        }
    }

    fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).unwrap()
    }

    /// Ends the server: whatever its clients did, no task is left.
    fn stop(self) {
        self.stop.cancel();
        let finished = self.thread.join().unwrap();
        finished.result.unwrap();
        assert!(finished.leftover.is_empty(), "{:?}", finished.leftover);
    }
}

/// A request on a connection that stays; gives status and body.
fn ask(stream: &mut TcpStream, request: &str) -> (u16, String) {
    stream.write_all(request.as_bytes()).unwrap();
    read_answer(&mut BufReader::new(stream))
}

fn read_answer(reader: &mut impl BufRead) -> (u16, String) {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
        lines.push(line.trim().to_owned());
    }
    let status = lines[0].split(' ').nth(1).unwrap().parse().unwrap();
    let length = lines
        .iter()
        .find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.unwrap().parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    (status, String::from_utf8(body).unwrap())
}

const HELLO: &str = "GET / HTTP/1.1\r\nhost: test\r\n\r\n";

#[test]
fn answers_requests_in_order_also_when_they_come_at_once_or_in_pieces() {
    let server = Server::start(Limits::default());
    let mut client = server.connect();
    assert_eq!(ask(&mut client, HELLO), (200, "hello\n".to_owned()));
    let echo = "POST /echo HTTP/1.1\r\ncontent-length: 3\r\n\r\nabc";
    let both = format!("{echo}GET /nowhere HTTP/1.1\r\n\r\n");
    client.write_all(both.as_bytes()).unwrap();
    let mut reader = BufReader::new(client.try_clone().unwrap());
    assert_eq!(read_answer(&mut reader), (200, "abc".to_owned()));
    assert_eq!(read_answer(&mut reader), (404, String::new()));
    for byte in echo.as_bytes() {
        client.write_all(std::slice::from_ref(byte)).unwrap();
    }
    assert_eq!(read_answer(&mut reader), (200, "abc".to_owned()));
    server.stop();
}

#[test]
fn refuses_what_is_no_request_or_too_much_and_closes() {
    let server = Server::start(Limits::default());
    let many = "x: y\r\n".repeat(100);
    let long = "y".repeat(20 << 10);
    for (request, status) in [
        ("GET\0/\r\n\r\n".to_owned(), 400),
        (format!("GET / HTTP/1.1\r\n{many}\r\n"), 431),
        (format!("GET / HTTP/1.1\r\nx: {long}"), 431),
        (
            "POST /echo HTTP/1.1\r\ncontent-length: 99999999\r\n\r\n".to_owned(),
            413,
        ),
        (
            "POST /echo HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n".to_owned(),
            501,
        ),
        (
            "DELETE / HTTP/1.1\r\nconnection: close\r\n\r\n".to_owned(),
            405,
        ),
    ] {
        let mut client = server.connect();
        assert_eq!(ask(&mut client, &request).0, status, "{request:.40}");
        let mut rest = Vec::new();
        // The server may reset: it has not read all.
        let _ = client.read_to_end(&mut rest);
        assert!(rest.is_empty());
    }
    server.stop();
}

#[test]
fn serves_a_thousand_connections_at_once() {
    rlimit::increase_nofile_limit(u64::MAX).unwrap();
    let server = Server::start(Limits::default());
    let mut clients: Vec<_> = (0..1_000).map(|_| server.connect()).collect();
    for _ in 0..2 {
        for client in &mut clients {
            client.write_all(HELLO.as_bytes()).unwrap();
        }
        for client in &mut clients {
            assert_eq!(read_answer(&mut BufReader::new(client)).0, 200);
        }
    }
    // The clients stay connected: the server tells its tasks.
    server.stop();
}

#[test]
fn a_half_closed_client_gets_its_answer_and_then_the_end() {
    let server = Server::start(Limits::default());
    let mut client = server.connect();
    client.write_all(HELLO.as_bytes()).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("hello\n"), "{answer}");
    server.stop();
}

#[test]
fn slow_clients_are_closed_and_keep_nobody_waiting() {
    let limits = Limits {
        request: Duration::from_millis(50),
        idle: Duration::from_millis(50),
        ..Limits::default()
    };
    let server = Server::start(limits);
    let mut slow: Vec<_> = (0..100).map(|_| server.connect()).collect();
    for client in &mut slow[..50] {
        client.write_all(b"GET / HT").unwrap();
    }
    assert_eq!(ask(&mut server.connect(), HELLO).0, 200);
    for mut client in slow {
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).unwrap();
        assert!(rest.is_empty(), "closed without an answer");
    }
    server.stop();
}

#[test]
fn a_client_that_does_not_read_its_answers_is_closed() {
    let limits = Limits {
        request: Duration::from_millis(100),
        ..Limits::default()
    };
    let server = Server::start(limits);
    let mut client = server.connect();
    let body = "x".repeat(1 << 20);
    let request = format!(
        "POST /echo HTTP/1.1\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    // Until the buffers of both ends are full, and the server has lost its patience.
    while client.write_all(request.as_bytes()).is_ok() {}
    server.stop();
}

#[test]
fn a_storm_of_resets_leaves_nothing_behind() {
    let server = Server::start(Limits::default());
    for number in 0..500 {
        let mut client = server.connect();
        client
            .write_all(&HELLO.as_bytes()[..number % HELLO.len()])
            .unwrap();
        let abrupt = Some(Duration::ZERO);
        socket2::SockRef::from(&client).set_linger(abrupt).unwrap();
    }
    assert_eq!(ask(&mut server.connect(), HELLO).0, 200);
    server.stop();
}

#[test]
fn above_the_limit_of_connections_clients_wait_their_turn() {
    let limits = Limits {
        connections: 2,
        ..Limits::default()
    };
    let server = Server::start(limits);
    let mut first = [server.connect(), server.connect()];
    for client in &mut first {
        assert_eq!(ask(client, HELLO).0, 200);
    }
    let mut third = server.connect();
    third.write_all(HELLO.as_bytes()).unwrap();
    drop(first);
    assert_eq!(read_answer(&mut BufReader::new(third)).0, 200);
    server.stop();
}
