//! A target that does what it is told and says what it knows.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use serde_json::Value;

use super::{eventually, require};

/// An answer that has not come after this long never will.
const HANG_GUARD: Duration = Duration::from_secs(120);

/// A running target.
pub struct Target {
    child: Child,
    input: Option<ChildStdin>,
    answers: Receiver<String>,
}

impl Target {
    /// Starts the target program with these arguments.
    pub fn start(arguments: &[&str]) -> Self {
        Self::start_copy(&require("PARKWATCH_TARGET"), arguments)
    }

    /// Starts a copy of the target program.
    pub fn start_copy(program: &Path, arguments: &[&str]) -> Self {
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("target starts");
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let (sender, answers) = mpsc::channel();
        std::thread::spawn(move || {
            let lines = output.lines().map_while(Result::ok);
            lines
                .map(|line| sender.send(line))
                .take_while(Result::is_ok)
                .for_each(drop);
        });
        Self {
            child,
            input,
            answers,
        }
    }

    /// The process's id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends one command and waits for its answer.
    ///
    /// # Panics
    ///
    /// If the target ended or answers with an error.
    pub fn command(&mut self, line: &str) -> Value {
        self.send(line);
        let answer = self.answers.recv_timeout(HANG_GUARD);
        let answer = answer.unwrap_or_else(|error| panic!("{line:?} was not answered: {error}"));
        let answer: Value = serde_json::from_str(&answer)
            .unwrap_or_else(|error| panic!("{line:?} answered {answer:?}: {error}"));
        assert_eq!(answer["ok"], true, "{line:?} answered {answer}");
        answer
    }

    /// Makes the target another program, which answers from now on.
    pub fn execute(&mut self, program: &Path) {
        self.send(&format!("exec {}", program.display()));
        // A command sent earlier would be read ahead by the old program, and lost with it.
        eventually("the new program", || {
            let running = std::fs::read_link(format!("/proc/{}/exe", self.pid()));
            match running {
                Ok(running) if running == program => Ok(()),
                other => Err(format!("{other:?}")),
            }
        });
    }

    fn send(&mut self, line: &str) {
        let input = self.input.as_mut().expect("open");
        writeln!(input, "{line}").expect("target takes commands");
    }

    /// Live tasks by site, as the target's own atomics have them.
    pub fn live_by_site(&mut self) -> BTreeMap<String, f64> {
        self.truth("live")
    }

    /// One of the target's own counters by site; sites at zero are left out.
    pub fn truth(&mut self, counter: &str) -> BTreeMap<String, f64> {
        let truth = self.command("truth");
        let sites = truth["sites"].as_array().expect("sites").iter();
        sites
            .map(|site| {
                let file = site["file"].as_str().expect("file");
                let name = format!("{file}:{}:{}", site["line"], site["column"]);
                (name, site[counter].as_f64().expect("count"))
            })
            .filter(|(_, count)| *count != 0.0)
            .collect()
    }

    /// The one site with exactly this many live tasks.
    ///
    /// # Panics
    ///
    /// If there is none, or more than one.
    pub fn site_with(&mut self, live: f64) -> String {
        let all = self.live_by_site();
        let mut found = all.iter().filter(|(_, tasks)| **tasks == live);
        match (found.next(), found.next()) {
            (Some((site, _)), None) => site.clone(),
            _ => panic!("not one site with {live} tasks: {all:?}"),
        }
    }

    /// Ends the target by SIGKILL and reaps it.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.kill();
    }
}
