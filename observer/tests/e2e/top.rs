//! `observer top` in a real terminal: what is on the screen, and how the terminal is left.

use crate::harness::{Observer, Target, Tmux, eventually, require, semaphores};

/// The command line of `top` on this daemon.
fn top(observer: &Observer) -> String {
    let program = require("PARKWATCH_OBSERVER");
    format!(
        "{} top --connect http://{}",
        program.display(),
        observer.address()
    )
}

/// The screen without what differs between two runs, in the same columns.
fn stable(screen: &str, observer: &Observer, target: &Target) -> String {
    let in_columns = |what: &str, with: char| with.to_string().repeat(what.len());
    let (address, pid) = (observer.address(), target.pid().to_string());
    let screen = screen.replace(address, &in_columns(address, 'A'));
    let screen = screen.replace(&pid, &in_columns(&pid, 'P'));
    // How much of the past is known, and how old a park is.
    let screen = screen.replace(|c| "▁▂▃▄▅▆▇█".contains(c), " ");
    let lines: Vec<String> = screen.lines().map(without_time).collect();
    lines.join("\n")
}

/// Cuts a line at its first time; trailing spaces say nothing.
fn without_time(line: &str) -> String {
    let end = ["oldest park", "stacks "]
        .into_iter()
        .filter_map(|words| line.find(words).map(|at| at + words.len()))
        .min();
    line[..end.unwrap_or(line.len())].trim_end().to_owned()
}

/// Rates are those of the last five seconds; they have to pass.
fn is_calm(screen: &str) -> bool {
    let Some(row) = screen.lines().find(|line| line.starts_with('>')) else {
        return false;
    };
    let mut words = row.split_whitespace().skip(3);
    let (live, spawned, ended) = (words.next(), words.next(), words.next());
    live == Some("31") && (spawned, ended) == (Some("0"), Some("0"))
}

#[test]
fn shows_processes_sites_and_findings_in_a_terminal() {
    let mut target = Target::start(&["--stall-period-ms", "200"]);
    target.command("spawn 3 30 mutex");
    let pid = target.pid().to_string();
    let observer = Observer::start(&["--pid", &pid, "--stuck-after", "1s"]);
    let terminal = Tmux::start("screens", (80, 24), &[]);
    terminal.line(&top(&observer));
    let (processes, _) = terminal.until("rates at rest, and findings", |screen| {
        is_calm(screen) && screen.contains("p1 x3")
    });
    insta::assert_snapshot!("processes", stable(&processes, &observer, &target));
    terminal.keys(&["Enter"]);
    let (sites, _) = terminal.until("sites", |screen| {
        screen.contains("WAIT FOR") && screen.contains("p1 stuck")
    });
    insta::assert_snapshot!("sites", stable(&sites, &observer, &target));
    terminal.keys(&["f"]);
    let (findings, _) = terminal.until("findings", |screen| screen.contains("DETECTOR"));
    assert_eq!(
        findings.matches("stuck        confirmed").count(),
        3,
        "{findings}"
    );
    terminal.keys(&["Enter"]);
    let (evidence, _) = terminal.until("evidence", |screen| screen.contains("evidence"));
    assert!(evidence.contains("reason: mutex"), "{evidence}");
    terminal.resize(120, 40);
    terminal.keys(&["Escape", "Escape", "Escape"]);
    let (wide, _) = terminal.until("a wide list", |screen| {
        screen
            .lines()
            .any(|line| line.starts_with('>') && line.contains("target"))
    });
    let header = wide
        .lines()
        .find(|line| line.contains("PROCESS"))
        .expect("a header");
    assert_eq!(header.chars().count(), 120, "{wide}");
    assert!(
        wide.lines()
            .last()
            .is_some_and(|line| line.contains("q quit")),
        "{wide}"
    );
}

