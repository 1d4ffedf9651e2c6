//! `observer trace`: streams the events of one process, or groups its live tasks by the stack that
//! spawned them.

mod spawn_stacks;
mod stream;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::ValueEnum;

use crate::config::Seconds;
use crate::trace::{Session, SiteFilter, TaskId, Wanted};

/// How events are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
    /// A Chrome trace, for Perfetto.
    Chrome,
}

/// Flags of `observer trace`.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// The process.
    #[arg(long, value_name = "PID")]
    pid: u32,
    /// Only tasks whose site (file:line:column) or static name contains this.
    #[arg(long, value_name = "SITE")]
    site: Option<String>,
    /// Only this task: slot.generation, or the number in a finding.
    #[arg(long, value_name = "ID")]
    task: Option<TaskId>,
    /// How events are printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// End after this time.
    #[arg(long = "for", value_name = "TIME")]
    duration: Option<Seconds>,
    /// End after so many events.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    events: Option<u64>,
    /// Print the live tasks by the stack that spawned them, when the trace ends.
    #[arg(long, conflicts_with_all = ["task", "events"])]
    spawn_stacks: bool,
}

/// Traces until Ctrl-C, the process's end, or the end that was asked for.
///
/// # Errors
///
/// When the process cannot be traced.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    if arguments.spawn_stacks && arguments.format == Format::Chrome {
        eprintln!("observer: --spawn-stacks has no Chrome trace: use --format text or json");
        return Ok(ExitCode::from(super::WRONG_USAGE));
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the observer's threads")?;
    runtime.block_on(trace(arguments))?;
    Ok(ExitCode::SUCCESS)
}

async fn trace(arguments: &Arguments) -> anyhow::Result<()> {
    let mut ending = stream::Ending::new()?;
    let session = Session::begin(Wanted {
        pid: arguments.pid,
        task: arguments.task,
        sites: SiteFilter::new(arguments.site.clone()),
        with_stacks: arguments.spawn_stacks,
    })?;
    let (probes, process) = (session.probes(), session.process());
    let (name, pid) = (&process.name, process.id.pid);
    eprintln!("observer: tracing {name} ({pid}) by {probes} probes; Ctrl-C ends it");
    ending.after(arguments.duration.map(Seconds::as_duration));
    let end = if arguments.spawn_stacks {
        spawn_stacks::collect(session, ending, arguments.format).await?
    } else {
        stream::stream(session, ending, arguments).await?
    };
    eprintln!("observer: {end}");
    Ok(())
}

/// How often records are looked for: the ring holds what comes at four million a second.
const LOOK_EVERY: Duration = Duration::from_millis(20);
