//! The tree of tokens.
//!
//! A node knows its parent strongly and its children weakly. Cancelling takes the waiters and
//! children of a node out under its lock, and goes on with each child: what is registered later
//! finds the cause instead. So a token that is seen as cancelled has a cause, and whoever is
//! registered when it is cancelled is woken.
//!
//! A deadline needs no timer: it is a number that whoever looks compares with the clock, and
//! whoever waits takes as the end of the wait.

use std::fmt;
use std::mem::take;
use std::sync::PoisonError;
use std::time::Duration;

use slab::Slab;

use super::cause::{Cancelled, Cause, Interrupted};
use super::until::Until;
use crate::primitive::static_atomic::{AtomicBool, Ordering};
use crate::primitive::static_sync::{Arc, Mutex, MutexGuard, Weak};
use crate::task::Waiter;
use crate::time::{self, Instant, NEVER};

/// Tells tasks to stop: cancelled once, for ever, with a cause, and with it all tokens below.
///
/// A token is a handle: clones are the same token. It stops nobody by force. It ends the waits
/// that look at it (every parking call has a form that does, see [`Until`]), and loops ask
/// [`Token::check`].
///
/// ```
/// use runtime::{Runtime, cancel::Token, chan, spawn};
///
/// Runtime::run(|| {
///     let server = Token::new();
///     let request = server.child();
///     let handler = {
///         let request = request.clone();
///         spawn(move || request.wait().to_string())
///     };
///     server.cancel();
///     assert_eq!(handler.join().unwrap(), "cancelled: it was asked for");
///     assert!(request.is_cancelled());
/// });
/// ```
#[derive(Clone)]
pub struct Token(Arc<Node>);

struct Node {
    /// Set after the cause, under the lock; read without it.
    cancelled: AtomicBool,
    /// The earliest deadline from here up, in nanoseconds of the runtime's clock.
    deadline_ns: u64,
    state: Mutex<State>,
    parent: Option<Parent>,
}

struct Parent {
    node: Arc<Node>,
    /// The place of this node among the parent's children.
    place: usize,
}

#[derive(Default)]
struct State {
    cause: Option<Cause>,
    /// When that was.
    cancelled_ns: u64,
    waiters: Slab<Waiter>,
    children: Slab<Weak<Node>>,
}

/// The place of a waiter, which it leaves on drop.
pub(crate) struct Registration<'a> {
    token: &'a Token,
    place: usize,
}

/// Cancels a token when it is dropped.
#[derive(Debug)]
#[must_use = "the token is cancelled when the guard is dropped"]
pub struct CancelOnDrop {
    token: Option<Token>,
}

impl Token {
    /// A token of its own, without a deadline.
    #[must_use]
    pub fn new() -> Self {
        Self::root(NEVER)
    }

    fn root(deadline_ns: u64) -> Self {
        Self(Arc::new(Node {
            cancelled: AtomicBool::new(false),
            deadline_ns,
            state: Mutex::default(),
            parent: None,
        }))
    }

    /// A token below this one: cancelled with it, and alone by its own `cancel`.
    #[must_use]
    pub fn child(&self) -> Self {
        self.child_before(NEVER)
    }

    /// A child that is cancelled at this time at the latest.
    #[must_use]
    pub fn child_until(&self, deadline: Instant) -> Self {
        self.child_before(deadline.as_ns())
    }

    /// A child that is cancelled after this time at the latest.
    #[must_use]
    pub fn child_for(&self, timeout: Duration) -> Self {
        self.child_until(Instant::now() + timeout)
    }

    fn child_before(&self, deadline_ns: u64) -> Self {
        let mut state = self.0.lock();
        let (cause, cancelled_ns) = (state.cause.clone(), state.cancelled_ns);
        let place = state.children.vacant_key();
        let node = Arc::new(Node {
            cancelled: AtomicBool::new(cause.is_some()),
            deadline_ns: deadline_ns.min(self.0.deadline_ns),
            state: Mutex::new(State {
                cause,
                cancelled_ns,
                ..State::default()
            }),
            parent: Some(Parent {
                node: Arc::clone(&self.0),
                place,
            }),
        });
        state.children.insert(Arc::downgrade(&node));
        Self(node)
    }

    /// Cancels this token and all below it. Does nothing if it is cancelled.
    pub fn cancel(&self) {
        self.end(Cause::Asked);
    }

    /// Cancels this token and all below it, with an error as the cause. The first cause stays.
    pub fn cancel_because(&self, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) {
        self.end(Cause::failed(error));
    }

