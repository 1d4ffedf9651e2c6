//! Runs child processes and never falls silent: the output goes to a log file, a heartbeat line
//! says how long a quiet child has been running, and the end of the log is shown when it fails.
//!
//! Called by every command that starts something. It never decides what to run.

use anyhow::{Context, Result, bail};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use crate::command::Invocation;
use crate::workspace::Workspace;

/// The longest silence; the project promises 20 s.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long output is awaited from descendants that outlive the child and hold its pipes.
const AFTER_END: Duration = Duration::from_secs(2);
/// How many of the last lines are shown when a child fails.
const TAIL_LINES: usize = 25;

/// What the reader of the terminal sees of a child's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Show {
    /// Heartbeats only; the log has the rest.
    Heartbeat,
    /// Every line as it comes, and heartbeats in between.
    Lines,
}

/// A child that has ended.
#[derive(Debug)]
pub struct Finished {
    /// Its exit status.
    pub status: ExitStatus,
    /// All that it wrote to its standard output.
    pub stdout: String,
    /// Where its output is.
    pub log: PathBuf,
}

enum Event {
    Line { text: String, from_stdout: bool },
    Closed,
    Ended(std::io::Result<ExitStatus>),
}

/// Runs `invocation` to its end, whatever its exit status; `name` names the log file.
pub fn run(
    workspace: &Workspace,
    name: &str,
    invocation: &Invocation,
    show: Show,
) -> Result<Finished> {
    let log = workspace.logs().join(format!("{name}.log"));
    std::fs::create_dir_all(workspace.logs()).context("creating the folder for logs")?;
    let file = File::create(&log).with_context(|| format!("creating {}", log.display()))?;
    let child = start(invocation)?;
    let mut follow = Follow {
        show,
        file,
        stdout: String::new(),
        tail: VecDeque::new(),
    };
    let status = follow.until_it_ends(watch(child))?;
    if !status.success() && show == Show::Heartbeat {
        follow.show_tail(workspace, &log);
    }
    Ok(Finished {
        status,
        stdout: follow.stdout,
        log,
    })
}

/// Runs `invocation` quietly and fails when it fails.
pub fn run_checked(workspace: &Workspace, name: &str, invocation: &Invocation) -> Result<Finished> {
    let finished = run(workspace, name, invocation, Show::Heartbeat)?;
    if !finished.status.success() {
        bail!(
            "`{invocation}` failed ({}); all of its output: {}",
            finished.status,
            finished.log.display()
        );
    }
    Ok(finished)
}

/// The standard output of a short question to a program; `None` when it is missing or fails.
pub fn ask(invocation: &Invocation) -> Option<String> {
    let output = invocation
        .to_command()
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The first file called `name` on the search path.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let extra = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path)
        .chain(extra)
        .map(|folder| folder.join(name))
        .find(|candidate| is_executable(candidate))
}

/// Whether `path` is a file that somebody may execute.
pub fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata()
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

fn start(invocation: &Invocation) -> Result<Child> {
    invocation
        .to_command()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting `{invocation}`"))
}

/// Turns the child's two streams and its end into one stream of events.
fn watch(mut child: Child) -> Receiver<Event> {
    let (sender, receiver) = channel();
    if let Some(stdout) = child.stdout.take() {
        forward(stdout, true, sender.clone());
    }
    if let Some(stderr) = child.stderr.take() {
        forward(stderr, false, sender.clone());
    }
    std::thread::spawn(move || sender.send(Event::Ended(child.wait())));
    receiver
}

fn forward(stream: impl Read + Send + 'static, from_stdout: bool, sender: Sender<Event>) {
    std::thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        while matches!(stream.read_until(b'\n', &mut line), Ok(read) if read > 0) {
            let text = String::from_utf8_lossy(&line)
                .trim_end_matches('\n')
                .to_owned();
            line.clear();
            if sender.send(Event::Line { text, from_stdout }).is_err() {
                return;
            }
        }
        let _ = sender.send(Event::Closed);
    });
}

