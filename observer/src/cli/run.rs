//! `observer run`: attaches to every process that carries the probes, and serves what it sees.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::config::{self, Options};
use crate::pipeline;

/// Flags of the command.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Read settings from this TOML file; flags and the environment win over it.
    #[arg(long, value_name = "FILE", env = "PARKWATCH_CONFIG")]
    config: Option<PathBuf>,
    #[command(flatten)]
    options: Options,
}

/// Watches until SIGTERM or SIGINT.
///
/// # Errors
///
/// When the settings are wrong, the kernel programs cannot be loaded, or the address cannot be
/// bound.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let file = arguments
        .config
        .as_deref()
        .map(config::read)
        .transpose()?
        .unwrap_or_default();
    let settings = arguments.options.clone().or(file).settings();
    let settings = match settings {
        Ok(settings) => settings,
        Err(invalid) => {
            eprintln!(
                "observer: --{}: {}",
                invalid.key.replace('_', "-"),
                invalid.problem
            );
            return Ok(ExitCode::from(2));
        }
    };
    pipeline::threads()?.block_on(pipeline::run(settings))?;
    Ok(ExitCode::SUCCESS)
}
