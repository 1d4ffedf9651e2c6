//! Channels that are built from other primitives, as a user would: behind a mutex with two
//! condition variables, and behind a `Notify`.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};

use runtime::cancel::{Interrupted, Until};
use runtime::sync::{Condvar, LockUntilError, Mutex, MutexGuard, Notify};

use crate::accounts::Message;

/// What a receiver got.
pub enum Received {
    Message(Message),
    /// No sender is left, and no message.
    Closed,
    /// The wait is over.
    Interrupted,
}

/// A channel: its ends are handles that count themselves.
pub trait Line: Send + Sync {
    /// Puts a message in, or gives it back.
    fn send(&self, message: Message, until: Until<'_>) -> Result<(), Message>;
    /// Takes one out.
    fn receive(&self, until: Until<'_>) -> Received;
    /// Counts senders or receivers up or down.
    fn count(&self, end: End, by: isize);
}

#[derive(Clone, Copy)]
pub enum End {
    Sender,
    Receiver,
}

/// One end of a line.
pub struct Handle {
    line: Arc<dyn Line>,
    end: End,
}

impl Handle {
    /// One more of these.
    pub fn new(line: &Arc<dyn Line>, end: End) -> Self {
        line.count(end, 1);
        Self {
            line: Arc::clone(line),
            end,
        }
    }

    /// See [`Line::send`].
    pub fn send(&self, message: Message, until: Until<'_>) -> Result<(), Message> {
        self.line.send(message, until)
    }

    /// See [`Line::receive`].
    pub fn receive(&self, until: Until<'_>) -> Received {
        self.line.receive(until)
    }
}

impl Clone for Handle {
    fn clone(&self) -> Self {
        Self::new(&self.line, self.end)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.line.count(self.end, -1);
    }
}

#[derive(Default)]
struct Queue {
    messages: VecDeque<Message>,
    senders: isize,
    receivers: isize,
}

impl Queue {
    /// Counts, and whether that end is now gone. What nobody will receive is returned, to be
    /// dropped without the lock.
    fn count(&mut self, end: End, by: isize) -> (bool, VecDeque<Message>) {
        let count = match end {
            End::Sender => &mut self.senders,
            End::Receiver => &mut self.receivers,
        };
        *count += by;
        let is_gone = *count == 0;
        let left = if self.receivers == 0 && by < 0 {
            std::mem::take(&mut self.messages)
        } else {
            VecDeque::new()
        };
        (is_gone, left)
    }
}

/// A bounded queue behind a mutex with two condition variables.
pub struct Monitored {
    queue: Mutex<Queue>,
    room: Condvar,
    more: Condvar,
    capacity: usize,
}

impl Monitored {
    /// With room for so many.
    pub fn new(capacity: usize) -> Self {
        Self {
            queue: Mutex::new(Queue::default()),
            room: Condvar::new(),
            more: Condvar::new(),
            capacity,
        }
    }

    /// Waits for the lock and then while `is_wanting`.
    fn wait(
        &self,
        changed: &Condvar,
        until: Until<'_>,
        is_wanting: impl FnMut(&mut Queue) -> bool,
    ) -> Result<MutexGuard<'_, Queue>, Interrupted> {
        let queue = match self.queue.lock_until(until) {
            Ok(queue) => queue,
            Err(LockUntilError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(LockUntilError::Interrupted(interrupted)) => return Err(interrupted),
        };
        let waited = changed.wait_while_until(queue, until, is_wanting);
        let (queue, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        waited.map(|()| queue)
    }
}

impl Line for Monitored {
    fn send(&self, message: Message, until: Until<'_>) -> Result<(), Message> {
        let is_full =
            |queue: &mut Queue| queue.receivers > 0 && queue.messages.len() >= self.capacity;
        let Ok(mut queue) = self.wait(&self.room, until, is_full) else {
            return Err(message);
        };
        if queue.receivers == 0 {
            return Err(message);
        }
        queue.messages.push_back(message);
        drop(queue);
        self.more.notify_one();
        Ok(())
    }

    fn receive(&self, until: Until<'_>) -> Received {
        let is_empty = |queue: &mut Queue| queue.senders > 0 && queue.messages.is_empty();
        let Ok(mut queue) = self.wait(&self.more, until, is_empty) else {
            return Received::Interrupted;
        };
        let Some(message) = queue.messages.pop_front() else {
            return Received::Closed;
        };
        drop(queue);
        self.room.notify_one();
        Received::Message(message)
    }

    fn count(&self, end: End, by: isize) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let (is_gone, left) = queue.count(end, by);
        drop(queue);
        drop(left);
        if is_gone {
            self.room.notify_all();
            self.more.notify_all();
        }
    }
}

/// An unbounded queue that tells of its messages by a `Notify`.
#[derive(Default)]
pub struct Notified {
    queue: std::sync::Mutex<Queue>,
    changed: Notify,
}

impl Notified {
    fn with_queue<R>(&self, use_it: impl FnOnce(&mut Queue) -> R) -> R {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        use_it(&mut queue)
    }

    /// One look; `None` if there is nothing yet.
    fn look(&self) -> Option<Received> {
        let (message, is_more, is_open) = self.with_queue(|queue| {
            let message = queue.messages.pop_front();
            (message, !queue.messages.is_empty(), queue.senders > 0)
        });
        if is_more {
            // One notification is kept for several messages: the next receiver is told by this one.
            self.changed.notify_one();
        }
        match message {
            Some(message) => Some(Received::Message(message)),
            None => (!is_open).then_some(Received::Closed),
        }
    }
}

impl Line for Notified {
    fn send(&self, message: Message, _until: Until<'_>) -> Result<(), Message> {
        self.with_queue(|queue| {
            if queue.receivers == 0 {
                return Err(message);
            }
            queue.messages.push_back(message);
            Ok(())
        })?;
        self.changed.notify_one();
        Ok(())
    }

    fn receive(&self, until: Until<'_>) -> Received {
        loop {
            let notified = self.changed.notified();
            if let Some(received) = self.look() {
                return received;
            }
            if notified.wait_until(until).is_err() {
                return self.look().unwrap_or(Received::Interrupted);
            }
        }
    }

    fn count(&self, end: End, by: isize) {
        let (is_gone, left) = self.with_queue(|queue| queue.count(end, by));
        drop(left);
        if is_gone {
            self.changed.notify_waiters();
        }
    }
}
