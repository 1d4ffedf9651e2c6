//! The seat of a pinned task: how its thread waits for it, and how others call that thread.
//!
//! A pinned task runs on one thread, and nothing else runs there: what belongs to the thread (its
//! thread-locals, locks that know their owner) is the task's alone for so long. A thread whose
//! pinned task waits is of no use to others, so its processor goes to somebody else meanwhile.
//!
//! The thread, whenever its task has left its stack (`pinned.rs`):
//!
//! 1. says in the seat that it will come back by itself;
//! 2. publishes the park, or, where the task yields, does step 3 and queues the task for all;
//! 3. releases its processor, as for a blocking call (`blocking.rs`, steps 1 to 3): if something
//!    waits, a sleeper or a successor sees to it;
//! 4. waits to be called. When it is, it takes its processor back by one compare-exchange;
//! 5. or finds that a successor has it: it takes back what it said in step 1, queues the task for
//!    all, and waits to be called again, with a processor this time: it goes on as that one's
//!    worker.
//!
//! Whoever else comes to own the task hands it over by a call:
//!
//! * who wakes it from a park ([`Seat::call`]);
//! * a worker that takes it out of a queue ([`Seat::offer`]). If the thread does not come by
//!   itself, the worker gives it its own processor, and ends.
//!
//! So as many workers run as before, whatever is pinned, and it is the same with Go's locked
//! threads. Nothing is lost: a call stays in the seat until it is read, and there is one at a time,
//! because who calls owned the task and the thread owns it now. An offer is declined only while
//! the thread has not failed to come back by itself; it fails at most once, and queues the task
//! then.
//!
//! The end of the runtime is a call as well, to all seats ([`Seats::wake_all`]): the stop flag is
//! set before a seat's lock is taken, and read under it before each wait.
//!
//! Rejected: a queue of its own for each pinned thread, with a processor of its own (more workers
//! than configured would run); running other tasks on the thread meanwhile (they would see, and
//! enter again, what the pinned task holds there).

#[cfg(all(test, loom, not(shuttle)))]
mod model;

use crate::primitive::{Condvar, Mutex, MutexGuard, static_sync::Arc};
use crate::sched::ownership::Release;

/// One pinned task's.
#[derive(Debug)]
pub(crate) struct Seat {
    state: Mutex<State>,
    called: Condvar,
}

#[derive(Debug)]
struct State {
    call: Option<Call>,
    /// Whether the thread will try to get its processor back when it is called.
    comes_by_itself: bool,
}

/// What a thread is told: the task is its own again.
#[derive(Clone, Copy, Debug)]
enum Call {
    /// And it looks for a processor itself.
    Come,
    /// And this processor, too.
    Take(usize),
}

/// How a wait for a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Turn {
    /// The thread has its processor back, and the task.
    Back,
    /// It has the task and this processor.
    Given(usize),
    /// The runtime ends.
    Stopped,
}

/// What the thread asks of its runtime.
pub(super) trait Stall {
    /// Takes the processor back that was released; whether nobody else has.
    fn take_back(&self, release: Release) -> bool;

    /// Queues the task for all.
    fn queue(&self);

    /// Whether all workers are to end.
    fn is_stopping(&self) -> bool;
}

impl Seat {
    pub(crate) fn new() -> Self {
        let state = State {
            call: None,
            comes_by_itself: true,
        };
        Self {
            state: Mutex::new(state),
            called: Condvar::new(),
        }
    }

    /// The task was woken, and the caller owned it.
    pub(crate) fn call(&self) {
        self.make(Call::Come);
    }

    /// The task came out of a queue, and the caller owned it, and owns this processor. Whether
    /// that belongs to the task's thread now.
    #[must_use]
    pub(super) fn offer(&self, processor: usize) -> bool {
        let mut state = self.lock();
        let is_taken = !state.comes_by_itself;
        state.call = Some(if is_taken {
            Call::Take(processor)
        } else {
            Call::Come
        });
        drop(state);
        self.called.notify_one();
        is_taken
    }

    /// Step 1, by the thread: whether it will come back by itself.
    pub(super) fn set_comes_by_itself(&self, comes: bool) {
        self.lock().comes_by_itself = comes;
    }

    /// Steps 4 and 5, by the thread; `release` is what step 3 gave, if there was a processor to
    /// release.
    pub(super) fn wait(&self, release: Option<Release>, stall: &impl Stall) -> Turn {
        let mut release = release;
        loop {
            match self.next_call(|| stall.is_stopping()) {
                Some(Call::Take(processor)) => return Turn::Given(processor),
                Some(Call::Come) => match release.take() {
                    Some(release) if stall.take_back(release) => return Turn::Back,
                    _ => {
                        self.set_comes_by_itself(false);
                        stall.queue();
                    }
                },
                None => {
                    // So that what is queued there is ended as it should be.
                    release.map(|release| stall.take_back(release));
                    return Turn::Stopped;
                }
            }
        }
    }

    fn next_call(&self, is_stopping: impl Fn() -> bool) -> Option<Call> {
        let mut state = self.lock();
        while state.call.is_none() && !is_stopping() {
            let waited = self.called.wait(state);
            state = waited.unwrap_or_else(|poisoned| poisoned.into_inner());
        }
        state.call.take()
    }

    fn make(&self, call: Call) {
        self.lock().call = Some(call);
        self.called.notify_one();
    }

    /// The stop flag was set.
    fn wake(&self) {
        // The lock: a thread that has read the flag before it was set waits by now.
        drop(self.lock());
        self.called.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// The seats of a runtime, for its end.
#[derive(Debug)]
pub(crate) struct Seats(Mutex<Vec<Arc<Seat>>>);

impl Seats {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// A new seat, before its task is pinned.
    pub(crate) fn add(&self) -> Arc<Seat> {
        let seat = Arc::new(Seat::new());
        self.lock().push(Arc::clone(&seat));
        seat
    }

    /// Its task is pinned no more.
    pub(crate) fn remove(&self, seat: &Arc<Seat>) {
        self.lock().retain(|other| !Arc::ptr_eq(other, seat));
    }

    /// For the next run: those of abandoned tasks are left.
    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    /// After the stop flag was set: no thread waits any longer.
    pub(super) fn wake_all(&self) {
        self.lock().iter().for_each(|seat| seat.wake());
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Seat>>> {
        self.0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
