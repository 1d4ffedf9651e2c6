//! `cargo xtask stress`: random programs over all primitives of the runtime, for as long as asked.
//!
//! The programs and what must hold of them are in `runtime/examples/stress`. This file builds and
//! starts that; the layer `stress` of `cargo xtask test` does the same with a fixed number.

use anyhow::Result;
use std::process::ExitCode;

use crate::build;
use crate::command::Invocation;
use crate::plan;
use crate::runner::{self, Finished, Show};
use crate::workspace::Workspace;

/// What `stress` takes.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Options {
    /// For how long.
    #[arg(long, default_value_t = 1.0, value_parser = minutes)]
    minutes: f64,
    /// The seed of the first program; by default one of the clock, which is printed.
    #[arg(long)]
    seed: Option<u64>,
}

/// `cargo xtask stress`.
pub fn run(workspace: &Workspace, options: &Options) -> Result<ExitCode> {
    let mut arguments = vec!["--minutes".to_owned(), options.minutes.to_string()];
    if let Some(seed) = options.seed {
        arguments.extend(["--seed".to_owned(), seed.to_string()]);
    }
    let finished = programs(workspace, &arguments)?;
    println!("    all of it: {}", workspace.shown(&finished.log));
    Ok(if finished.status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Builds the programs, in release, and runs them with these arguments.
pub fn programs(workspace: &Workspace, arguments: &[String]) -> Result<Finished> {
    let program = build::examples(workspace, &["stress"])?.join("stress");
    let call = Invocation::new(program).args(arguments);
    plan::say(&format!("{call}"));
    runner::run(workspace, "stress", &call, Show::Lines)
}

fn minutes(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(minutes) if minutes > 0.0 && minutes < 1e6 => Ok(minutes),
        _ => Err("is no number of minutes".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_are_a_number_above_zero() {
        assert_eq!(minutes("0.5"), Ok(0.5));
        for wrong in ["0", "-1", "inf", "NaN", "ten"] {
            assert!(minutes(wrong).is_err(), "{wrong}");
        }
    }
}
