//! What ends a wait early: a time, a token, or both.

use std::time::Duration;

use runtime_abi::Reason;

use super::cause::Interrupted;
use super::token::{Registration, Token};
use crate::task::{self, TaskId};
use crate::time::{self, Instant, NEVER};

/// How often a thread that waits for a socket looks whether a token was cancelled.
#[cfg(not(any(miri, loom)))]
const THREAD_LOOK_NS: u64 = 20_000_000;

/// How long a wait may last: for a time, to a time, until a token is cancelled, or the first of
/// these.
///
/// Every call that parks has a form whose name ends in `_until` and that takes what turns into
/// this: a [`Duration`], an [`Instant`], a [`&Token`](Token). What is there already wins: such a
/// call fails only when it would have to wait. One that fails at once, because its end had come before,
/// lets other tasks run first: a loop that polls does not keep its worker to itself.
///
/// ```
/// use runtime::cancel::{Token, Until};
/// use std::time::Duration;
///
/// runtime::Runtime::run(|| {
///     let token = Token::new();
///     let both = Until::from(&token).or_after(Duration::from_millis(1));
///     assert!(both.wait().is_timeout());
/// });
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Until<'a> {
    deadline_ns: u64,
    token: Option<&'a Token>,
}

impl<'a> Until<'a> {
    /// Without an end: such a wait lasts as long as it takes.
    pub const FOREVER: Self = Self {
        deadline_ns: NEVER,
        token: None,
    };

    /// Ends also when this much time has passed from now on.
    #[must_use]
    pub fn or_after(self, time: Duration) -> Self {
        self.or_at(Instant::now() + time)
    }

    /// Ends also at this time.
    #[must_use]
    pub fn or_at(mut self, time: Instant) -> Self {
        self.deadline_ns = self.deadline_ns.min(time.as_ns());
        self
    }

    /// Parks until the end; tells which it was. A sleep that a token ends:
    /// `Until::from(&token).or_after(time).wait()`.
    ///
    /// A wait without an end never returns.
    pub fn wait(self) -> Interrupted {
        let (reason, resource) = match self.token {
            Some(token) => (Reason::Condvar, token.address()),
            None => (Reason::Sleep, 0),
        };
        let mut wait = Wait::new(self);
        loop {
            if let Err(interrupted) = wait.park(reason, resource, TaskId::NONE) {
                return interrupted;
            }
        }
    }

    /// An error once it is over.
    pub(crate) fn check(&self) -> Result<(), Interrupted> {
        if let Some(token) = self.token {
            token.check()?;
        }
        if self.deadline_ns != NEVER && time::now_ns() >= self.deadline_ns {
            return Err(Interrupted::TimedOut);
        }
        Ok(())
    }

    /// How long a thread that cannot be unparked may wait before it looks again; `None`: for ever.
    #[cfg(not(any(miri, loom)))]
    pub(crate) fn thread_wait_ns(&self) -> Option<u64> {
        let left_ns = match self.end_ns() {
            NEVER => None,
            end_ns => Some(end_ns.saturating_sub(time::now_ns())),
        };
        match self.token {
            Some(_) => Some(left_ns.map_or(THREAD_LOOK_NS, |left_ns| left_ns.min(THREAD_LOOK_NS))),
            None => left_ns,
        }
    }

    /// The earliest end by the clock.
    fn end_ns(&self) -> u64 {
        let token_ns = self.token.map_or(NEVER, Token::deadline_ns);
        token_ns.min(self.deadline_ns)
    }
}

impl From<Duration> for Until<'_> {
    fn from(time: Duration) -> Self {
        Self::FOREVER.or_after(time)
    }
}

impl From<Instant> for Until<'_> {
    fn from(time: Instant) -> Self {
        Self::FOREVER.or_at(time)
    }
}

impl<'a> From<&'a Token> for Until<'a> {
    fn from(token: &'a Token) -> Self {
        Self {
            token: Some(token),
            ..Self::FOREVER
        }
    }
}

/// One call's wait: parks as often as the call wants, and leaves the token when it is dropped.
pub(crate) struct Wait<'a> {
    until: Until<'a>,
    registration: Option<Registration<'a>>,
    /// Whether others had a turn since it began.
    has_left: bool,
}

impl<'a> Wait<'a> {
    pub(crate) fn new(until: Until<'a>) -> Self {
        Self {
            until,
            registration: None,
            has_left: false,
        }
    }

    /// Like [`task::park`], and returns by the end of the wait at the latest. The caller looks
    /// at what it waits for before it parks again.
    ///
    /// # Errors
    ///
    /// If the wait is over; then it has not parked, but if it never has, others had a turn.
    pub(crate) fn park(
        &mut self,
        reason: Reason,
        resource: usize,
        owner: TaskId,
    ) -> Result<(), Interrupted> {
        if let Err(interrupted) = self.until.check() {
            self.give_way();
            return Err(interrupted);
        }
        if let (Some(token), None) = (self.until.token, &self.registration) {
            self.registration = token.register(task::waiter());
            if self.registration.is_none() {
                // Cancelled since the look above.
                return self.until.check();
            }
        }
        self.has_left = true;
        match self.until.end_ns() {
            NEVER => task::park(reason, resource, owner),
            end_ns => {
                let left_ns = end_ns.saturating_sub(time::now_ns());
                task::park_timeout(reason, resource, owner, Duration::from_nanos(left_ns));
            }
        }
        Ok(())
    }

    /// Lets others run if it never parked: see [`give_way`].
    pub(crate) fn give_way(&mut self) {
        if !std::mem::replace(&mut self.has_left, true) {
            give_way();
        }
    }
}

/// Lets others run in place of a wait that is over before it began, as a sleep of no time does.
/// Otherwise a task that waits in a loop, each time for less than it takes to wait, would be a hog,
/// and so would be everybody who polls: what they poll for came only with the next time slice of
/// the kernel.
pub(crate) fn give_way() {
    // A yield of loom's would hide what other threads may do before it.
    if cfg!(loom) && task::current().is_none() {
        return;
    }
    task::yield_now();
}
