//! A child that does what it is told, line by line: a command on its standard input, an answer of
//! one JSON object on its standard output.
//!
//! Used for the contestants (`--interactive`) and for the example `target`. The child is killed
//! when this is dropped; nothing here knows what the commands mean.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use crate::command::Invocation;

/// An answer that has not come after this long never will.
const HANG_GUARD: Duration = Duration::from_secs(600);

/// A running child.
pub struct Conversation {
    child: Child,
    input: ChildStdin,
    answers: Receiver<String>,
    call: String,
}

impl Conversation {
    /// Starts the child.
    pub fn start(call: &Invocation) -> Result<Self> {
        let mut child = call
            .to_command()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting `{call}`"))?;
        let input = child.stdin.take().context("no standard input")?;
        let output = BufReader::new(child.stdout.take().context("no standard output")?);
        let (sender, answers) = channel();
        std::thread::spawn(move || {
            let mut lines = output.lines().map_while(Result::ok);
            while let Some(line) = lines.next()
                && sender.send(line).is_ok()
            {}
        });
        Ok(Self {
            child,
            input,
            answers,
            call: call.to_string(),
        })
    }

    /// The child's process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends one line and waits for the answer.
    pub fn ask(&mut self, line: &str) -> Result<Value> {
        writeln!(self.input, "{line}").with_context(|| format!("`{}` has ended", self.call))?;
        let answer = match self.answers.recv_timeout(HANG_GUARD) {
            Ok(answer) => answer,
            Err(RecvTimeoutError::Timeout) => bail!("`{}`: no answer to {line:?}", self.call),
            Err(RecvTimeoutError::Disconnected) => {
                let status = self.child.wait()?;
                bail!("`{}` ended ({status}) at {line:?}", self.call)
            }
        };
        let value: Value = serde_json::from_str(&answer)
            .with_context(|| format!("`{}` answered {answer:?}", self.call))?;
        if value["ok"] == false {
            bail!("`{}` refused {line:?}: {answer}", self.call);
        }
        Ok(value)
    }
}

impl Drop for Conversation {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Conversation {
        Conversation::start(&Invocation::new("sh").args(["-c", script])).unwrap()
    }

    #[test]
    fn gets_an_answer_for_each_line() {
        let mut child = shell("while read n; do echo \"{\\\"n\\\": $n}\"; done");
        assert_eq!(child.ask("1").unwrap()["n"], 1);
        assert_eq!(child.ask("22").unwrap()["n"], 22);
    }

    #[test]
    fn says_when_the_child_refuses_or_ends() {
        let mut child = shell("read n; echo '{\"ok\": false, \"error\": \"no\"}'; exit 3");
        assert!(child.ask("x").unwrap_err().to_string().contains("refused"));
        let error = child.ask("y").unwrap_err().to_string();
        assert!(error.contains("ended"), "{error}");
    }
}
