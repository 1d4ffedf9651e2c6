//! A wait group: waits until every clone of it is gone.

use std::fmt;
use std::sync::PoisonError;

use runtime_abi::Reason;

use super::error::WaitGroupError;
use super::uninterrupted;
use super::wait_queue::{Ticket, WaitQueue};
use crate::cancel::{Interrupted, Until, Wait};
use crate::primitive::{self, Arc};
use crate::task::{self, TaskId};

/// Waits for a number of tasks to get somewhere: each holds a clone and drops it there.
///
/// A waiting task is parked with reason `wait_group`, the group's address and the task that
/// cloned it last. A member on the stack of a task that was abandoned because its runtime ended
/// never leaves; see [the module](super).
///
/// # Examples
///
/// ```
/// use runtime::sync::WaitGroup;
///
/// runtime::Builder::new().workers(2).run(|| {
///     let group = WaitGroup::new();
///     for _ in 0..10 {
///         let member = group.clone();
///         runtime::spawn(move || drop(member));
///     }
///     group.wait();
/// });
/// ```
pub struct WaitGroup {
    group: Arc<Group>,
}

struct Group {
    state: primitive::Mutex<State>,
}

struct State {
    members: usize,
    last_added_by: TaskId,
    waiting: WaitQueue,
}

impl WaitGroup {
    /// A group of one: the returned handle.
    pub fn new() -> Self {
        let state = State {
            members: 1,
            last_added_by: TaskId::NONE,
            waiting: WaitQueue::new(),
        };
        Self {
            group: Arc::new(Group {
                state: primitive::Mutex::new(state),
            }),
        }
    }

    /// Leaves the group and waits until every other member has left.
    pub fn wait(self) {
        let group = Arc::clone(&self.group);
        drop(self);
        uninterrupted(group.wait(Until::FOREVER));
    }

    /// Like [`wait`](Self::wait), but for no longer than `until`: then the handle is a member of
    /// the group again, as if it had never left.
    ///
    /// # Errors
    ///
    /// If the wait ended before every other member had left; the error holds the handle.
    ///
    /// ```
    /// use runtime::sync::WaitGroup;
    /// use std::time::Duration;
    ///
    /// let group = WaitGroup::new();
    /// let member = group.clone();
    /// let error = group.wait_until(Duration::from_millis(1)).unwrap_err();
    /// assert!(error.interrupted.is_timeout());
    /// drop(member);
    /// error.group.wait();
    /// ```
    pub fn wait_until<'a>(self, until: impl Into<Until<'a>>) -> Result<(), WaitGroupError> {
        let group = Arc::clone(&self.group);
        drop(self);
        group
            .wait(until.into())
            .map_err(|interrupted| WaitGroupError {
                group: Self { group },
                interrupted,
            })
    }
}

impl State {
    /// Lines up while there are members; gives the owner to park with.
    fn wait_as(&mut self, ticket: &mut Option<Ticket>) -> Option<TaskId> {
        if self.members == 0 {
            return None;
        }
        if ticket.is_none_or(|ticket| !self.waiting.holds(ticket)) {
            *ticket = Some(self.waiting.join(task::waiter()));
        }
        Some(self.last_added_by)
    }

    fn add_member(&mut self) {
        self.members += 1;
        self.last_added_by = task::current_or_none();
    }

    /// Leaves the line and is a member again, unless nobody is one any more: that is final.
    fn rejoin(&mut self, ticket: Option<Ticket>) -> bool {
        if self.members == 0 {
            return false;
        }
        if let Some(ticket) = ticket {
            // Nobody is popped before the last member has left.
            let _ = self.waiting.leave(ticket);
        }
        self.add_member();
        true
    }
}

impl Group {
    /// Waits until nobody is a member; if the wait is over before, the caller is one again.
    fn wait(&self, until: Until<'_>) -> Result<(), Interrupted> {
        let mut wait = Wait::new(until);
        let mut ticket = None;
        while let Some(owner) = self.with_state(|state| state.wait_as(&mut ticket)) {
            let parked = wait.park(Reason::WaitGroup, self.address(), owner);
            if parked.is_err() && self.with_state(|state| state.rejoin(ticket)) {
                return parked;
            }
        }
        Ok(())
    }

    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    fn with_state<R>(&self, look: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        look(&mut state)
    }
}

impl Clone for WaitGroup {
    fn clone(&self) -> Self {
        self.group.with_state(State::add_member);
        Self {
            group: Arc::clone(&self.group),
        }
    }
}

impl Drop for WaitGroup {
    fn drop(&mut self) {
        let last = self.group.with_state(|state| {
            state.members -= 1;
            (state.members == 0).then(|| state.waiting.pop_all())
        });
        if let Some(waiters) = last {
            waiters.unpark();
        }
    }
}

impl Default for WaitGroup {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for WaitGroup {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let members = self.group.with_state(|state| state.members);
        formatter
            .debug_struct("WaitGroup")
            .field("members", &members)
            .finish()
    }
}
