//! The ways in which programs of tasks go wrong, one small program each, and beside each the
//! same program repaired.
//!
//! ```text
//! cargo run --release --example gallery -- --list
//! cargo run --release --example gallery -- abandoned_sender
//! cargo run --release --example gallery -- abandoned_sender --repaired
//! ```
//!
//! Each is a module; its header says what the mistake is. What the table below says that an
//! observer finds, the end-to-end tests hold it to, and that it says nothing of the twins. A
//! program runs until a signal ends it, in bounded memory.

mod abandoned_sender;
mod avalanche;
mod crossed_channels;
mod endless_loop;
mod exhausted_connections;
mod forgotten_guard;
mod growing_pool;
mod hogged_workers;
mod hot_yield;
mod ignored_cancellation;
mod large_frames;
mod load;
mod lock_order;
mod outliving_handler;
mod runaway_recursion;
mod silent_panic;
mod silent_peer;
mod task_flood;
mod unclosed_receiver;
mod unstopped_ticker;
mod wait_group_miscount;

use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;
use runtime::{Builder, chan};

/// Runs one program of the gallery.
#[derive(Parser)]
struct Options {
    /// Which program; `--list` names them.
    #[arg(required_unless_present = "list")]
    name: Option<String>,
    /// Run its repaired twin.
    #[arg(long)]
    repaired: bool,
    /// Print the table of programs and what an observer finds in each, separated by tabs: name,
    /// detector, how sure, name of the site's tasks, reason, what goes wrong.
    #[arg(long)]
    list: bool,
    /// Threads that run tasks; as many as the machine has by default.
    #[arg(long)]
    workers: Option<usize>,
    /// How long a park lasts before it is a stall.
    #[arg(long, default_value_t = 10_000)]
    stall_period_ms: u64,
}

/// One program, and what an observer is to find in it.
struct Program {
    name: &'static str,
    detector: &'static str,
    state: &'static str,
    /// The static name of the tasks whose site the finding names.
    site: &'static str,
    /// Why they wait, or what it is that is too much.
    reason: &'static str,
    what: &'static str,
    start: fn(repaired: bool),
}

macro_rules! programs {
    ($($name:ident: $detector:literal $state:literal $site:literal $reason:literal $what:literal;)+) => {
        const PROGRAMS: &[Program] = &[$(Program {
            name: stringify!($name),
            detector: $detector,
            state: $state,
            site: $site,
            reason: $reason,
            what: $what,
            start: $name::start,
        }),+];
    };
}

programs! {
    abandoned_sender: "leak" "confirmed" "report" "chan_send" "tasks send to a receiver that is kept and no longer receives";
    unclosed_receiver: "leak" "confirmed" "follower" "chan_recv" "tasks receive from channels that nobody closes";
    outliving_handler: "leak" "confirmed" "handler" "condvar" "handlers wait on when their client has given up";
    unstopped_ticker: "leak" "suspected" "heartbeat" "none" "tickers tick on when their session is over";
    endless_loop: "leak" "suspected" "poll" "none" "loops wait for a flag that is set elsewhere";
    wait_group_miscount: "leak" "confirmed" "gather" "wait_group" "wait groups have a member that never leaves";
    crossed_channels: "deadlock" "suspected" "negotiator" "chan_recv" "two tasks each wait for the other to speak first";
    lock_order: "deadlock" "confirmed" "transfer" "mutex" "two tasks take two locks in opposite orders";
    forgotten_guard: "deadlock" "confirmed" "update" "mutex" "a task ends and keeps a lock";
    exhausted_connections: "pile_up" "confirmed" "request" "chan_recv" "connections are not given back, and requests wait for one";
    silent_peer: "leak" "suspected" "serve" "io_read" "connections wait for peers that never say anything";
    avalanche: "pile_up" "confirmed" "event" "chan_send" "a task an event, all behind one slow consumer";
    hot_yield: "yield_storm" "confirmed" "spin" "yield" "a task yields in a loop instead of waiting";
    runaway_recursion: "storm" "confirmed" "walk" "stack_growth" "a walk follows the cycles of a graph";
    large_frames: "storm" "confirmed" "render" "stack_growth" "large buffers lie on the stacks of many tasks";
    growing_pool: "cache_growth" "confirmed" "pool" "retained_bytes" "objects go back to their pool and keep what they hold";
    ignored_cancellation: "leak" "confirmed" "fetch" "chan_recv" "tasks do not look at their token";
    silent_panic: "level" "confirmed" "job" "panicked" "tasks panic and nobody joins them";
    hogged_workers: "starvation" "confirmed" "crunch" "runnable" "more to compute than the workers can, a task each";
    task_flood: "level" "confirmed" "visitor" "live" "thousands of tasks at once where dozens do";
}

fn main() -> Result<()> {
    let options = Options::parse();
    if options.list {
        PROGRAMS.iter().for_each(Program::print);
        return Ok(());
    }
    let name = options.name.unwrap_or_default();
    let program = PROGRAMS
        .iter()
        .find(|program| program.name == name)
        .with_context(|| format!("there is no program {name:?}; --list names them"))?;
    let mut builder = Builder::new().stall_period(Duration::from_millis(options.stall_period_ms));
    if let Some(workers) = options.workers {
        builder = builder.workers(workers);
    }
    builder.run(move || {
        (program.start)(options.repaired);
        let (_keep, never) = chan::bounded::<()>(1);
        // Returns never: this task keeps the other end.
        let _ = never.recv();
    });
    Ok(())
}

impl Program {
    fn print(&self) {
        let Self {
            name,
            detector,
            state,
            site,
            reason,
            what,
            ..
        } = self;
        println!("{name}\t{detector}\t{state}\t{site}\t{reason}\t{what}");
    }
}
