//! An observer as a user starts it, read over HTTP.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use super::{Scrape, eventually, require};

/// A running observer.
pub struct Observer {
    child: Child,
    address: String,
    log: Arc<Mutex<String>>,
}

impl Observer {
    /// Starts `observer run` on a free port and waits until it is ready.
    pub fn start(arguments: &[&str]) -> Self {
        let observer = Self::start_unready(arguments);
        eventually("the observer is ready", || observer.get("/readyz"));
        observer
    }

    /// Starts `observer run` on a free port and waits until it serves.
    pub fn start_unready(arguments: &[&str]) -> Self {
        let mut command = Command::new(require("PARKWATCH_OBSERVER"));
        command.arg("run").args(["--listen", "127.0.0.1:0"]);
        command.args(arguments);
        Self::start_command(&mut command)
    }

    /// Runs a command that becomes an observer, and waits until that serves.
    pub fn start_command(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("observer starts");
        let log = Arc::new(Mutex::new(String::new()));
        let (sender, receiver) = mpsc::channel();
        follow(
            child.stdout.take().expect("piped"),
            Arc::clone(&log),
            sender.clone(),
        );
        follow(
            child.stderr.take().expect("piped"),
            Arc::clone(&log),
            sender,
        );
        match receiver.recv_timeout(Duration::from_secs(60)) {
            Ok(address) => Self {
                child,
                address,
                log,
            },
            Err(_) => {
                let _ = child.kill();
                panic!("the observer never served:\n{}", log.lock().expect("log"))
            }
        }
    }

    /// `host:port` of its HTTP server.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The body of a page, or why there is none.
    pub fn get(&self, path: &str) -> Result<String, String> {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(30)))
            .build()
            .into();
        let mut response = agent
            .get(format!("http://{}{path}", self.address))
            .call()
            .map_err(|error| format!("{path}: {error}"))?;
        response
            .body_mut()
            .read_to_string()
            .map_err(|error| format!("{path}: {error}"))
    }

    /// One scrape of `/metrics`.
    ///
    /// # Panics
    ///
    /// If the observer does not serve it.
    pub fn scrape(&self) -> Scrape {
        match self.get("/metrics") {
            Ok(text) => Scrape::parse(text),
            Err(reason) => panic!("{reason}\n{}", self.log()),
        }
    }

    /// What it has printed so far.
    pub fn log(&self) -> String {
        self.log.lock().expect("log").clone()
    }

    /// Ends it by SIGKILL and reaps it.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Ends it by SIGTERM and waits for its end.
    pub fn terminate(&mut self) -> ExitStatus {
        let pid = i32::try_from(self.child.id()).expect("a pid");
        // SAFETY: `kill` takes no pointers; the child is not reaped yet, so the id is its.
        unsafe { libc::kill(pid, libc::SIGTERM) };
        self.child.wait().expect("observer ends")
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("---- observer's log ----\n{}", self.log());
        }
    }
}

/// Keeps a stream's lines and reports the address in the first that has one.
fn follow(
    stream: impl Read + Send + 'static,
    log: Arc<Mutex<String>>,
    address: mpsc::Sender<String>,
) {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if let Some(found) = address_in(&line) {
                let _ = address.send(found);
            }
            let mut log = log.lock().expect("log");
            log.push_str(&line);
            log.push('\n');
        }
    });
}

fn address_in(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("http://")?;
    let address: String = rest
        .chars()
        .take_while(|c| c.is_ascii_digit() || ".:[]".contains(*c))
        .collect();
    address.contains(':').then_some(address)
}
