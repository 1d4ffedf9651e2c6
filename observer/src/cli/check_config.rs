//! `observer check-config FILE`: validates a configuration.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::config;

/// Flags of the command.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// The TOML file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Validates the file.
///
/// # Errors
///
/// Names the offending key and line.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    config::read(&arguments.file)?;
    println!("{}: ok", arguments.file.display());
    Ok(ExitCode::SUCCESS)
}
