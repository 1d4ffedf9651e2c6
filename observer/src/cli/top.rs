//! `observer top`: a live view in the terminal, of a running daemon or by itself.

use std::io::{IsTerminal as _, stdin, stdout};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc::Sender;
use std::thread;

use anyhow::{Context as _, bail};
use tokio::signal::unix::{SignalKind, signal};

use super::WRONG_USAGE;
use crate::config;
use crate::top::{Channel, Endpoint, Input, Look, OwnPipeline, Source, State, show};

/// Where a daemon listens by default.
const DAEMON: &str = "http://127.0.0.1:9464";

/// Flags of `observer top`.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Show what this daemon sees, and nothing else [default: one at http://127.0.0.1:9464, else
    /// this process observes by itself].
    #[arg(long, value_name = "URL")]
    connect: Option<Endpoint>,
    /// Settings for observing by itself, as those of `run`.
    #[arg(long, value_name = "FILE", env = "PARKWATCH_CONFIG")]
    config: Option<PathBuf>,
}

/// Shows until `q`, Ctrl-C or SIGTERM.
///
/// # Errors
///
/// When there is no terminal, the daemon does not answer at the start, or this process cannot
/// observe.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    if !stdin().is_terminal() || !stdout().is_terminal() {
        bail!("top needs a terminal: use `observer run --table 2s`, or /findings and /view");
    }
    let settings = arguments.config.as_deref().map(config::read).transpose()?;
    let settings = match settings.unwrap_or_default().settings() {
        Ok(settings) => settings,
        Err(invalid) => {
            eprintln!("observer: {invalid}");
            return Ok(ExitCode::from(WRONG_USAGE));
        }
    };
    let channel = Channel::default();
    let source = source(arguments.connect.as_ref(), settings)?;
    end_by_signals(channel.sender())?;
    source.follow(channel.sender());
    let has_processes = match &source {
        Source::Daemon(endpoint) => endpoint.is_local(),
        Source::Own(_) => true,
    };
    let look = Look::of_environment(|name| std::env::var(name).ok());
    show(State::new(&source.name()), look, &channel, has_processes)?;
    Ok(ExitCode::SUCCESS)
}

/// The daemon that is named; else the one that runs here; else this process.
fn source(connect: Option<&Endpoint>, settings: config::Settings) -> anyhow::Result<Source> {
    if let Some(endpoint) = connect {
        endpoint.view().with_context(|| {
            format!("no view from {endpoint}: is `observer run` there, and reachable?")
        })?;
        return Ok(Source::Daemon(endpoint.clone()));
    }
    let daemon: Endpoint = DAEMON.parse()?;
    match daemon.view() {
        Ok(_) => Ok(Source::Daemon(daemon)),
        Err(error) => {
            let own = OwnPipeline::begin(settings)
                .with_context(|| format!("no daemon at {daemon} ({error}), and by myself"))?;
            Ok(Source::Own(Box::new(own)))
        }
    }
}

/// SIGTERM and SIGHUP end it as `q` does, so that the terminal is restored.
fn end_by_signals(inputs: Sender<Input>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .context("cannot wait for signals")?;
    let (mut terminate, mut hang_up) = {
        let _guard = runtime.enter();
        (
            signal(SignalKind::terminate())?,
            signal(SignalKind::hangup())?,
        )
    };
    thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = hang_up.recv() => {}
            }
        });
        let _ = inputs.send(Input::Quit);
    });
    Ok(())
}