#[test]
fn sorts_filters_and_pauses_by_keys() {
    let mut target = Target::start(&[]);
    target.command("spawn 3 30");
    let pid = target.pid().to_string();
    let observer = Observer::start(&["--pid", &pid]);
    let terminal = Tmux::start("keys", (80, 24), &[]);
    terminal.line(&top(&observer));
    let has_row = |screen: &str, live: &str| {
        let row = screen.lines().find(|line| line.starts_with('>'));
        row.is_some_and(|row| row.split_whitespace().nth(3) == Some(live))
    };
    terminal.until("the target", |screen| has_row(screen, "31"));
    terminal.keys(&["/", "x", "y"]);
    terminal.until("nothing matches", |screen| {
        screen.contains("filter: xy_") && screen.contains("no process matches")
    });
    terminal.keys(&["Escape"]);
    terminal.until("the target again", |screen| has_row(screen, "31"));
    terminal.keys(&["p"]);
    terminal.until("the pause", |screen| screen.contains("PAUSED"));
    target.command("spawn 1 9");
    eventually("the daemon knows", || {
        let live = observer
            .scrape()
            .sum("parkwatch_process_tasks_live", &[("pid", &pid)]);
        if live == Some(40.0) {
            Ok(())
        } else {
            Err(format!("{live:?}"))
        }
    });
    // A key that is drawn shows that everything before it was.
    terminal.keys(&["s"]);
    let (paused, _) = terminal.until("the next order", |screen| screen.contains("by spawn/s"));
    assert!(has_row(&paused, "31"), "{paused}");
    terminal.keys(&["p"]);
    terminal.until("all tasks", |screen| has_row(screen, "40"));
    terminal.keys(&["?"]);
    terminal.until("help", |screen| screen.contains("SPAWN/S    tasks spawned"));
}

#[test]
fn says_that_the_daemon_is_gone_and_shows_its_successor() {
    let mut target = Target::start(&[]);
    target.command("spawn 3 30");
    let pid = target.pid().to_string();
    let mut first = Observer::start(&["--pid", &pid]);
    let address = first.address().to_owned();
    let terminal = Tmux::start("gone", (80, 24), &[]);
    terminal.line(&top(&first));
    terminal.until("the target", |screen| screen.contains("target"));
    first.terminate();
    terminal.until("the daemon is gone", |screen| screen.contains("NO ANSWER"));
    target.command("spawn 1 9");
    let mut command = std::process::Command::new(require("PARKWATCH_OBSERVER"));
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
    let terminal = Tmux::start("own", (80, 24), &[]);
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
    let armed = semaphores(target.pid());
    assert!(
        armed.iter().all(|(_, listeners)| *listeners == 0),
        "{armed:?}"
    );
}

#[test]
fn leaves_the_terminal_as_it_was_after_q_control_c_and_sigterm() {
    let target = Target::start(&[]);
    let pid = target.pid().to_string();
    let observer = Observer::start(&["--pid", &pid]);
    let terminal = Tmux::start("restored", (80, 24), &[]);
    let modes = "stty -a | grep -c -e ' echo ' -e ' icanon '";
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
            screen.trim_end().ends_with("\n2\n$"),
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
fn uses_no_colour_where_there_may_be_none() {
    let target = Target::start(&[]);
    let observer = Observer::start(&["--pid", &target.pid().to_string()]);
    let has_colour = |variables: &[(&str, &str)], name: &str| {
        let terminal = Tmux::start(name, (80, 24), variables);
        terminal.line(&top(&observer));
        terminal.until("the target", |screen| {
            screen.lines().any(|line| line.starts_with('>'))
        });
        let screen = terminal.coloured_screen();
        ["\u{1b}[36m", "\u{1b}[32m", "\u{1b}[1m\u{1b}[36m"]
            .iter()
            .any(|colour| screen.contains(colour))
    };
    assert!(has_colour(&[], "colour"));
    assert!(!has_colour(&[("NO_COLOR", "1")], "no-colour"));
    assert!(!has_colour(&[("TERM", "dumb")], "dumb"));
}
