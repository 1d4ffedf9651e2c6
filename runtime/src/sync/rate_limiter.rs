//! A rate limiter: tokens come in at a steady rate, and who wants to do something takes some.
//!
//! The arithmetic is in `bucket`. Here is the line of those who wait: only the first looks at the
//! clock, with a timer for the time at which its tokens are there; who was first and leaves, served
//! or not, wakes the next, who is first now. So requests are served in the order in which they came,
//! and one that gives up has taken nothing.
//!
//! Rejected: giving each waiter its time when it comes (one park less, but one that gives up
//! would leave a gap, or all behind it would have to be told).

use std::fmt;
use std::sync::PoisonError;
use std::time::Duration;

use runtime_abi::Reason;

use super::uninterrupted;
use super::wait_queue::{Ticket, WaitQueue};
use crate::cancel::{Interrupted, Until, Wait};
use crate::primitive;
use crate::sys::clock;
use crate::task::{self, TaskId, Waiter, place::in_place};
use crate::time::{self, Instant};

mod bucket;

use bucket::Bucket;

/// Bounds how often something is done: a bucket of tokens that fills at a steady rate.
///
/// The bucket begins full. Up to its burst may be done at once, and over a longer time as much
/// as the rate allows, without drift: a task that goes on late does not delay those that follow.
///
/// A task for which too few tokens are there is parked with reason `sleep` and this limiter's
/// address. Requests are served in the order in which they came. A task that is abandoned because
/// its runtime ended is forgotten.
///
/// Each request takes an uncontended lock for a moment, and reads the clock.
///
/// # Examples
///
/// ```
/// use runtime::sync::RateLimiter;
/// use std::time::{Duration, Instant};
///
/// // A thousand a second, and ten at once.
/// let limiter = RateLimiter::per_second(1_000, 10);
/// let begin = Instant::now();
/// for _ in 0..13 {
///     limiter.acquire(1);
/// }
/// assert!(begin.elapsed() >= Duration::from_millis(2));
/// ```
pub struct RateLimiter {
    state: primitive::Mutex<State>,
    burst: u64,
}

struct State {
    bucket: Bucket,
    waiting: WaitQueue,
}

/// What a look at the limiter came to.
#[must_use]
enum Look {
    /// And who is first now.
    Acquired(Option<Waiter>),
    /// Until this time, if the caller is first.
    Wait(Option<u64>),
}

impl RateLimiter {
    /// So many tokens a second, and at most `burst` at once.
    ///
    /// # Panics
    ///
    /// If either is zero.
    #[must_use]
    pub fn per_second(tokens: u64, burst: u64) -> Self {
        Self::new(tokens, Duration::from_secs(1), burst)
    }

    /// So many tokens in each such time, and at most `burst` at once.
    ///
    /// # Panics
    ///
    /// If one of these is zero.
    #[must_use]
    pub fn new(tokens: u64, per: Duration, burst: u64) -> Self {
        let per_ns = clock::duration_ns(per);
        assert!(
            tokens > 0 && per_ns > 0 && burst > 0,
            "a limiter that never lets anything through, or everything: use a rate above zero, \
             and a burst of at least what is acquired at once"
        );
        Self {
            state: primitive::Mutex::new(State {
                bucket: Bucket::new(tokens, per_ns, burst, time::now_ns()),
                waiting: WaitQueue::new(),
            }),
            burst,
        }
    }

    /// Takes so many tokens, parking until they are there and it is the caller's turn.
    ///
    /// # Panics
    ///
    /// If these are more than the burst: they are never there at once.
    pub fn acquire(&self, tokens: u64) {
        uninterrupted(self.acquire_for(tokens, Until::FOREVER));
    }

    /// Takes so many tokens if they are there and nobody waits; whether it did.
    ///
    /// # Panics
    ///
    /// If these are more than the burst: they are never there at once.
    #[must_use]
    pub fn try_acquire(&self, tokens: u64) -> bool {
        self.check(tokens);
        self.with_state(|state| state.take(tokens, time::now_ns()))
    }

