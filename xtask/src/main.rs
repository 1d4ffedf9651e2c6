//! The project's own commands: `cargo xtask setup|build|dist|run|test|stress|bench|figures|tidy|licences`.
//!
//! Called by people through the alias in `.cargo/config.toml` and by `.ci/run`. This file parses
//! the command line and hands over; it never builds or starts anything by itself.

#![forbid(unsafe_code)]

mod bench;
mod bpf_linker;
mod build;
mod command;
mod debian;
mod dist;
mod licences;
mod packages;
mod plan;
mod privilege;
mod run;
mod runner;
mod setup;
mod stress;
mod test;
mod tidy;
mod toolchain;
mod workspace;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::process::ExitCode;

use crate::workspace::Workspace;

/// Parkwatch's own commands.
#[derive(Parser)]
#[command(bin_name = "cargo xtask", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Installs what building the kernel programs needs: a compiler with `core`'s source, bpf-linker.
    Setup(setup::Options),
    /// Builds `target/release/observer` with the kernel programs inside.
    Build(setup::Options),
    /// Builds `target/dist/observer`: static, with the kernel programs inside, for an empty image.
    Dist(setup::Options),
    /// Builds all, starts the observer and a demo workload, and shows what the observer sees.
    Run(run::Options),
    /// Runs the tests, layer by layer; all layers when none is named.
    Test(test::Options),
    /// Runs random programs over all primitives, and checks that what goes in comes out.
    Stress(stress::Options),
    /// Measures the runtime beside its peers and prints a Markdown table.
    Bench(bench::Options),
    /// Puts what `bench` has kept into docs/performance.md, with its samples and images.
    Figures,
    /// Checks the rules of the source tree: stage order, where libc and atomics live, file sizes.
    Tidy,
    /// Runs clippy on the kernel programs, with their own compiler and target.
    ClippyEbpf(setup::Options),
    /// Checks that every dependency can be used under a licence of the allow-list.
    Licences,
}

fn main() -> ExitCode {
    match dispatch(Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(cli: Cli) -> Result<ExitCode> {
    let workspace = Workspace::locate()?;
    match cli.command {
        Command::Setup(options) => setup::run(&workspace, &options)?,
        Command::Build(options) => build::run(&workspace, &options)?,
        Command::Dist(options) => dist::run(&workspace, &options)?,
        Command::Run(options) => return run::run(&workspace, &options),
        Command::Test(options) => return test::run(&workspace, &options),
        Command::Stress(options) => return stress::run(&workspace, &options),
        Command::Bench(options) => bench::run(&workspace, &options)?,
        Command::Figures => bench::figures::run(&workspace)?,
        Command::Tidy => tidy::run(&workspace)?,
        Command::ClippyEbpf(options) => build::clippy(&workspace, &options)?,
        Command::Licences => licences::run(&workspace)?,
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::Cli;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
