//! `cargo xtask run`: builds all, starts the observer on all processes and a demo workload beside
//! it, and ends both when asked to.
//!
//! The observer prints the table itself (`observer run --table`). This file never reads metrics.

use anyhow::{Context, Result, bail};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGINT, SIGTERM};
use std::ffi::OsString;
use std::fs::File;
use std::process::{Child, ExitCode, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::build;
use crate::command::Invocation;
use crate::plan;
use crate::privilege::Privilege;
use crate::setup;
use crate::workspace::Workspace;

/// How often the children and the signals are looked at.
const LOOK: Duration = Duration::from_millis(50);
/// A terminal's Ctrl-C reaches the children as well: how long they have before we ask them too.
const AFTER_INTERRUPT: Duration = Duration::from_millis(1500);
/// How long a child may take to end before it is killed.
const TO_END: Duration = Duration::from_secs(10);
/// Where the observer listens unless it is told otherwise.
const LISTEN: &str = "127.0.0.1:9464";

/// What `run` takes.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Options {
    /// The demo that runs beside the observer.
    #[arg(long, value_enum, default_value_t = Workload::Mixed)]
    workload: Workload,
    /// Seconds between two tables.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    table: u32,
    #[command(flatten)]
    setup: setup::Options,
    /// Handed to `observer run`.
    #[arg(last = true)]
    observer: Vec<OsString>,
}

/// What the demo does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Workload {
    /// One line spawns tasks that never end.
    Leak,
    /// Tasks wait for a lock that is never released.
    Stuck,
    /// Tasks of one site recurse deeply.
    Storm,
    /// A healthy program.
    Steady,
    /// All of these at once.
    Mixed,
    /// No demo: watch what runs on this machine.
    None,
}

impl Workload {
    fn name(self) -> &'static str {
        match self {
            Self::Leak => "leak",
            Self::Stuck => "stuck",
            Self::Storm => "storm",
            Self::Steady => "steady",
            Self::Mixed => "mixed",
            Self::None => "none",
        }
    }
}

/// `cargo xtask run`.
pub fn run(workspace: &Workspace, options: &Options) -> Result<ExitCode> {
    let privilege = Privilege::find();
    if privilege == Privilege::None {
        bail!("watching other processes needs root: run this as root, or install sudo");
    }
    if privilege == (Privilege::Sudo { prompt: true }) {
        plan::say("sudo will ask for your password when all is built and the observer starts");
    }
    let observer = build::observer(workspace, &options.setup)?;
    let demo = match options.workload {
        Workload::None => None,
        _ => Some(build::examples(workspace, &["demo"])?.join("demo")),
    };
    let signals = Signals::register()?;
    let observer = observer_call(observer.into(), options);
    let call = privilege
        .raise(observer)
        .context("no way to root's rights")?;
    let mut session = Session::start(privilege, &call)?;
    if let Some(demo) = demo {
        session.start_demo(workspace, demo.into(), options.workload)?;
    }
    plan::say(&format!(
        "metrics: http://{}/metrics   Ctrl-C ends both",
        listen(&options.observer)
    ));
    session.wait(&signals)
}

/// The observer's call, with the settings in our environment, which sudo would drop.
fn observer_call(program: OsString, options: &Options) -> Invocation {
    let mut call = Invocation::new(program).arg("run");
    if !names_flag(&options.observer, "--table") {
        call = call.args(["--table", &options.table.to_string()]);
    }
    for (name, value) in std::env::vars_os() {
        if let Some(name) = name.to_str().filter(|name| is_setting(name)) {
            call = call.env(name, value);
        }
    }
    call.args(options.observer.iter().cloned())
}

fn is_setting(name: &str) -> bool {
    name == "RUST_LOG" || (name.starts_with("PARKWATCH_") && name != build::OBJECT_VARIABLE)
}

fn names_flag(arguments: &[OsString], flag: &str) -> bool {
    let joined = format!("{flag}=");
    arguments
        .iter()
        .filter_map(|word| word.to_str())
        .any(|word| word == flag || word.starts_with(&joined))
}

/// The address among the observer's arguments, else the environment's, else the default.
fn listen(arguments: &[OsString]) -> String {
    let words: Vec<_> = arguments
        .iter()
        .map(|word| word.to_string_lossy())
        .collect();
    let separate = words
        .iter()
        .position(|word| word == "--listen")
        .and_then(|at| words.get(at + 1));
    let joined = words.iter().find_map(|word| word.strip_prefix("--listen="));
    separate
        .map(|word| word.to_string())
        .or_else(|| joined.map(str::to_owned))
        .or_else(|| std::env::var("PARKWATCH_LISTEN").ok())
        .unwrap_or_else(|| LISTEN.to_owned())
}

/// Which signals have come.
struct Signals {
    interrupt: Arc<AtomicBool>,
    terminate: Arc<AtomicBool>,
}

impl Signals {
    fn register() -> Result<Self> {
        let flag = |signal| -> Result<Arc<AtomicBool>> {
            let flag = Arc::new(AtomicBool::new(false));
            signal_hook::flag::register(signal, Arc::clone(&flag)).context("handling signals")?;
            Ok(flag)
        };
        Ok(Self {
            interrupt: flag(SIGINT)?,
            terminate: flag(SIGTERM)?,
        })
    }

    fn interrupted(&self) -> bool {
        self.interrupt.load(Ordering::Relaxed)
    }

