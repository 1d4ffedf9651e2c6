//! Dumps for findings: `observer dump` in a process of its own, one after another.
//!
//! Not in this process, because what a dump reads (stacks, debug information) is a stranger's and
//! may be enormous or damaged: a dump that does not end is killed, and one that dies takes nothing
//! with it.

use std::collections::VecDeque;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Dumps that wait for their turn; those beyond are not made.
const MAX_WAITING: usize = 16;

/// How long a dump may take: one of a million tasks is as slow as their process reports them.
const PATIENCE: Duration = Duration::from_secs(300);

/// Findings of one process that begin within this time share a dump.
const SHARED: Duration = Duration::from_secs(10);

/// Starts the dump of a process into a file.
pub(super) type Start = fn(u32, &Path) -> io::Result<Child>;

/// Starts this program anew, as `observer dump`.
pub(super) fn dump_by_ourselves(pid: u32, path: &Path) -> io::Result<Child> {
    Command::new("/proc/self/exe")
        .args(["dump", "--pid", &pid.to_string(), "--save"])
        .arg(path)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
}

/// The dumps that are wanted, and the one that is made.
#[derive(Debug)]
pub(super) struct Dumps {
    start: Start,
    waiting: VecDeque<(u32, String)>,
    running: Option<Running>,
    /// The last one that was wanted.
    last: Option<(u32, Instant)>,
    failed: u64,
}

#[derive(Debug)]
struct Running {
    child: Child,
    pid: u32,
    name: String,
    began: Instant,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Dumps {
    pub fn new(start: Start) -> Self {
        Self {
            start,
            waiting: VecDeque::new(),
            running: None,
            last: None,
            failed: 0,
        }
    }

    /// Dumps that failed, or were one too many, ever.
    pub fn failed(&self) -> u64 {
        self.failed
    }

    /// Wants a dump of a process, unless one has just been wanted.
    pub fn want(&mut self, pid: u32, name: String) {
        let is_shared = |(last, at): (u32, Instant)| last == pid && at.elapsed() < SHARED;
        if self.last.is_some_and(is_shared) {
            return;
        }
        self.last = Some((pid, Instant::now()));
        if self.waiting.len() == MAX_WAITING {
            tracing::warn!(pid, "not dumped: {MAX_WAITING} dumps wait already");
            self.failed += 1;
            return;
        }
        self.waiting.push_back((pid, name));
    }

    /// Ends what is done, and starts what comes next, in the directory; the name of the file of one
    /// that has ended.
    pub fn look(&mut self, path: impl Fn(&str) -> PathBuf) -> Option<String> {
        let ended = self.end();
        if self.running.is_none()
            && let Some((pid, name)) = self.waiting.pop_front()
        {
            self.begin(pid, &path(&name), name);
        }
        ended
    }

    fn begin(&mut self, pid: u32, path: &Path, name: String) {
        match (self.start)(pid, path) {
            Ok(child) => {
                let began = Instant::now();
                self.running = Some(Running {
                    child,
                    pid,
                    name,
                    began,
                });
            }
            Err(error) => self.fail(pid, &error.to_string()),
        }
    }

    fn end(&mut self) -> Option<String> {
        let running = self.running.as_mut()?;
        let pid = running.pid;
        let failure = match running.child.try_wait() {
            Ok(None) if running.began.elapsed() < PATIENCE => return None,
            Ok(None) => Some("it took too long".to_owned()),
            Ok(Some(status)) if status.success() => None,
            Ok(Some(_)) => Some(said(&mut running.child)),
            Err(error) => Some(error.to_string()),
        };
        let name = std::mem::take(&mut running.name);
        self.running = None;
        if let Some(reason) = failure {
            self.fail(pid, &reason);
        }
        Some(name)
    }

    fn fail(&mut self, pid: u32, reason: &str) {
        tracing::warn!(pid, reason, "the process of a finding could not be dumped");
        self.failed += 1;
    }

    /// Waits until the dump that is made has ended.
    #[cfg(test)]
    pub fn wait(&mut self) {
        if let Some(running) = &mut self.running {
            let _ = running.child.wait();
        }
    }
}

/// What a dump that failed said: one line.
fn said(child: &mut Child) -> String {
    const MAX_BYTES: u64 = 4_096;
    let mut text = String::new();
    if let Some(stderr) = child.stderr.take() {
        // What is no text is not said.
        let _ = stderr.take(MAX_BYTES).read_to_string(&mut text);
    }
    text.trim().to_owned()
}
