//! `observer dump`: the tasks of a process, what they wait for, and their stacks.
//!
//! ```text
//!  ask.rs ──▶ census.rs          every task once, and whose stack is true
//!    │  └───▶ stacks             copies, unwound and named
//!    ▼
//!  group.rs ──▶ report.rs ──▶ text.rs, profile.rs, saved.rs ──▶ diff.rs
//! ```

mod ask;
mod census;
mod diff;
mod group;
mod profile;
mod report;
#[cfg(test)]
mod samples;
mod saved;
mod text;
mod wire;

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::ValueEnum;

use super::{WRONG_USAGE, output};
use crate::sys::clock;
use report::Report;

/// How a dump is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum DumpFormat {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
    /// For `go tool pprof` and speedscope: a gzipped profile.
    Pprof,
}

/// Flags of `observer dump`.
#[derive(clap::Args, Debug)]
#[command(group = clap::ArgGroup::new("what").required(true))]
pub struct Arguments {
    /// The process.
    #[arg(long, group = "what")]
    pid: Option<u32>,
    /// Compare two saved dumps instead: what is new, gone, grown and shrunk.
    #[arg(long, num_args = 2, value_names = ["A", "B"], group = "what")]
    diff: Option<Vec<PathBuf>>,
    /// Also keep the dump in this file, for --diff.
    #[arg(long, value_name = "FILE", conflicts_with = "diff")]
    save: Option<PathBuf>,
    /// How it is printed.
    #[arg(long, value_enum, default_value_t)]
    format: DumpFormat,
    /// Show the frames of the runtime and the standard library too.
    #[arg(long)]
    all_frames: bool,
    /// Leave out the stacks: half the time.
    #[arg(long, conflicts_with = "diff")]
    no_stacks: bool,
}

/// Dumps a process, or compares two dumps.
///
/// # Errors
///
/// When the process cannot be dumped, or a file cannot be read or written.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    if let Some(problem) = profile_problem(arguments) {
        eprintln!("observer: {problem}");
        return Ok(ExitCode::from(WRONG_USAGE));
    }
    match (&arguments.diff, arguments.pid) {
        (Some(files), _) => compare(arguments, files)?,
        (None, Some(pid)) => dump(arguments, pid)?,
        (None, None) => unreachable!("one of them is required"),
    }
    Ok(ExitCode::SUCCESS)
}

fn profile_problem(arguments: &Arguments) -> Option<&'static str> {
    if arguments.format != DumpFormat::Pprof {
        return None;
    }
    if arguments.diff.is_some() {
        return Some("--format pprof is for dumps, not for --diff: use text or json");
    }
    let is_terminal = io::stdout().is_terminal();
    is_terminal.then_some("--format pprof is not for a terminal: redirect it into a file")
}

fn dump(arguments: &Arguments, pid: u32) -> anyhow::Result<()> {
    let answer = ask::ask(pid, !arguments.no_stacks)?;
    let taken_unix_ns = clock::boot_ns().saturating_add(clock::unix_offset_ns());
    let mut report = group::report(&answer, taken_unix_ns);
    if arguments.all_frames {
        report.show_all_frames();
    }
    if let Some(path) = &arguments.save {
        saved::save(&report, path)?;
    }
    print(arguments.format, &report)?;
    for missing in &report.missing {
        eprintln!("observer: the dump is not complete: {missing}");
    }
    Ok(())
}

fn print(format: DumpFormat, report: &Report) -> anyhow::Result<()> {
    match format {
        DumpFormat::Text => output::print(&text::text(report))?,
        DumpFormat::Json => output::print(&output::json(report)?)?,
        DumpFormat::Pprof => {
            let profile = profile::profile(report).context("cannot make a profile")?;
            output::print_bytes(&profile)?;
        }
    }
    Ok(())
}

fn compare(arguments: &Arguments, files: &[PathBuf]) -> anyhow::Result<()> {
    let [mut first, mut second] = [saved::load(&files[0])?, saved::load(&files[1])?];
    if arguments.all_frames {
        first.show_all_frames();
        second.show_all_frames();
    }
    let changes = diff::diff(&first, &second);
    match arguments.format {
        DumpFormat::Json => output::print(&output::json(&changes)?)?,
        _ => output::print(&diff::text(&changes))?,
    }
    Ok(())
}
