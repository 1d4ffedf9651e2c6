//! Random programs over all primitives, with cancellation and panics: what goes in comes out.
//!
//! A program is made from a seed: tasks and threads that send, select, lock, wait, spawn, cancel
//! and panic. After each, messages sent = messages received + given back, tasks spawned = tasks
//! ended, permits and turns are all there, and the pool's bytes are accounted for. One half runs
//! on several workers in real time. The other half runs in simulations, each twice, and must take
//! the same course: there a failing seed fails again.
//!
//! ```text
//! stress --programs 1000 --seed 7     # seeds 7 to 1006
//! stress --minutes 10                 # as many as there is time for
//! stress --programs 1 --seed 7 --show # what seed 7 stands for
//! ```
//!
//! `cargo xtask stress` builds and runs it; `cargo xtask test stress` runs a fixed number. It ends
//! with 1 when a program was wrong, and with 3 when one did not move on.

mod accounts;
mod actor;
mod boxes;
mod buffers;
mod children;
mod drains;
mod generate;
mod homemade;
mod locks;
mod program;
mod run;
mod watchdog;
mod world;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::Parser;

use accounts::{Accounts, Event};
use program::{Mode, Program};
use run::Outcome;

/// Random programs over all primitives of the runtime.
#[derive(Parser)]
struct Options {
    /// The seed of the first program; by default one of the clock.
    #[arg(long)]
    seed: Option<u64>,
    /// How many programs to run.
    #[arg(long, default_value_t = 1_000, conflicts_with = "minutes")]
    programs: u64,
    /// Run as many as there is time for.
    #[arg(long)]
    minutes: Option<f64>,
    /// Print each program before it is run.
    #[arg(long)]
    show: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let first = options.seed.unwrap_or_else(seed_of_the_clock);
    println!("the first seed is {first}");
    run::watch_panics();
    let begin = Instant::now();
    let is_over = |done: u64| match options.minutes {
        Some(minutes) => begin.elapsed() >= Duration::from_secs_f64(60.0 * minutes),
        None => done == options.programs,
    };
    let (mut done, mut wrong, mut tasks) = (0, 0, 0);
    while !is_over(done) {
        let outcome = check(first.wrapping_add(done), options.show);
        done += 1;
        tasks += outcome.tasks;
        wrong += u64::from(!outcome.violations.is_empty());
    }
    let seconds = begin.elapsed().as_secs_f64();
    println!("{done} programs with {tasks} tasks in {seconds:.1} s, {wrong} of them wrong");
    if wrong == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Runs the program of a seed, twice if it is simulated, and tells what was wrong.
fn check(seed: u64, show: bool) -> Outcome {
    let program = Program::from_seed(seed);
    if show {
        println!("{program:#?}");
    }
    let mut outcome = run_once(&program, seed);
    if program.mode == Mode::Simulated && outcome.violations.is_empty() {
        let again = run_once(&program, seed);
        outcome.violations.extend(again.violations);
        let parting = where_they_part(&outcome.course, &again.course);
        outcome.violations.extend(parting);
    }
    for violation in &outcome.violations {
        println!("seed {seed}: {violation}");
    }
    if !outcome.violations.is_empty() {
        println!("`stress --programs 1 --seed {seed} --show` runs it alone");
    }
    outcome
}

/// The first thing that two runs did not do alike.
fn where_they_part(one: &[Event], other: &[Event]) -> Option<String> {
    if one == other {
        return None;
    }
    let alike = one
        .iter()
        .zip(other)
        .take_while(|(one, other)| one == other);
    let at = alike.count();
    let who = |course: &[Event]| course.get(at).map(|(who, _)| *who);
    let (one, other) = (who(one), who(other));
    Some(format!(
        "the same seed took another course: step {at} is by {one:?} or {other:?}"
    ))
}

fn run_once(program: &Program, seed: u64) -> Outcome {
    let accounts = Arc::<Accounts>::default();
    let name = format!("the program of seed {seed}, {:?},", program.mode);
    watchdog::guard(&name, &accounts, || run::run(program, seed, &accounts))
}

fn seed_of_the_clock() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as u64)
}
