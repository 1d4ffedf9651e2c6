//! The command line: one file per command, errors as one line on stderr.
//!
//! Exit code 0 on success, 1 on a failure of the work, 2 on wrong usage.
//!
//! A command's file holds `Arguments` (its flags) and `run`, which does the work and says with
//! which code to exit. An error that `run` returns is printed on one line and is code 1.

pub mod check_config;
pub mod doctor;
pub mod dump;
pub mod list;
pub mod logging;
pub mod output;
pub mod probes;
pub mod run;
pub mod stalled_stack;
pub mod top;
pub mod trace;

use std::io::{self, IsTerminal as _};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand, ValueEnum};

/// The exit code for wrong usage.
const WRONG_USAGE: u8 = 2;

/// How a table is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// Flags that every command has.
#[derive(Args, Clone, Debug)]
pub struct Global {
    /// Log more; twice for everything. `RUST_LOG` wins.
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub verbose: u8,
    /// How log lines are written to stderr.
    #[arg(
        long,
        value_enum,
        default_value_t,
        global = true,
        env = "PARKWATCH_LOG_FORMAT"
    )]
    pub log_format: Format,
}

/// Watches the tasks of every process that carries Parkwatch's probes.
#[derive(Debug, Parser)]
#[command(name = "observer", version, propagate_version = true)]
struct CommandLine {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Attach to every process that carries the probes, now and later, and serve /metrics.
    Run(Box<run::Arguments>),
    /// Show processes, their sites and what is wrong with them, live in the terminal.
    Top(top::Arguments),
    /// Stream every event of one process, as text, JSON or a trace for Perfetto.
    Trace(trace::Arguments),
    /// Print the processes on this machine that carry the probes.
    List(list::Arguments),
    /// Print the USDT notes of an ELF file, of any provider.
    Probes(probes::Arguments),
    /// Print the tasks of a process: what they wait for, and their stacks.
    Dump(dump::Arguments),
    /// Say what this kernel, these privileges and this machine allow.
    Doctor(doctor::Arguments),
    /// Validate a configuration file.
    CheckConfig(check_config::Arguments),
    /// Print the stack of one stalled task, for the daemon.
    #[command(hide = true, name = crate::stacks::STALLED_STACK)]
    StalledStack(stalled_stack::Arguments),
}

/// Parses the command line, runs the command, and gives its exit code.
#[must_use]
pub fn main() -> ExitCode {
    let line = match CommandLine::try_parse() {
        Ok(line) => line,
        Err(error) if is_help(&error) => error.exit(),
        Err(error) => {
            eprintln!("observer: {}", usage_line(&error));
            return ExitCode::from(WRONG_USAGE);
        }
    };
    // Lines of a log would be drawn over; `2> FILE` has them.
    let is_drawn_over = matches!(line.command, Command::Top(_)) && io::stderr().is_terminal();
    if !is_drawn_over {
        logging::start(line.global.verbose, line.global.log_format);
    }
    match dispatch(line.command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("observer: {}", one_line(&error));
            ExitCode::FAILURE
        }
    }
}

fn dispatch(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Top(arguments) => top::run(&arguments),
        Command::Trace(arguments) => trace::run(&arguments),
        Command::List(arguments) => list::run(&arguments),
        Command::Probes(arguments) => probes::run(&arguments),
        Command::Dump(arguments) => dump::run(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::CheckConfig(arguments) => check_config::run(&arguments),
        Command::StalledStack(arguments) => stalled_stack::run(&arguments),
    }
}

/// Whether clap answers with a text that was asked for, or with the help for want of a command.
fn is_help(error: &clap::Error) -> bool {
    !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
}

/// What is wrong with the command line, and where to read on, on one line.
fn usage_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let lines = text
        .lines()
        .map(str::trim)
        .take_while(|line| !line.starts_with("Usage:"));
    let said = lines.filter(|line| !line.is_empty() && !line.starts_with("For more information"));
    // What is missing is listed in lines of its own.
    let said = said.collect::<Vec<_>>().join("; ").replace(":; ", ": ");
    let said = said.strip_prefix("error: ").unwrap_or(&said);
    format!("{said} (see `observer --help`)")
}

/// An error and its causes on one line.
fn one_line(error: &anyhow::Error) -> String {
    format!("{error:#}")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn wrong_usage_is_one_line_that_names_the_word() {
        for words in [
            ["observer", "run", "--no-such-flag"],
            ["observer", "run", "--mode=guess"],
            ["observer", "run", "--stuck-after=soon"],
            ["observer", "no-such-command", "x"],
        ] {
            let error = CommandLine::try_parse_from(words).expect_err("wrong usage");
            let line = usage_line(&error);
            let word = words[2].rsplit('=').next().expect("a word");
            let named = line.contains(word) || line.contains(words[1]);
            assert!(named && !line.contains('\n'), "{line:?}");
            assert!(line.ends_with("(see `observer --help`)"), "{line:?}");
        }
    }

    #[test]
    fn what_is_missing_is_named_on_the_same_line() {
        let error = CommandLine::try_parse_from(["observer", "probes"]).expect_err("no file");
        assert!(
            usage_line(&error).contains("not provided: <ELF>"),
            "{error}"
        );
    }

    #[test]
    fn a_file_that_is_not_there_is_said_once() {
        let error = crate::config::read(std::path::Path::new("/no/such/file")).expect_err("none");
        let line = one_line(&error.into());
        assert!(line.starts_with("cannot read /no/such/file: "), "{line}");
        assert_eq!(line.matches("No such file").count(), 1, "{line}");
    }

    #[test]
    fn an_error_with_causes_is_one_line() {
        let error = anyhow::anyhow!("no such\n  file").context("cannot read x");
        assert_eq!(one_line(&error), "cannot read x: no such file");
    }
}
