//! A target for tests that compare what an observer reports with what really happened.
//!
//! It reads one command a line on stdin, does it, and answers with one line of JSON on stdout
//! (`"ok": true`, or `false` with an `error`). Its own atomics are the truth, which the
//! command `truth` prints per spawn site. Nothing happens without a command, so a test
//! decides what lives, what is parked where and on what.
//!
//! ```text
//! $ cargo run --release --example target -- --stall-period-ms 500
//! spawn 3 10
//! {"ok":true,"tasks":10,"sites":3}
//! release 4
//! {"ok":true,"released":4}
//! truth
//! {"ok":true,"sites":[{"file":"runtime/examples/target/sites.rs","line":30,"column":5,…},…]}
//! quit
//! ```
//!
//! `help` lists the commands. The root task executes them; a thread of the standard library
//! reads stdin, so that no worker ever blocks.

mod commands;
mod connections;
mod gate;
mod locks;
mod process;
mod services;
mod sites;
mod stacks;
mod truth;

use std::io::{BufRead, Write, stdin, stdout};
use std::time::Duration;

use clap::Parser;
use runtime::{Builder, chan};

/// Does what it is told on stdin and tells the truth about it on stdout.
#[derive(Parser)]
struct Options {
    /// Threads that run tasks; as many as the machine has by default.
    #[arg(long)]
    workers: Option<usize>,
    /// How long a park lasts before it is a stall.
    #[arg(long, default_value_t = 10_000)]
    stall_period_ms: u64,
}

fn main() {
    let options = Options::parse();
    let mut builder = Builder::new().stall_period(Duration::from_millis(options.stall_period_ms));
    if let Some(workers) = options.workers {
        builder = builder.workers(workers);
    }
    let (commands, lines) = chan::bounded(16);
    std::thread::spawn(move || read_lines(&commands));
    builder.run(move || serve(&lines));
}

/// On a thread of its own, since reading stdin blocks.
fn read_lines(commands: &chan::Sender<String>) {
    for line in stdin().lock().lines() {
        let Ok(line) = line else { return };
        if commands.send(line).is_err() {
            return;
        }
    }
}

/// The root task: executes commands until `quit` or the end of stdin.
fn serve(lines: &chan::Receiver<String>) {
    let mut target = commands::Target::default();
    for line in lines {
        let words: Vec<&str> = line.split_whitespace().collect();
        if words.is_empty() {
            continue;
        }
        answer(&target.execute(&words));
        if words == ["quit"] {
            return;
        }
    }
}

/// Writes one line and flushes it.
fn answer(answer: &serde_json::Value) {
    let mut out = stdout().lock();
    // A closed stdout means that nobody listens any more; stdin will end as well.
    let _ = writeln!(out, "{answer}").and_then(|()| out.flush());
}
