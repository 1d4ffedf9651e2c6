//! `observer doctor`: what this kernel, these privileges and this machine allow.
//!
//! A line per check: what was found, and what to do about it. The exit code is 1 if
//! `observer run` could not work. The checks look, load a program of two instructions and
//! throw it away; they attach to nothing and change nothing.

mod check;
mod facts;
mod kernel;
mod machine;
mod privileges;

use std::process::ExitCode;

use super::{Format, output};
use check::{Check, Status};
use facts::Facts;

/// Flags of `observer doctor`.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// How the checks are printed.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Checks and prints; exit code 1 if a check fails.
///
/// # Errors
///
/// When stdout cannot be written.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let checks = all(&Facts::gather());
    let text = match arguments.format {
        Format::Text => text(&checks),
        Format::Json => output::json(&checks)?,
    };
    output::print(&text)?;
    let failed = checks.iter().any(|check| check.status == Status::Fail);
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn all(facts: &Facts) -> Vec<Check> {
    let mut checks = kernel::checks(facts);
    checks.extend(privileges::checks(facts));
    checks.extend(machine::checks(facts));
    checks
}

fn text(checks: &[Check]) -> String {
    let rows: Vec<_> = checks.iter().map(row).collect();
    output::table(["STATUS", "CHECK", "FOUND"], &rows)
}

fn row(check: &Check) -> [String; 3] {
    let found = match &check.advice {
        Some(advice) => format!("{}: {advice}", check.found),
        None => check.found.clone(),
    };
    [check.status.name().to_owned(), check.name.to_owned(), found]
}