    /// Cancels the token when the guard is dropped.
    pub fn cancel_on_drop(self) -> CancelOnDrop {
        CancelOnDrop { token: Some(self) }
    }

    pub(crate) fn end(&self, cause: Cause) {
        let now_ns = time::now_ns();
        let mut below = vec![Arc::clone(&self.0)];
        while let Some(node) = below.pop() {
            let Some((waiters, children)) = node.cancel(&cause, now_ns) else {
                continue;
            };
            // With no lock held: waking queues a task.
            for (_, waiter) in waiters {
                waiter.unpark();
            }
            below.extend(children.iter().filter_map(|(_, child)| child.upgrade()));
        }
    }

    /// Whether it is cancelled. A load, and a look at the clock if there is a deadline.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::Acquire) || self.expire()
    }

    /// Why it is cancelled, if it is.
    #[must_use]
    pub fn cause(&self) -> Option<Cause> {
        let cancelled = self.is_cancelled();
        cancelled.then(|| self.0.lock().cause.clone()).flatten()
    }

    /// An error once it is cancelled: for loops that do not wait.
    ///
    /// # Errors
    ///
    /// If it is cancelled.
    pub fn check(&self) -> Result<(), Cancelled> {
        self.cause()
            .map_or(Ok(()), |cause| Err(Cancelled::new(cause)))
    }

    /// When it will be cancelled at the latest; `None` if it has no deadline.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let deadline_ns = self.0.deadline_ns;
        (deadline_ns != NEVER).then(|| Instant::from_ns(deadline_ns))
    }

    /// Parks until it is cancelled.
    pub fn wait(&self) -> Cancelled {
        match Until::from(self).wait() {
            Interrupted::Cancelled(cancelled) => cancelled,
            Interrupted::TimedOut => unreachable!("the wait has no time of its own"),
        }
    }

    /// Since when it is cancelled, by the clock of the deadlines. A deadline that has passed counts
    /// although nobody has looked.
    pub(crate) fn cancelled_since_ns(&self) -> Option<u64> {
        let state = self.0.lock();
        let asked_ns = state.cause.as_ref().map(|_| state.cancelled_ns);
        drop(state);
        let deadline_ns = self.0.deadline_ns;
        let passed_ns = (deadline_ns <= time::now_ns()).then_some(deadline_ns);
        asked_ns.into_iter().chain(passed_ns).min()
    }

    pub(crate) fn deadline_ns(&self) -> u64 {
        self.0.deadline_ns
    }

    /// Registers a waiter, unless the token is cancelled.
    pub(crate) fn register(&self, waiter: Waiter) -> Option<Registration<'_>> {
        let mut state = self.0.lock();
        if state.cause.is_some() {
            return None;
        }
        let place = state.waiters.insert(waiter);
        Some(Registration { token: self, place })
    }

    /// What parks name as their resource.
    pub(super) fn address(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    fn expire(&self) -> bool {
        let deadline_ns = self.0.deadline_ns;
        let expired = deadline_ns != NEVER && time::now_ns() >= deadline_ns;
        if expired {
            self.end(Cause::DeadlinePassed);
        }
        expired
    }
}

impl Node {
    /// Gives what is to be told, or `None` if it was cancelled before.
    fn cancel(&self, cause: &Cause, now_ns: u64) -> Option<(Slab<Waiter>, Slab<Weak<Self>>)> {
        let mut state = self.lock();
        if state.cause.is_some() {
            return None;
        }
        state.cause = Some(cause.clone());
        state.cancelled_ns = now_ns;
        // Release: who sees the flag finds the cause.
        self.cancelled.store(true, Ordering::Release);
        Some((take(&mut state.waiters), take(&mut state.children)))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // A loop: a chain of parents may be long, and the stack that this runs on is a task's.
        let mut next = self.parent.take();
        while let Some(Parent { node, place }) = next {
            // Gone already if the parent was cancelled.
            let child = node.lock().children.try_remove(place);
            drop(child);
            next = Arc::into_inner(node).and_then(|mut node| node.parent.take());
        }
    }
}

impl Drop for Registration<'_> {
    fn drop(&mut self) {
        // Gone already if the token was cancelled.
        let waiter = self.token.0.lock().waiters.try_remove(self.place);
        drop(waiter);
    }
}

impl CancelOnDrop {
    /// The token, which is then not cancelled.
    #[must_use]
    pub fn disarm(mut self) -> Token {
        self.token.take().expect("a guard has its token until here")
    }
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        if let Some(token) = &self.token {
            token.cancel();
        }
    }
}

impl Default for Token {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("cause", &self.0.lock().cause)
            .field("deadline", &self.deadline())
            .finish()
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