    /// Like [`acquire`](Self::acquire), but waits no longer than `until`: then it takes nothing.
    ///
    /// # Errors
    ///
    /// If the wait is over.
    ///
    /// # Panics
    ///
    /// If these are more than the burst: they are never there at once.
    ///
    /// ```
    /// use runtime::sync::RateLimiter;
    /// use std::time::Duration;
    ///
    /// let hourly = RateLimiter::new(1, Duration::from_secs(3_600), 1);
    /// assert!(hourly.acquire_until(1, Duration::ZERO).is_ok());
    /// let error = hourly.acquire_until(1, Duration::from_millis(1)).unwrap_err();
    /// assert!(error.is_timeout());
    /// ```
    pub fn acquire_until<'u>(
        &self,
        tokens: u64,
        until: impl Into<Until<'u>>,
    ) -> Result<(), Interrupted> {
        self.acquire_for(tokens, until.into())
    }

    /// The most tokens that can be taken at once.
    #[must_use]
    pub fn burst(&self) -> u64 {
        self.burst
    }

    fn acquire_for(&self, tokens: u64, until: Until<'_>) -> Result<(), Interrupted> {
        self.check(tokens);
        let mut place = Place {
            limiter: self,
            ticket: None,
        };
        loop {
            match self.look(tokens, &mut place) {
                Look::Acquired(next) => {
                    unpark(next);
                    return Ok(());
                }
                Look::Wait(ready_ns) => {
                    until.check()?;
                    place.park(until, ready_ns);
                }
            }
        }
    }

    fn check(&self, tokens: u64) {
        assert!(
            tokens <= self.burst,
            "{tokens} tokens are never there at once: the burst is {}",
            self.burst
        );
    }

    fn look(&self, tokens: u64, place: &mut Place<'_>) -> Look {
        self.with_state(|state| {
            let now_ns = time::now_ns();
            let Some(ticket) = place.ticket else {
                if state.take(tokens, now_ns) {
                    return Look::Acquired(None);
                }
                let ticket = state.waiting.join(task::waiter());
                place.ticket = Some(ticket);
                return state.serve(ticket, tokens, now_ns);
            };
            state.serve(ticket, tokens, now_ns)
        })
        .noted(place)
    }

    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    fn with_state<R>(&self, look: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        look(&mut state)
    }
}

impl Look {
    /// One that is served is in the line no more.
    fn noted(self, place: &mut Place<'_>) -> Self {
        if let Self::Acquired(_) = self {
            place.ticket = None;
        }
        self
    }
}

impl State {
    /// Past nobody.
    fn take(&mut self, tokens: u64, now_ns: u64) -> bool {
        self.waiting.is_empty() && self.bucket.take(tokens, now_ns)
    }

    fn serve(&mut self, ticket: Ticket, tokens: u64, now_ns: u64) -> Look {
        if !self.waiting.is_first(ticket) {
            return Look::Wait(None);
        }
        match self.bucket.serve(tokens, now_ns) {
            Ok(()) => Look::Acquired(self.leave(ticket)),
            Err(ready_ns) => Look::Wait(Some(ready_ns)),
        }
    }

    /// Takes one out of the line; whoever has become first by that has to look.
    fn leave(&mut self, ticket: Ticket) -> Option<Waiter> {
        let was_first = self.waiting.is_first(ticket);
        // It is in the line: nobody is taken out by others.
        let _ = self.waiting.leave(ticket);
        let next = self.waiting.waiters().next().filter(|_| was_first);
        next.cloned()
    }
}

impl fmt::Debug for RateLimiter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RateLimiter")
            .field("burst", &self.burst)
            .finish_non_exhaustive()
    }
}

/// A waiter's place in the line; dropped with a ticket only where no tokens were taken.
struct Place<'a> {
    limiter: &'a RateLimiter,
    ticket: Option<Ticket>,
}

impl Place<'_> {
    /// Parks until the end of the wait, or until the tokens are there; the next look tells.
    fn park(&self, until: Until<'_>, ready_ns: Option<u64>) {
        let until = ready_ns.map_or(until, |ns| until.or_at(Instant::from_ns(ns)));
        let mut wait = Wait::new(until);
        let address = self.limiter.address();
        let _why = in_place(self, || wait.park(Reason::Sleep, address, TaskId::NONE));
    }
}

impl task::place::Place for Place<'_> {
    fn give_up(&self) {
        if let Some(ticket) = self.ticket {
            unpark(self.limiter.with_state(|state| state.leave(ticket)));
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        task::place::Place::give_up(self);
    }
}

fn unpark(next: Option<Waiter>) {
    if let Some(waiter) = next {
        waiter.unpark();
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
