//! `observer top` in a real terminal: what is on the screen.

use crate::harness::{Observer, Target, Tmux, eventually, require};

/// The command line of `top` on this daemon.
pub fn top(observer: &Observer) -> String {
    let program = require("PARKWATCH_OBSERVER");
    format!(
        "{} top --connect http://{}",
        program.display(),
        observer.address()
    )
}

/// The screen without what differs between two runs; columns keep their places.
fn stable(screen: &str, observer: &Observer, target: &Target) -> String {
    let pid = target.pid().to_string();
    // How much of the past is known, and how old a park is.
    let screen = screen.replace(|c| "▁▂▃▄▅▆▇█".contains(c), " ");
    let screen = screen
        .replace(&format!("{pid:>7}"), "    PID")
        .replace(&pid, "PID");
    let lines: Vec<String> = screen
        .lines()
        .map(|line| match line.contains(observer.address()) {
            true => header(line).replace(observer.address(), "ADDRESS"),
            false => without_time(line),
        })
        .collect();
    lines.join("\n")
}

/// The gap between its sides depends on how long the address is.
fn header(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Cuts a line at its first time or size.
fn without_time(line: &str) -> String {
    let cut = |words: &str| {
        let at = line.find(words)? + words.len();
        line[at..]
            .starts_with(|c: char| c.is_ascii_digit())
            .then_some(at)
    };
    let end = ["oldest park ", "stacks "]
        .into_iter()
        .filter_map(cut)
        .min();
    line[..end.unwrap_or(line.len())].trim_end().to_owned()
}

/// Rates are those of the last five seconds; they have to pass.
fn is_calm(screen: &str) -> bool {
    let Some(row) = screen.lines().find(|line| line.starts_with('>')) else {
        return false;
    };
    let mut words = row.split_whitespace().skip(2);
    let (live, spawned, ended) = (words.next(), words.next(), words.next());
    live == Some("31") && (spawned, ended) == (Some("0"), Some("0"))
}

#[test]
fn shows_processes_sites_and_findings_in_a_terminal() {
    let mut target = Target::start(&["--stall-period-ms", "200", "--workers", "2"]);
    target.command("spawn 3 30 mutex");
    let pid = target.pid().to_string();
    let observer = Observer::start(&["--pid", &pid, "--stuck-after", "1s"]);
    let terminal = Tmux::start("screens", (80, 24));
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
    let (evidence, _) = terminal.until("evidence", |screen| screen.contains("\n evidence\n"));
    assert!(evidence.contains("reason: mutex"), "{evidence}");
    terminal.resize(120, 40);
    terminal.keys(&["Left", "Left", "Left"]);
    let is_wide = |line: &str| line.contains("SPAWN/S") && line.chars().count() == 120;
    let (wide, _) = terminal.until("the list as wide as the terminal", |screen| {
        screen.contains(" PROCESS ") && screen.lines().any(is_wide)
    });
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
    let terminal = Tmux::start("keys", (80, 24));
    terminal.line(&top(&observer));
    let has_row = |screen: &str, live: &str| {
        let row = screen.lines().find(|line| line.starts_with('>'));
        row.is_some_and(|row| row.split_whitespace().nth(2) == Some(live))
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
fn uses_no_colour_where_there_may_be_none() {
    let target = Target::start(&[]);
    let observer = Observer::start(&["--pid", &target.pid().to_string()]);
    let has_colour = |variable: &str, name: &str| {
        let terminal = Tmux::start(name, (80, 24));
        terminal.line(&format!("env {variable} {}", top(&observer)));
        terminal.until("the target", |screen| {
            screen.lines().any(|line| line.starts_with('>'))
        });
        terminal
            .coloured_screen()
            .split("\u{1b}[")
            .skip(1)
            .any(sets_colour)
    };
    assert!(has_colour("", "colour"));
    assert!(!has_colour("NO_COLOR=1", "no-colour"));
    assert!(!has_colour("TERM=dumb", "dumb"));
}

/// Whether what follows `ESC [` sets a colour of the text.
fn sets_colour(sequence: &str) -> bool {
    let Some((numbers, _)) = sequence.split_once('m') else {
        return false;
    };
    let mut numbers = numbers
        .split(';')
        .map_while(|number| number.parse::<u32>().ok());
    numbers.any(|number| (30..=38).contains(&number))
}

#[test]
fn draws_the_picture_of_the_docs() {
    let mut target = Target::start(&["--stall-period-ms", "200"]);
    for command in [
        "spawn 3 30 mutex",
        "sleepers 1200",
        "pool 8",
        "connections 40",
        "short_tasks 500",
    ] {
        target.command(command);
    }
    let pid = target.pid().to_string();
    let observer = Observer::start(&["--pid", &pid, "--stuck-after", "1s"]);
    let terminal = Tmux::start("picture", (100, 24));
    terminal.line(&top(&observer));
    terminal.until("the target", |screen| screen.contains("p1 x3"));
    terminal.keys(&["Enter"]);
    terminal.until("its sites", |screen| {
        // Twelve seconds are known, and who spawns at which rate.
        screen.contains("▄▄▄▄▄▄▄▄▄▄▄▄") && screen.lines().any(spawns_some_hundred)
    });
    let image = anstyle_svg::Term::new().render_svg(&terminal.coloured_screen());
    let programs = require("PARKWATCH_OBSERVER");
    let file = programs.parent().expect("a folder").join("top.svg");
    std::fs::write(&file, &image).expect("written");
    println!("a picture: {}", file.display());
    assert!(
        image.contains("sites.rs") && image.contains("fill"),
        "{image}"
    );
}

fn spawns_some_hundred(row: &str) -> bool {
    let rate = row
        .split_whitespace()
        .nth(2)
        .and_then(|rate| rate.parse::<f64>().ok());
    rate.is_some_and(|rate| (400.0..600.0).contains(&rate))
}

#[test]
fn shows_the_stacks_of_the_chosen_process_by_one_key() {
    let mut target = Target::start(&[]);
    target.command("spawn 1 7 mutex");
    let pid = target.pid().to_string();
    let observer = Observer::start(&["--pid", &pid]);
    let terminal = Tmux::start("stacks", (120, 40));
    terminal.line(&top(&observer));
    terminal.until("the target", |screen| {
        screen.lines().any(|line| line.starts_with('>'))
    });
    terminal.keys(&["d"]);
    let (stacks, _) = terminal.until("stacks", |screen| screen.contains("mutex"));
    assert!(
        stacks.contains(&format!("stacks of process {pid}")),
        "{stacks}"
    );
    assert!(
        stacks.contains("sites.rs") && stacks.contains("wait"),
        "{stacks}"
    );
    terminal.keys(&["Left"]);
    terminal.until("the list again", |screen| screen.contains("FINDINGS"));
}