    fn any(&self) -> bool {
        self.interrupted() || self.terminate.load(Ordering::Relaxed)
    }
}

/// The two children.
struct Session {
    privilege: Privilege,
    observer: Child,
    demo: Option<Child>,
}

impl Session {
    fn start(privilege: Privilege, call: &Invocation) -> Result<Self> {
        plan::say("starting the observer");
        let observer = call
            .to_command()
            .spawn()
            .with_context(|| format!("starting `{call}`"))?;
        Ok(Self {
            privilege,
            observer,
            demo: None,
        })
    }

    fn start_demo(
        &mut self,
        workspace: &Workspace,
        program: OsString,
        workload: Workload,
    ) -> Result<()> {
        let log = workspace.logs().join("demo.log");
        plan::say(&format!(
            "starting the demo `{}` (log: {})",
            workload.name(),
            workspace.shown(&log)
        ));
        let file = File::create(&log).with_context(|| format!("creating {}", log.display()))?;
        let call = Invocation::new(program).args(["--workload", workload.name()]);
        let child = call
            .to_command()
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("starting `{call}`"));
        match child {
            Ok(child) => self.demo = Some(child),
            Err(error) => {
                self.end(Instant::now())?;
                return Err(error);
            }
        }
        Ok(())
    }

    /// Waits for a signal, or for the observer to end by itself.
    fn wait(mut self, signals: &Signals) -> Result<ExitCode> {
        while !signals.any() {
            if let Some(status) = self.observer.try_wait()? {
                self.end(Instant::now())?;
                println!("the observer ended ({status})");
                return Ok(exit_code(status));
            }
            self.look_at_demo()?;
            std::thread::sleep(LOOK);
        }
        println!();
        plan::say("ending the observer and the demo");
        let grace = if signals.interrupted() {
            AFTER_INTERRUPT
        } else {
            Duration::ZERO
        };
        let status = self.end(Instant::now() + grace)?;
        Ok(exit_code(status))
    }

    /// Says once when the demo has ended by itself.
    fn look_at_demo(&mut self) -> Result<()> {
        if let Some(child) = &mut self.demo
            && let Some(status) = child.try_wait()?
        {
            println!("the demo ended ({status}); its log is demo.log in the logs' folder");
            self.demo = None;
        }
        Ok(())
    }

    /// Ends both children: they are asked at `ask_at` and killed when they take too long.
    fn end(&mut self, ask_at: Instant) -> Result<ExitStatus> {
        if let Some(mut demo) = self.demo.take() {
            end_child(&mut demo, ask_at, Privilege::Root)?;
        }
        end_child(&mut self.observer, ask_at, self.privilege)
    }
}

fn end_child(child: &mut Child, ask_at: Instant, privilege: Privilege) -> Result<ExitStatus> {
    if let Some(status) = wait_until(child, ask_at)? {
        return Ok(status);
    }
    send(child, Signal::TERM, privilege)?;
    if let Some(status) = wait_until(child, Instant::now() + TO_END)? {
        return Ok(status);
    }
    send(child, Signal::KILL, privilege)?;
    child.wait().context("waiting for a child")
}

fn wait_until(child: &mut Child, end: Instant) -> Result<Option<ExitStatus>> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= end {
            return Ok(None);
        }
        std::thread::sleep(LOOK);
    }
}

/// Sends a signal; a child that sudo started belongs to root and is reached through sudo.
fn send(child: &Child, signal: Signal, privilege: Privilege) -> Result<()> {
    let pid = Pid::from_child(child);
    match kill_process(pid, signal) {
        Ok(()) | Err(Errno::SRCH) => Ok(()),
        Err(Errno::PERM) => {
            let call = Invocation::new("kill").args([
                format!("-{}", signal.as_raw()),
                pid.as_raw_nonzero().to_string(),
            ]);
            let call = privilege
                .raise(call)
                .context("no way to end the observer")?;
            call.to_command()
                .status()
                .context("ending the observer through sudo")?;
            Ok(())
        }
        Err(error) => Err(error).context("signalling a child"),
    }
}

fn exit_code(status: ExitStatus) -> ExitCode {
    match status.code() {
        Some(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        // Ended by the signal of a Ctrl-C before it could handle it.
        None => ExitCode::FAILURE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<OsString> {
        words.iter().map(OsString::from).collect()
    }

    #[test]
    fn knows_the_address_that_the_observer_was_told() {
        assert_eq!(listen(&words(&["--listen", "0.0.0.0:1"])), "0.0.0.0:1");
        assert_eq!(listen(&words(&["--pid", "1", "--listen=[::]:2"])), "[::]:2");
    }

    #[test]
    fn the_callers_own_table_and_settings_win() {
        assert!(names_flag(&words(&["--pid", "1", "--table=2s"]), "--table"));
        assert!(!names_flag(&words(&["--tables"]), "--table"));
        assert!(is_setting("PARKWATCH_LISTEN") && !is_setting(build::OBJECT_VARIABLE));
    }

    #[test]
    fn ends_a_child_that_is_asked_to() {
        let mut child = Invocation::new("sleep")
            .arg("600")
            .to_command()
            .spawn()
            .unwrap();
        let status = end_child(&mut child, Instant::now(), Privilege::Root).unwrap();
        assert_eq!(
            std::os::unix::process::ExitStatusExt::signal(&status),
            Some(SIGTERM)
        );
    }
}
