//! A real terminal: a tmux server of its own, into which a test types and at which it looks.

use std::process::{Command, Output};
use std::time::Duration;

use super::eventually;

/// A terminal that runs one shell.
pub struct Tmux {
    socket: String,
}

impl Tmux {
    /// Starts a shell in a terminal of this size; `variables` are set in its environment.
    pub fn start(name: &str, size: (u16, u16), variables: &[(&str, &str)]) -> Self {
        let socket = format!("parkwatch-{name}-{}", std::process::id());
        let tmux = Self { socket };
        let (columns, lines) = (size.0.to_string(), size.1.to_string());
        let mut command = tmux.command();
        command.env_remove("NO_COLOR").env("LANG", "C.UTF-8");
        command.env_remove("LC_ALL").env_remove("LC_CTYPE");
        command.args(["new-session", "-d", "-x", &columns, "-y", &lines]);
        for (variable, value) in variables {
            command.args(["-e", &format!("{variable}={value}")]);
        }
        command.args(["env", "PS1=$ ", "ENV=", "sh"]);
        succeeded(command.output().expect("tmux runs"));
        tmux
    }

    /// Types a line and Enter.
    pub fn line(&self, text: &str) {
        self.tmux(&["send-keys", "-l", text]);
        self.keys(&["Enter"]);
    }

    /// Presses keys by the names that tmux has for them.
    pub fn keys(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    /// What is on the screen, without spaces at the ends of lines.
    pub fn screen(&self) -> String {
        let screen = self.tmux(&["capture-pane", "-p"]);
        let lines: Vec<&str> = screen.lines().map(str::trim_end).collect();
        lines.join("\n")
    }

    /// The same with what sets colours and the like.
    pub fn coloured_screen(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-e"])
    }

    /// Makes the terminal this large.
    pub fn resize(&self, columns: u16, lines: u16) {
        let (columns, lines) = (columns.to_string(), lines.to_string());
        self.tmux(&["resize-window", "-x", &columns, "-y", &lines]);
    }

    /// The program in it uses the alternate screen.
    pub fn is_alternate(&self) -> bool {
        self.tmux(&["display-message", "-p", "#{alternate_on}"])
            .trim()
            == "1"
    }

    /// Waits until the screen is as wanted; returns it and how long that took.
    pub fn until(&self, what: &str, is_wanted: impl Fn(&str) -> bool) -> (String, Duration) {
        eventually(what, || {
            let screen = self.screen();
            if is_wanted(&screen) {
                Ok(screen)
            } else {
                Err(screen)
            }
        })
    }

    fn command(&self) -> Command {
        let mut command = Command::new("tmux");
        // No settings of whoever runs the test.
        command.args(["-u", "-f", "/dev/null", "-L", &self.socket]);
        command
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        succeeded(self.command().args(arguments).output().expect("tmux runs"))
    }
}

fn succeeded(output: Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "tmux: {said}");
    String::from_utf8(output.stdout).expect("text")
}

impl Drop for Tmux {
    fn drop(&mut self) {
        let _ = self.command().arg("kill-server").output();
    }
}
