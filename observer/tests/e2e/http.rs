//! A real server under the observer: its connections are tasks of one line, and come and go there.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{Observer, eventually, require};

/// Connections of a site, as the observer may show them.
const CONNECTIONS: usize = 100;

/// The example server; killed with the test.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start() -> Self {
        let mut child = Command::new(require("PARKWATCH_HTTP"))
            .args(["--workers", "2"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server starts");
        let mut line = String::new();
        let output = child.stdout.take().expect("a pipe");
        BufReader::new(output).read_line(&mut line).expect("a line");
        let address = line.trim().strip_prefix("listening on ");
        let address = address.expect("its address").to_owned();
        Self { child, address }
    }

    /// A connection that has got an answer and stays.
    fn connect(&self) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        stream
            .write_all(b"GET / HTTP/1.1\r\n\r\n")
            .expect("it reads");
        let answer =
            b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: keep-alive\r\n\r\nhello\n";
        let mut received = vec![0; answer.len()];
        stream.read_exact(&mut received).expect("it answers");
        assert_eq!(received, answer);
        stream
    }

    /// Live tasks at the only site of this file of the server's; 0 if there is none.
    fn live(&self, observer: &Observer, file: &str) -> f64 {
        let scrape = observer.scrape();
        let sites = scrape.by_label("parkwatch_tasks_live", self.child.id(), "site");
        let of_file = |(site, live)| site_is_in(site, file).then_some(live);
        sites.into_iter().filter_map(of_file).sum()
    }
}

fn site_is_in(site: String, file: &str) -> bool {
    site.contains(&format!("examples/http/{file}:"))
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn shows(observer: &Observer, server: &Server, connections: usize) {
    eventually("the connections' tasks", || {
        match server.live(observer, "server.rs") {
            live if live == connections as f64 => Ok(()),
            live => Err(format!("{live} live, {connections} connected")),
        }
    });
}

#[test]
fn shows_a_servers_tasks_by_the_line_that_spawned_them_and_finds_nothing_wrong_with_them() {
    let observer = Observer::start(&["--exe", "http", "--stuck-after", "1s"]);
    let mut server = Server::start();
    let mut clients: Vec<_> = (0..CONNECTIONS).map(|_| server.connect()).collect();
    shows(&observer, &server, CONNECTIONS);
    assert!(server.live(&observer, "main.rs") >= 1.0, "the accept loop");
    clients.truncate(CONNECTIONS / 4);
    shows(&observer, &server, CONNECTIONS / 4);

    let findings = observer.get("/findings").expect("findings");
    assert!(!findings.contains("examples/http/"), "{findings}");

    let pid = Pid::from_child(&server.child);
    kill_process(pid, Signal::TERM).expect("it runs");
    for mut client in clients {
        let rest = client.read(&mut [0]).expect("an orderly end");
        assert_eq!(rest, 0);
    }
    let status = server.child.wait().expect("a child");
    assert!(status.success(), "{status}");
}
