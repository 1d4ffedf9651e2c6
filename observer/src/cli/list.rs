//! `observer list`: the processes on this machine that carry the probes.
//!
//! The schema is what the process itself says through its `monitor` probe, which is armed for
//! at most 2.5 s. It is `-` (JSON: null) where nobody says it: a program without that probe, the
//! child of a fork, a process of another pid namespace than the host's; and where this
//! user may not ask, which is said on stderr. Frame pointers leave no trace in a file, so the
//! unwinding method is `eh_frame` or `none`.

mod schema;

use std::process::ExitCode;

use anyhow::Context as _;
use serde::Serialize;

use super::{Format, output};
use crate::discover::{Carrier, Discovery, ExamineError, Found, Unwinding};
use schema::Schemas;

/// Flags of `observer list`.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// How the processes are printed.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// A line of the list.
#[derive(Debug, Serialize)]
struct Line {
    pid: u32,
    executable: String,
    /// As its `monitor` probe says; `None` if it does not.
    schema: Option<u64>,
    container: Option<String>,
    unwinding: Unwinding,
    /// The files with probes that the process maps.
    carriers: Vec<String>,
}

/// Prints the processes.
///
/// # Errors
///
/// When `/proc` cannot be listed. Processes that may not be looked at are counted on stderr.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let scan = Discovery::new()
        .scan()
        .context("cannot list /proc: is it mounted, and is this user allowed to read it?")?;
    let schemas = schema::ask(&scan.found);
    let lines: Vec<Line> = scan
        .found
        .iter()
        .map(|found| line(found, &schemas))
        .collect();
    let text = match arguments.format {
        Format::Text => text(&lines),
        Format::Json => output::json(&lines)?,
    };
    output::print(&text)?;
    say_what_was_refused(&scan.errors);
    if let Some(reason) = &schemas.unknown_because {
        eprintln!("observer: schemas that could not be asked for: {reason}");
    }
    Ok(ExitCode::SUCCESS)
}

fn line(found: &Found, schemas: &Schemas) -> Line {
    Line {
        pid: found.id.pid,
        executable: found.exe.clone(),
        schema: schemas.by_pid.get(&found.id.pid).copied(),
        container: found.container_id.clone(),
        unwinding: unwinding(found.carriers.iter().map(AsRef::as_ref)),
        carriers: found
            .carriers
            .iter()
            .map(|carrier| carrier.path.clone())
            .collect(),
    }
}

/// The method that works for all of the process's carriers.
fn unwinding<'c>(mut carriers: impl Iterator<Item = &'c Carrier>) -> Unwinding {
    if carriers.all(|carrier| carrier.unwinding == Unwinding::EhFrame) {
        Unwinding::EhFrame
    } else {
        Unwinding::None
    }
}

fn text(lines: &[Line]) -> String {
    let rows: Vec<_> = lines.iter().map(row).collect();
    output::table(
        ["PID", "EXECUTABLE", "SCHEMA", "CONTAINER", "UNWINDING"],
        &rows,
    )
}

fn row(line: &Line) -> [String; 5] {
    let container = line.container.as_deref().unwrap_or("-");
    [
        line.pid.to_string(),
        line.executable.clone(),
        line.schema
            .map_or_else(|| "-".to_owned(), |schema| schema.to_string()),
        container.chars().take(12).collect(),
        line.unwinding.name().to_owned(),
    ]
}

fn say_what_was_refused(errors: &[ExamineError]) {
    let Some(first) = errors.first() else { return };
    let count = errors.len();
    eprintln!(
        "observer: processes that could not be looked at: {count}, the first: {first}: \
         `observer doctor` says which privileges are missing"
    );
}
