//! How `observer top` begins and ends: whom it asks, what it says, how it leaves the terminal.

use std::process::{Command, Stdio};

use crate::harness::{Observer, Target, Tmux, WITHOUT_RIGHTS, disarmed, require, says_one_line};
use crate::top::top;

#[test]
fn says_that_the_daemon_is_gone_and_shows_its_successor() {
    let mut target = Target::start(&[]);
    target.command("spawn 3 30");
    let pid = target.pid().to_string();
    let mut first = Observer::start(&["--pid", &pid]);
    let address = first.address().to_owned();
    let terminal = Tmux::start("gone", (80, 24));
    terminal.line(&top(&first));
    terminal.until("the target", |screen| screen.contains("target"));
    first.terminate();
    terminal.until("the daemon is gone", |screen| screen.contains("NO ANSWER"));
    target.command("spawn 1 9");
    let mut command = Command::new(require("PARKWATCH_OBSERVER"));
    command.args(["run", "--listen", &address, "--pid", &pid]);
    let _second = Observer::start_command(&mut command);
    terminal.until("the successor's view", |screen| {
        !screen.contains("NO ANSWER") && screen.lines().any(|line| line.contains(" 40 "))
    });
}

#[test]
fn observes_by_itself_where_there_is_no_daemon_and_disarms_at_the_end() {
    let mut target = Target::start(&[]);
    target.command("spawn 3 30");
    let terminal = Tmux::start("own", (80, 24));
    terminal.line(&format!("{} top", require("PARKWATCH_OBSERVER").display()));
    let pid = target.pid().to_string();
    terminal.until("the target", |screen| {
        screen.contains("this process observes")
            && screen
                .lines()
                .any(|line| line.contains(&pid) && line.contains(" 31 "))
    });
    terminal.keys(&["q"]);
    terminal.until("the prompt", |screen| screen.trim_end().ends_with('$'));
    disarmed(target.pid());
}

#[test]
fn leaves_the_terminal_as_it_was_after_q_control_c_and_sigterm() {
    let target = Target::start(&[]);
    let pid = target.pid().to_string();
    let observer = Observer::start(&["--pid", &pid]);
    let terminal = Tmux::start("restored", (80, 24));
    let modes = "stty -a | grep -c ' icanon iexten echo '";
    for (number, end) in ["q", "C-c", "sigterm"].into_iter().enumerate() {
        terminal.line(&format!("{}; echo left $?; {modes}", top(&observer)));
        terminal.until("the target", |screen| screen.contains("q quit"));
        assert!(terminal.is_alternate());
        if end == "sigterm" {
            terminate_top(&observer);
        } else {
            terminal.keys(&[end]);
        }
        let (screen, _) = terminal.until("the shell", |screen| {
            screen.matches("left 0\n").count() == number + 1 && screen.trim_end().ends_with('$')
        });
        assert!(!terminal.is_alternate());
        assert!(
            screen.trim_end().ends_with("\n1\n$"),
            "echo and lines: {screen}"
        );
    }
}

/// Sends SIGTERM to the `top` that shows this daemon.
fn terminate_top(observer: &Observer) {
    let is_top = |pid: &u32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
        let url = format!("http://{}", observer.address());
        words.get(1) == Some(&&b"top"[..]) && words.contains(&url.as_bytes())
    };
    let entries = std::fs::read_dir("/proc").expect("procfs").flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let pid: u32 = pids.into_iter().find(is_top).expect("it runs");
    let pid = i32::try_from(pid).expect("a pid");
    // SAFETY: `kill` takes no pointers; the process was ours a moment ago.
    unsafe { libc::kill(pid, libc::SIGTERM) };
}

#[test]
fn says_in_one_line_why_it_cannot_begin() {
    let program = require("PARKWATCH_OBSERVER");
    let output = Command::new(&program)
        .arg("top")
        .stdin(Stdio::null())
        .output()
        .expect("it runs");
    says_one_line(&output, 1, "needs a terminal");
    let program = program.display();
    let rights = WITHOUT_RIGHTS.join(" ");
    let terminal = Tmux::start("errors", (200, 24));
    let refused = [
        (
            format!("{program} top --connect https://x:1"),
            2,
            "speaks no https",
        ),
        (
            format!("{program} top --connect http://127.0.0.1:1"),
            1,
            "no view from http://127.0.0.1:1",
        ),
        (format!("setpriv {rights} {program} top"), 1, "CAP_BPF"),
    ];
    for (number, (command, code, words)) in refused.into_iter().enumerate() {
        terminal.line(&format!("clear; {command}; echo left {number} $?"));
        let left = format!("left {number} {code}\n");
        let (screen, _) = terminal.until(words, |screen| screen.contains(&left));
        let said = screen.split("left").next().expect("something");
        assert!(said.replace('\n', "").contains(words), "{screen}");
        assert_eq!(said.matches("observer: ").count(), 1, "{screen}");
    }
}
