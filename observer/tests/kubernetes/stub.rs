//! A stub of the API server: one list of pods, and watches that say what a test tells them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

/// A running stub.
pub struct Stub {
    address: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    items: Vec<Value>,
    version: u32,
    requests: Vec<String>,
    /// What the clients said of themselves.
    authorizations: Vec<String>,
    lists: usize,
    connections: usize,
    gone: usize,
    /// The watch that is open.
    watch: Option<Sender<Option<Value>>>,
    stopped: bool,
    open: Vec<TcpStream>,
}

impl Stub {
    pub fn start() -> Self {
        Self::start_at("127.0.0.1:0")
    }

    pub fn start_at(address: &str) -> Self {
        Self::listen(address, None)
    }

    /// One that speaks TLS.
    pub fn start_encrypted(config: Arc<ServerConfig>) -> Self {
        Self::listen("127.0.0.1:0", Some(config))
    }

    fn listen(address: &str, config: Option<Arc<ServerConfig>>) -> Self {
        let listener = bind(address);
        let address = listener.local_addr().expect("an address").to_string();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.expect("a connection");
                let mut state = shared.lock().expect("state");
                if state.stopped {
                    return;
                }
                state.connections += 1;
                state
                    .open
                    .push(stream.try_clone().expect("a second handle"));
                drop(state);
                let (shared, config) = (Arc::clone(&shared), config.clone());
                std::thread::spawn(move || match config {
                    None => answer(stream, &shared),
                    Some(config) => {
                        let connection = ServerConnection::new(config).expect("settings");
                        answer(StreamOwned::new(connection, stream), &shared);
                    }
                });
            }
        });
        Self { address, state }
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    /// What the next list says, and its version.
    pub fn set_pods(&self, items: &[Value], version: u32) {
        let mut state = self.state.lock().expect("state");
        state.items = items.to_vec();
        state.version = version;
    }

    /// How many of the next watches are refused, with 410.
    pub fn refuse_watches_as_gone(&self, count: usize) {
        self.state.lock().expect("state").gone = count;
    }

    /// Sends an event to the open watch, waiting for one.
    pub async fn tell(&self, kind: &str, object: &Value) {
        self.send(Some(json!({"type": kind, "object": object})))
            .await;
    }

    /// Ends the open watch as a server does whose time is over.
    pub async fn close_watch(&self) {
        self.send(None).await;
        self.state.lock().expect("state").watch = None;
    }

    pub fn requests(&self) -> Vec<String> {
        self.state.lock().expect("state").requests.clone()
    }

    /// The headers `Authorization` of all requests.
    pub fn authorizations(&self) -> Vec<String> {
        self.state.lock().expect("state").authorizations.clone()
    }

    /// How many connections were made, whatever came of them.
    pub fn connections(&self) -> usize {
        self.state.lock().expect("state").connections
    }

    /// How many lists were asked for.
    pub fn lists(&self) -> usize {
        self.state.lock().expect("state").lists
    }

    /// Closes every connection and takes no more.
    pub fn stop(self) {
        let mut state = self.state.lock().expect("state");
        state.stopped = true;
        for stream in state.open.drain(..) {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
        state.watch = None;
        drop(state);
        // Wakes the listener, which ends.
        let _ = TcpStream::connect(&self.address);
    }

    async fn send(&self, message: Option<Value>) {
        loop {
            if let Some(watch) = &self.state.lock().expect("state").watch {
                watch.send(message).expect("the watch is open");
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// A port that was just given up may take a moment.
fn bind(address: &str) -> TcpListener {
    loop {
        match TcpListener::bind(address) {
            Ok(listener) => return listener,
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(error) => panic!("{address}: {error}"),
        }
    }
}

/// Answers one request; a connection serves one.
fn answer(mut stream: impl Read + Write, state: &Mutex<State>) {
    let mut lines = BufReader::new(&mut stream).lines().map_while(Result::ok);
    // A client that does not trust us says nothing.
    let Some(first) = lines.next() else {
        return;
    };
    let headers: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    let authorization = headers.iter().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("authorization").then_some(value)
    });
    let path = first.split(' ').nth(1).expect("a path").to_owned();
    let is_watch = path.contains("watch=true");
    let (response, watch) = {
        let mut state = state.lock().expect("state");
        state.requests.push(path);
        state
            .authorizations
            .extend(authorization.map(str::to_owned));
        if !is_watch {
            state.lists += 1;
            let list = json!({
                "kind": "PodList", "apiVersion": "v1",
                "metadata": {"resourceVersion": state.version.to_string()}, "items": state.items,
            });
            (whole("200 OK", &list), None)
        } else if state.gone > 0 {
            state.gone -= 1;
            let status = json!({
                "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                "message": "too old resource version", "reason": "Expired", "code": 410,
            });
            (whole("410 Gone", &status), None)
        } else {
            let (sender, receiver) = mpsc::channel();
            state.watch = Some(sender);
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\
                        Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
            (head.to_owned(), Some(receiver))
        }
    };
    let _ = stream.write_all(response.as_bytes());
    let _ = stream.flush();
    let Some(messages) = watch else { return };
    while let Ok(Some(message)) = messages.recv() {
        let line = format!("{message}\n");
        let _ = write!(stream, "{:x}\r\n{line}\r\n", line.len());
        let _ = stream.flush();
    }
    let _ = stream.write_all(b"0\r\n\r\n");
    let _ = stream.flush();
}

fn whole(status: &str, body: &Value) -> String {
    let body = body.to_string();
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    )
}
