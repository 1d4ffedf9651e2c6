//! What a stress program is made of: plain data, made by `generate.rs`, carried out by the others.
//!
//! Numbers of channels, locks and the like are taken modulo how many there are, so every program
//! is a valid one. Every program ends by itself: whoever waits without an end waits for something
//! that somebody is bound to do (see `World`), so a program that does not end has met a bug.

use std::sync::Arc;

use runtime::cancel::{Token, Until};
use std::time::Duration;

/// One program.
#[derive(Clone, Debug, PartialEq)]
pub struct Program {
    pub mode: Mode,
    pub channels: Vec<ChannelKind>,
    /// In the order in which they may be held together.
    pub locks: Vec<LockKind>,
    /// What drains the channels; the first ones drain the channel of their own number.
    pub drains: Vec<DrainPlan>,
    pub tasks: Vec<TaskPlan>,
}

/// Who schedules.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mode {
    /// A seed: threads and blocking calls are replaced by what a simulation can schedule.
    Simulated,
    /// So many workers, in real time.
    Workers(usize),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ChannelKind {
    Rendezvous,
    Bounded(usize),
    Unbounded,
    /// A queue of this capacity behind a mutex with two condition variables.
    Monitored(usize),
    /// A queue that tells of its messages by a `Notify`.
    Notified,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LockKind {
    Mutex,
    ReadWrite,
    Semaphore(usize),
}

/// One receiver of messages.
#[derive(Clone, Debug, PartialEq)]
pub struct DrainPlan {
    pub host: Host,
    pub way: DrainWay,
    /// Beside the channel of its own number.
    pub also: Vec<u8>,
    /// Leaves after so many messages, whatever is left.
    pub most: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum DrainWay {
    Iterate,
    /// Waits this many microseconds at a time.
    Until(u16),
    /// Tries, and lets others run where there is nothing.
    Try,
    /// Selects over all its channels.
    Select,
    /// The same, this many microseconds at a time.
    SelectUntil(u16),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Host {
    Task,
    Thread,
}

#[derive(Clone, Debug, PartialEq)]
pub struct TaskPlan {
    pub host: Host,
    pub steps: Steps,
    /// Told to stop after this many microseconds.
    pub cancelled_after: Option<u16>,
}

/// Shared, because tasks own what they do.
pub type Steps = Arc<[Step]>;

/// One thing that a task does. Times are in microseconds.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    Yield,
    Sleep(u16),
    /// A sleep that a token ends.
    SleepUnlessCancelled(u16),
    Tick {
        period: u16,
        ticks: u8,
    },
    Block(u16),
    Cancel,
    Panic,
    Send {
        channel: u8,
        patience: Patience,
    },
    TrySend {
        channel: u8,
    },
    /// Sends the same to whichever takes it first.
    SelectSend {
        channels: Vec<u8>,
        patience: Patience,
    },
    /// One answer from a task; whether it comes.
    Ask {
        answers: bool,
        patience: Patience,
    },
    Limited(Patience),
    /// Makes or awaits what is made once; whether making it panics.
    Once {
        number: u8,
        panics: bool,
    },
    AwaitOnce(u8, Patience),
    /// Holds a lock meanwhile.
    Hold {
        lock: u8,
        share: Share,
        patience: Patience,
        body: Steps,
    },
    /// Has an object of the pool meanwhile; whether it comes back.
    Pooled {
        comes_back: bool,
        body: Steps,
    },
    Timeout(u16, Steps),
    /// Meets others of its own making, so many times.
    Meet {
        others: u8,
        rounds: u8,
    },
    Children(Children, Vec<Steps>),
}

/// How much of a lock is taken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Share {
    /// Alone: to write, or all permits.
    All,
    /// To read, or so many permits.
    Some(u8),
}

/// How children are spawned, and waited for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Children {
    /// Joined at the end of the task.
    JoinedLate,
    /// Let go; a panic of theirs is nobody's.
    Detached,
    Scope,
    /// Whether they are told to stop.
    JoinSet(bool),
    /// With a limit; a panic or a failure of one cancels the others.
    Group(u8),
    WaitGroup(Patience),
    WorkerPool(u8),
    /// On threads outside of the runtime.
    Threads,
}

/// How long a wait may last.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Patience {
    Forever,
    Microseconds(u16),
    /// Until the task is told to stop.
    Token,
}

impl Patience {
    /// As the primitives take it; `token` is the caller's.
    pub fn until(self, token: &Token) -> Until<'_> {
        match self {
            Self::Forever => Until::FOREVER,
            Self::Microseconds(time) => Until::from(microseconds(time)),
            Self::Token => Until::from(token),
        }
    }
}

/// A duration of a program.
pub fn microseconds(time: u16) -> Duration {
    Duration::from_micros(time.into())
}

impl Program {
    /// What an index of a program stands for.
    pub fn pick<T>(from: &[T], index: u8) -> &T {
        &from[usize::from(index) % from.len()]
    }
}
