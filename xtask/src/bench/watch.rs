//! Arms and disarms the probes of one process: starts `observer run` for it, and ends it again.
//!
//! A state counts as reached when the process's own semaphores say so and, where it is watched,
//! the observer says that it is ready. Whoever else watches the machine is waited for.

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use super::semaphores::{Armed, Semaphores};
use crate::command::Invocation;
use crate::plan;
use crate::workspace::Workspace;

/// How often a state is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// A state that has not come after this long never will.
const HANG_GUARD: Duration = Duration::from_secs(180);
/// After this long the reader is told what is waited for.
const SAY_AFTER: Duration = Duration::from_secs(15);
/// How long things calm down after a change: the observer's start is not what is measured.
const SETTLE: Duration = Duration::from_millis(500);

/// A process that is watched in turn.
pub struct Watch {
    program: PathBuf,
    log: PathBuf,
    pid: u32,
    semaphores: Semaphores,
    observer: Option<Observer>,
    state: Armed,
}

impl Watch {
    /// Of the process `pid`, which runs `target`; `observer` is the observer's program.
    pub fn new(workspace: &Workspace, observer: &Path, target: &Path, pid: u32) -> Result<Self> {
        std::fs::create_dir_all(workspace.logs()).context("creating the folder for logs")?;
        Ok(Self {
            program: observer.to_owned(),
            log: workspace.logs().join("bench-observer.log"),
            pid,
            semaphores: Semaphores::find(observer, target, pid)?,
            observer: None,
            state: Armed::Otherwise,
        })
    }

    /// Brings the process into this state and returns once it is in it; at once if it is.
    pub fn switch(&mut self, state: Armed) -> Result<()> {
        if self.state == state && self.undisturbed()? {
            return Ok(());
        }
        if self.state != state {
            self.stop()?;
            if let Some(mode) = mode_of(state) {
                self.wait_for(Armed::Off)?;
                self.observer = Some(Observer::start(&self.program, &self.log, self.pid, mode)?);
            }
        }
        self.wait_for(state)?;
        self.state = state;
        std::thread::sleep(SETTLE);
        Ok(())
    }

    /// Whether the process still is in the state that it was brought into.
    pub fn undisturbed(&self) -> Result<bool> {
        Ok(self.semaphores.armed()? == self.state)
    }

    /// The observer's process, while there is one.
    pub fn observer(&self) -> Option<u32> {
        self.observer.as_ref().map(|observer| observer.child.id())
    }

    fn stop(&mut self) -> Result<()> {
        match self.observer.take() {
            Some(observer) => observer.terminate(),
            None => Ok(()),
        }
    }

    fn wait_for(&mut self, state: Armed) -> Result<()> {
        let what = format!("process {} is {}", self.pid, name(state));
        eventually(&what, || Ok(self.semaphores.armed()? == state))
    }
}

/// The value of the observer's `--mode`.
fn mode_of(state: Armed) -> Option<&'static str> {
    match state {
        Armed::Ledger => Some("ledger"),
        Armed::Events => Some("events"),
        Armed::Off | Armed::Otherwise => None,
    }
}

/// What the tables and messages call a state.
pub fn name(state: Armed) -> &'static str {
    match state {
        Armed::Off => "unobserved",
        Armed::Ledger => "observed in ledger mode",
        Armed::Events => "observed in events mode",
        Armed::Otherwise => "observed by others",
    }
}

/// A running observer, killed when dropped.
struct Observer {
    child: Child,
}

impl Observer {
    /// Starts one for one process and waits until it is ready.
    fn start(program: &Path, log: &Path, pid: u32, mode: &str) -> Result<Self> {
        let call = Invocation::new(program).args(["run", "--listen", "127.0.0.1:0"]);
        let call = call.args(["--pid", &pid.to_string(), "--mode", mode]);
        // What events cost is to be measured, not to be kept within bounds.
        let call = call.args(["--governor-share", "0"]);
        let (output, into) = std::io::pipe().context("a pipe for the observer's output")?;
        let mut command = call.to_command();
        command.stdin(Stdio::null()).stdout(into.try_clone()?);
        let child = command
            .stderr(into)
            .spawn()
            .with_context(|| format!("starting `{call}`"))?;
        // Held by `command`, the pipe's other end would outlive the observer.
        drop(command);
        let mut observer = Self { child };
        let address = observer.address(output, log)?;
        eventually("the observer is ready", || {
            observer.still_runs(log)?;
            Ok(is_ready(&address))
        })?;
        Ok(observer)
    }

    /// Where it says that it serves; from then on its output goes to the log only.
    fn address(&mut self, output: impl Read + Send + 'static, log: &Path) -> Result<String> {
        let mut file = File::create(log).with_context(|| format!("creating {}", log.display()))?;
        let (sender, addresses) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if let Some(address) = address_in(&line) {
                    let _ = sender.send(address.to_owned());
                }
                // A log that cannot be written is no reason to block the observer.
                let _ = writeln!(file, "{line}");
            }
        });
        addresses
            .recv_timeout(HANG_GUARD)
            .with_context(|| format!("the observer never served; its output: {}", log.display()))
    }

    fn still_runs(&mut self, log: &Path) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("the observer ended ({status}); see {}", log.display()),
        }
    }

    /// Ends it as a user does.
    fn terminate(mut self) -> Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM).context("ending the observer")?;
        let status = self.child.wait()?;
        if !status.success() {
            bail!("the observer ended with {status}");
        }
        Ok(())
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn address_in(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("http://")?;
    let end = rest.find(|c: char| !c.is_ascii_digit() && !".:[]".contains(c));
    let address = &rest[..end.unwrap_or(rest.len())];
    address.contains(':').then_some(address)
}

/// Whether `/readyz` says so: the process is attached then.
fn is_ready(address: &str) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(SAY_AFTER))?;
        let request =
            format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200 "))
}

/// Waits for a state.
fn eventually(what: &str, mut is_so: impl FnMut() -> Result<bool>) -> Result<()> {
    let begin = Instant::now();
    let mut said = false;
    while !is_so()? {
        if begin.elapsed() > HANG_GUARD {
            bail!("never came: {what}");
        }
        if begin.elapsed() > SAY_AFTER && !said {
            plan::say(&format!("waiting until {what}"));
            said = true;
        }
        std::thread::sleep(LOOK);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_address_in_a_line_of_the_log() {
        let line = "INFO serving metrics at http://127.0.0.1:41234/metrics";
        assert_eq!(address_in(line), Some("127.0.0.1:41234"));
        assert_eq!(address_in("see http://[::1]:9464"), Some("[::1]:9464"));
        assert_eq!(address_in("see http://example.org/"), None);
    }

    #[test]
    fn only_watched_states_have_a_mode() {
        assert_eq!(mode_of(Armed::Events), Some("events"));
        assert_eq!(mode_of(Armed::Off), None);
    }
}