/// The state of one child that is being followed.
struct Follow {
    show: Show,
    file: File,
    stdout: String,
    tail: VecDeque<String>,
}

impl Follow {
    fn until_it_ends(&mut self, events: Receiver<Event>) -> Result<ExitStatus> {
        let begin = Instant::now();
        let mut last_shown = begin;
        let mut open_streams = 2;
        let mut ended = None;
        while open_streams > 0 || ended.is_none() {
            let patience = match ended {
                Some(_) => AFTER_END,
                None => HEARTBEAT.saturating_sub(last_shown.elapsed()),
            };
            match events.recv_timeout(patience) {
                Ok(Event::Line { text, from_stdout }) => {
                    if self.take(text, from_stdout)? {
                        last_shown = Instant::now();
                    }
                }
                Ok(Event::Closed) => open_streams -= 1,
                Ok(Event::Ended(status)) => ended = Some(status.context("waiting for a child")?),
                Err(RecvTimeoutError::Timeout) if ended.is_some() => break,
                Err(RecvTimeoutError::Timeout) => {
                    self.heartbeat(begin.elapsed());
                    last_shown = Instant::now();
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        ended.context("a child ended without a status")
    }

    /// Keeps one line of output; returns whether it was shown.
    fn take(&mut self, text: String, from_stdout: bool) -> Result<bool> {
        writeln!(self.file, "{text}").context("writing a log")?;
        let shown = self.show == Show::Lines;
        if shown {
            println!("{text}");
        }
        if from_stdout {
            self.stdout.push_str(&text);
            self.stdout.push('\n');
        }
        if self.tail.len() == TAIL_LINES {
            self.tail.pop_front();
        }
        self.tail.push_back(text);
        Ok(shown)
    }

    fn heartbeat(&self, elapsed: Duration) {
        let last = self.tail.back().map_or("", |line| line.trim());
        println!("    … {} s: {}", elapsed.as_secs(), clipped(last, 100));
    }

    fn show_tail(&self, workspace: &Workspace, log: &Path) {
        eprintln!("  the last lines of {}:", workspace.shown(log));
        for line in &self.tail {
            eprintln!("  | {line}");
        }
    }
}

fn clipped(line: &str, limit: usize) -> String {
    let mut short: String = line.chars().take(limit).collect();
    if short.len() < line.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch() -> (tempfile::TempDir, Workspace) {
        let folder = tempfile::tempdir().unwrap();
        let workspace = Workspace::at(folder.path());
        (folder, workspace)
    }

    #[test]
    fn keeps_both_streams_in_the_log_and_returns_standard_output() {
        let (_folder, workspace) = scratch();
        let call = Invocation::new("sh").args(["-c", "echo out; echo err >&2; exit 3"]);
        let finished = run(&workspace, "both", &call, Show::Heartbeat).unwrap();
        assert_eq!(finished.status.code(), Some(3));
        assert_eq!(finished.stdout, "out\n");
        let log = std::fs::read_to_string(finished.log).unwrap();
        assert!(log.contains("out\n") && log.contains("err\n"), "{log:?}");
    }

    #[test]
    fn does_not_wait_for_a_descendant_that_holds_the_pipe() {
        let (_folder, workspace) = scratch();
        let call = Invocation::new("sh").args(["-c", "sleep 600 & echo $!"]);
        let finished = run(&workspace, "held", &call, Show::Heartbeat).unwrap();
        assert!(finished.status.success());
        let pid = finished.stdout.trim();
        assert!(
            ask(&Invocation::new("kill").arg(pid)).is_some(),
            "the descendant still ran"
        );
    }

    #[test]
    fn names_the_call_when_a_checked_one_fails() {
        let (_folder, workspace) = scratch();
        let error = run_checked(&workspace, "fails", &Invocation::new("false")).unwrap_err();
        assert!(error.to_string().contains("`false` failed"), "{error}");
    }

    #[test]
    fn clips_long_lines() {
        assert_eq!(clipped("abcdef", 3), "abc…");
        assert_eq!(clipped("abc", 3), "abc");
    }
}
