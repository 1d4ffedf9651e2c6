//! The loop of a trace: waits, looks, writes.

use std::fmt;
use std::io::{self, Write};
use std::time::Duration;

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep_until, timeout};

use super::{Arguments, Format, LOOK_EVERY};
use crate::sys::clock;
use crate::trace::{self, Batch, Chrome, JsonLines, Session, TextLines};

/// Looks at the end of a trace until the ring is empty, at most; it holds no more than these.
const LAST_LOOKS: usize = 128;

/// How long until the next look when there is more: only signals are looked at meanwhile.
const MORE: Duration = Duration::from_micros(1);

/// What ends a trace.
pub(super) struct Ending {
    interrupt: Signal,
    terminate: Signal,
    deadline: Option<Instant>,
}

/// Why a trace ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    Asked,
    TimeIsUp,
    ProcessEnded,
    EnoughEvents,
    NobodyReads,
}

/// What is said at the end.
pub(super) struct Summary {
    pub(super) reason: Reason,
    pub(super) events: u64,
    /// Stacks that were copied.
    pub(super) copies: u64,
    /// Stacks that should have been copied.
    pub(super) uncopied: u64,
    pub(super) lost: u64,
}

impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.reason {
            Reason::Asked => "ended",
            Reason::TimeIsUp => "the time is up",
            Reason::ProcessEnded => "the process ended",
            Reason::EnoughEvents => "that were the events that were asked for",
            Reason::NobodyReads => "nobody reads any more",
        };
        let (events, lost) = (self.events, self.lost);
        write!(formatter, "{why}: {events} events, {lost} lost")?;
        if lost > 0 {
            formatter.write_str(", because the ring was full: --site or --task make them fewer")?;
        }
        let (copies, uncopied) = (self.copies, self.uncopied);
        if copies > 0 {
            write!(formatter, "; {copies} stacks copied")?;
        }
        if uncopied > 0 {
            write!(
                formatter,
                ", {uncopied} not, because the ring was full of copies: \
                --site makes them fewer, frame pointers spare most"
            )?;
        }
        Ok(())
    }
}

impl Ending {
    /// Signals, from now on.
    pub(super) fn new() -> anyhow::Result<Self> {
        let on = |kind| signal(kind).context("cannot wait for signals");
        Ok(Self {
            interrupt: on(SignalKind::interrupt())?,
            terminate: on(SignalKind::terminate())?,
            deadline: None,
        })
    }

    /// And so long after now.
    pub(super) fn after(&mut self, duration: Option<Duration>) {
        self.deadline = duration.map(|duration| Instant::now() + duration);
    }

    /// Waits so long before the next look; says why, if the trace is over then.
    pub(super) async fn wait(
        &mut self,
        session: &mut Session,
        pause: Duration,
    ) -> io::Result<Option<Reason>> {
        let over = async {
            tokio::select! {
                _ = self.interrupt.recv() => Ok(Reason::Asked),
                _ = self.terminate.recv() => Ok(Reason::Asked),
                () = at(self.deadline) => Ok(Reason::TimeIsUp),
                ended = session.ended() => ended.map(|()| Reason::ProcessEnded),
            }
        };
        match timeout(pause, over).await {
            Ok(reason) => reason.map(Some),
            Err(_) => Ok(None),
        }
    }
}

/// How long to wait before the look after this one.
pub(super) fn pause_after(batch: &Batch) -> Duration {
    if batch.is_partial { MORE } else { LOOK_EVERY }
}

async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// Everything that is still in the ring, look by look.
pub(super) fn rest(
    session: &mut Session,
    mut take: impl FnMut(Batch) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    session.detach();
    for _ in 0..LAST_LOOKS {
        let batch = session.look()?;
        let is_partial = batch.is_partial;
        take(batch)?;
        if !is_partial {
            break;
        }
    }
    Ok(())
}

/// Writes every event until the trace ends.
pub(super) async fn stream(
    mut session: Session,
    mut ending: Ending,
    arguments: &Arguments,
) -> anyhow::Result<Summary> {
    let mut writer = Writer::new(&session, arguments);
    let mut reason = writer.begin()?;
    let mut pause = LOOK_EVERY;
    while reason.is_none() {
        reason = ending.wait(&mut session, pause).await?;
        if reason.is_none() {
            let batch = session.look()?;
            pause = pause_after(&batch);
            reason = writer.write(batch)?;
        }
    }
    let mut reason = reason.unwrap_or(Reason::Asked);
    if matches!(
        reason,
        Reason::Asked | Reason::TimeIsUp | Reason::ProcessEnded
    ) {
        rest(&mut session, |batch| {
            reason = writer.write(batch)?.unwrap_or(reason);
            Ok(())
        })?;
    }
    writer.end(reason)
}

/// The format and where its text goes.
struct Writer {
    format: Box<dyn trace::Format>,
    out: io::Stdout,
    text: String,
    left: Option<u64>,
    events: u64,
    lost: u64,
}

impl Writer {
    fn new(session: &Session, arguments: &Arguments) -> Self {
        let process = session.process();
        let format: Box<dyn trace::Format> = match arguments.format {
            Format::Text => Box::new(TextLines::default()),
            Format::Json => Box::new(JsonLines::new(clock::unix_offset_ns())),
            Format::Chrome => Box::new(Chrome::new(
                process.id.pid,
                &process.name,
                session.began_ns(),
            )),
        };
        Self {
            format,
            out: io::stdout(),
            text: String::new(),
            left: arguments.events,
            events: 0,
            lost: 0,
        }
    }

    fn begin(&mut self) -> anyhow::Result<Option<Reason>> {
        self.format.begin(&mut self.text);
        self.flush()
    }

    /// Writes a batch; says so if that was the last.
    fn write(&mut self, batch: Batch) -> anyhow::Result<Option<Reason>> {
        for event in &batch.events {
            if self.left == Some(0) {
                break;
            }
            self.left = self.left.map(|left| left - 1);
            self.events += 1;
            self.format.event(event, &mut self.text);
        }
        if batch.lost > 0 {
            self.lost += batch.lost;
            self.format.lost(batch.lost, &mut self.text);
        }
        let over = self.flush()?;
        let enough = (self.left == Some(0)).then_some(Reason::EnoughEvents);
        Ok(over.or(enough))
    }

    fn end(mut self, reason: Reason) -> anyhow::Result<Summary> {
        self.format.end(&mut self.text);
        self.flush()?;
        Ok(Summary {
            reason,
            events: self.events,
            copies: 0,
            uncopied: 0,
            lost: self.lost,
        })
    }

    /// A reader that has gone (`| head`) ends the trace and is no failure.
    fn flush(&mut self) -> anyhow::Result<Option<Reason>> {
        let written = self
            .out
            .write_all(self.text.as_bytes())
            .and_then(|()| self.out.flush());
        self.text.clear();
        match written {
            Ok(()) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                Ok(Some(Reason::NobodyReads))
            }
            Err(error) => Err(error).context("cannot write to stdout"),
        }
    }
}
