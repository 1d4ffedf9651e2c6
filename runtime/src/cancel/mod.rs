//! Cancellation: telling tasks to stop, and waits that end early.
//!
//! Nothing is stopped by force: a task that is told to stop returns by itself. It learns of it
//! where it waits, by an error, or where it asks.
//!
//! * A [`Token`] is what is cancelled, with all tokens below it. Pass it on, or let it be
//!   inherited: [`current`] is the calling task's token, a child of its spawner's.
//! * Every call that parks has a form ending in `_until` that takes an [`Until`]: a duration, a
//!   time, a token, or several of them.
//! * [`timeout`] and [`deadline`] bound what is done in a closure, [`sleep`] is a sleep that
//!   ends when the task is told to stop, [`check`] is for loops that never wait.
//! * [`JoinHandle::cancel`](crate::JoinHandle::cancel) tells one task.
//!
//! ```
//! use runtime::{Runtime, cancel, chan, spawn};
//!
//! Runtime::run(|| {
//!     let (requests, inbox) = chan::bounded::<u32>(1);
//!     let server = spawn(move || {
//!         let token = cancel::current();
//!         let mut served = 0;
//!         while inbox.recv_until(&token).is_ok() {
//!             served += 1;
//!         }
//!         served
//!     });
//!     requests.send(7).unwrap();
//!     while !requests.is_empty() {
//!         runtime::yield_now();
//!     }
//!     server.cancel();
//!     assert_eq!(server.join().unwrap(), 1);
//! });
//! ```

mod cause;
mod token;
mod until;

use std::time::Duration;

pub use cause::{Cancelled, Cause, Interrupted};
pub(crate) use token::Registration;
pub use token::{CancelOnDrop, Token};
pub use until::Until;
#[allow(
    unused_imports,
    reason = "the primitives' `_until` calls are built from it"
)]
pub(crate) use until::{Wait, give_way};

use crate::task::{self, TaskId, TaskLocal, local::Entry};
use crate::time::Instant;

/// The token that a task works under, and whose it is: an inherited one is its spawner's.
static CURRENT: TaskLocal<Owned> = TaskLocal::new();

#[derive(Clone)]
struct Owned {
    token: Token,
    task: TaskId,
}

/// The token of the calling task: that of the innermost [`Token::run`], [`timeout`] or
/// [`deadline`] that it is in, or else its own, a child of its spawner's.
///
/// A task's own token is made when the task first asks for it, so that those that never do pay
/// nothing. Tasks that it spawned before that inherited its spawner's.
#[must_use]
pub fn current() -> Token {
    let inherited = CURRENT.get();
    let me = task::current_or_none();
    let above = match inherited {
        Some(owned) if owned.task == me => return owned.token,
        above => above.map(|owned| owned.token),
    };
    let own = above.map_or_else(Token::new, |above| above.child());
    let token = task::own_token(own);
    CURRENT.set(Owned {
        token: token.clone(),
        task: me,
    });
    token
}

/// Since when a task has been told to stop, by its own token or by the innermost that it works
/// under, whichever was cancelled first.
pub(crate) fn since_ns(own: Option<&Token>, locals: Option<&[Entry]>) -> Option<u64> {
    let innermost = locals.and_then(|locals| CURRENT.find_in(locals));
    let tokens = [own, innermost.map(|owned| &owned.token)];
    let since = tokens.into_iter().flatten();
    since.filter_map(Token::cancelled_since_ns).min()
}

/// An error once the calling task's token is cancelled.
///
/// # Errors
///
/// If [`current`] is cancelled.
pub fn check() -> Result<(), Cancelled> {
    current().check()
}

/// Like [`crate::sleep`], and ends when the calling task's token is cancelled.
///
/// # Errors
///
/// If [`current`] is cancelled, before or meanwhile.
pub fn sleep(time: Duration) -> Result<(), Cancelled> {
    let token = current();
    match Until::from(&token).or_after(time).wait() {
        Interrupted::TimedOut => Ok(()),
        Interrupted::Cancelled(cancelled) => Err(cancelled),
    }
}

/// Runs `inside` under a token that is cancelled after this time at the latest, and when
/// `inside` has returned: tasks that it leaves behind are told to stop.
///
/// Nothing is stopped by force: `inside` itself returns when what it waits for looks at
/// [`current`].
pub fn timeout<R>(time: Duration, inside: impl FnOnce() -> R) -> R {
    deadline(Instant::now() + time, inside)
}

/// [`timeout`] with a point in time.
pub fn deadline<R>(time: Instant, inside: impl FnOnce() -> R) -> R {
    let token = current().child_until(time);
    let _told_on_drop = token.clone().cancel_on_drop();
    token.run(inside)
}

impl Token {
    /// Runs `inside` with this as the calling task's [`current`] token, which tasks that are
    /// spawned meanwhile inherit.
    pub fn run<R>(&self, inside: impl FnOnce() -> R) -> R {
        let owned = Owned {
            token: self.clone(),
            task: task::current_or_none(),
        };
        CURRENT.scope(owned, inside)
    }
}
