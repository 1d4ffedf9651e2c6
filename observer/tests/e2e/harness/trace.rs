//! `observer trace` as a user starts it, and what it left when it ended.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;

use serde_json::Value;

use super::require;

/// A running trace.
pub struct Trace {
    child: Child,
    output: Option<JoinHandle<String>>,
    said: BufReader<ChildStderr>,
}

/// What a trace left.
pub struct Traced {
    /// How.
    pub status: ExitStatus,
    /// On stdout.
    pub output: String,
    /// On stderr, after the first line.
    pub said: String,
}

impl Trace {
    /// Starts `observer trace`, and waits until its probes are armed.
    pub fn start(pid: u32, arguments: &[&str]) -> Self {
        let mut child = Command::new(require("PARKWATCH_OBSERVER"))
            .args(["trace", "--pid", &pid.to_string()])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("observer starts");
        let mut stdout = child.stdout.take().expect("piped");
        let output = std::thread::spawn(move || {
            let mut text = String::new();
            stdout.read_to_string(&mut text).expect("text");
            text
        });
        let mut said = BufReader::new(child.stderr.take().expect("piped"));
        let mut line = String::new();
        said.read_line(&mut line).expect("text");
        assert!(line.contains("tracing "), "{line}");
        Self {
            child,
            output: Some(output),
            said,
        }
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: i32) {
        let pid = i32::try_from(self.child.id()).expect("a pid");
        // SAFETY: `kill` takes no pointers; the child is not reaped yet, so the id is its.
        unsafe { libc::kill(pid, signal) };
    }

    /// Ends it as Ctrl-C does.
    pub fn interrupt(self) -> Traced {
        self.signal(libc::SIGINT);
        self.wait()
    }

    /// Waits for its end.
    pub fn wait(mut self) -> Traced {
        let output = self.output.take().expect("once").join().expect("text");
        let mut said = String::new();
        self.said.read_to_string(&mut said).expect("text");
        Traced {
            status: self.child.wait().expect("it ends"),
            output,
            said,
        }
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Traced {
    /// The lines of JSON of a trace that ended well.
    pub fn lines(&self) -> Vec<Value> {
        assert!(self.status.success(), "{}", self.said);
        let lines = self.output.lines();
        lines
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect()
    }

    /// The one object of a trace that ended well.
    pub fn json(&self) -> Value {
        assert!(self.status.success(), "{}", self.said);
        serde_json::from_str(&self.output).expect("JSON")
    }
}
