//! The operations that end a wait: a time, a token. Nobody chooses them: whoever selects looks
//! at the clock and at the token itself.

use std::time::Duration;

use super::operation::{Lined, Outcome, Place, Steps};
use crate::cancel::{Cancelled, Registration, Token};
use crate::time::Instant;

/// Takes place when a time has come: `After::from` a [`Duration`], which begins there and then,
/// or an [`Instant`] of the runtime or of `std`.
///
/// ```
/// use runtime::chan::{self, select::{After, Select}};
/// use std::time::Duration;
///
/// let (_sender, receiver) = chan::bounded::<u32>(1);
/// let (mut receiving, mut after) = (receiver.receiving(), After::from(Duration::from_millis(1)));
/// let mut select = Select::new();
/// select.add(&mut receiving);
/// let timed_out = select.add(&mut after);
/// assert_eq!(select.wait(), timed_out);
/// ```
#[derive(Clone, Debug)]
#[must_use = "it does nothing unless it is added to a select"]
pub struct After {
    time: Instant,
    is_over: bool,
}

/// Takes place when a token is cancelled.
///
/// ```
/// use runtime::cancel::Token;
/// use runtime::chan::select::{CancelledBy, Select};
///
/// let token = Token::new();
/// token.cancel_because("the disk is full");
/// let mut cancelled = CancelledBy::from(&token);
/// let mut select = Select::new();
/// select.add(&mut cancelled);
/// assert_eq!(select.wait(), 0);
/// assert_eq!(cancelled.take().unwrap().to_string(), "cancelled: the disk is full");
/// ```
#[must_use = "it does nothing unless it is added to a select"]
pub struct CancelledBy<'a> {
    token: &'a Token,
    /// Its place among those that the token wakes.
    registration: Option<Registration<'a>>,
    outcome: Option<Cancelled>,
}

impl From<Instant> for After {
    fn from(time: Instant) -> Self {
        Self {
            time,
            is_over: false,
        }
    }
}

impl From<std::time::Instant> for After {
    fn from(time: std::time::Instant) -> Self {
        Instant::from(time).into()
    }
}

impl From<Duration> for After {
    fn from(time: Duration) -> Self {
        (Instant::now() + time).into()
    }
}

impl<'a> From<&'a Token> for CancelledBy<'a> {
    fn from(token: &'a Token) -> Self {
        Self {
            token,
            registration: None,
            outcome: None,
        }
    }
}

impl CancelledBy<'_> {
    /// Why the token is cancelled; `None` if this operation has not taken place, or was asked
    /// before.
    pub fn take(&mut self) -> Option<Cancelled> {
        self.outcome.take()
    }
}

impl Steps for After {
    fn attempt(&mut self) -> bool {
        self.is_over |= Steps::is_over(self);
        self.is_over
    }

    fn line_up(&mut self, _place: &Place<'_>) -> Lined {
        Lined::AtEnd
    }

    fn leave(&mut self) -> bool {
        false
    }

    fn pass_on(&self, _chosen: bool) {}

    fn is_over(&self) -> bool {
        self.time <= Instant::now()
    }

    fn end_ns(&self) -> u64 {
        self.time.as_ns()
    }
}

impl Steps for CancelledBy<'_> {
    fn attempt(&mut self) -> bool {
        if self.outcome.is_none() {
            self.outcome = self.token.check().err();
        }
        self.outcome.is_some()
    }

    fn line_up(&mut self, place: &Place<'_>) -> Lined {
        self.registration = self.token.register(place.claim.waiter().clone());
        match self.registration {
            Some(_) => Lined::AtEnd,
            None => Lined::Ready,
        }
    }

    fn leave(&mut self) -> bool {
        self.registration = None;
        false
    }

    /// Stays registered: the token wakes a task that is gone, which does nothing.
    fn pass_on(&self, _chosen: bool) {}

    fn is_over(&self) -> bool {
        self.token.is_cancelled()
    }

    fn end_ns(&self) -> u64 {
        self.token.deadline_ns()
    }
}

impl Outcome for After {
    type Value = ();

    fn outcome(&mut self) -> Option<()> {
        self.is_over.then_some(())
    }
}

impl Outcome for CancelledBy<'_> {
    type Value = Cancelled;

    fn outcome(&mut self) -> Option<Cancelled> {
        self.take()
    }
}

impl std::fmt::Debug for CancelledBy<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("CancelledBy")
            .field("token", self.token)
            .finish_non_exhaustive()
    }
}
