//! What a program has done, counted where it is done, and what must come out in the end.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The books of one program.
#[derive(Debug, Default)]
pub struct Accounts {
    pub tasks: Pair,
    pub threads: Pair,
    /// Steps that were begun, ever: while it grows, the program moves on.
    pub progress: AtomicU64,
    /// What happened, in order, and by whom: equal where two runs did the same.
    course: Mutex<Vec<Event>>,
    violations: Mutex<Vec<String>>,
}

/// Who did something, and what, in one number.
pub type Event = (u64, u64);

/// What is begun, and what is ended.
#[derive(Debug, Default)]
pub struct Pair {
    begun: AtomicU64,
    ended: AtomicU64,
}

/// The messages of one channel.
#[derive(Debug, Default)]
pub struct Messages {
    made: AtomicU64,
    /// The channel said that it took them.
    sent: AtomicU64,
    received: AtomicU64,
    /// Came back with an error.
    given_back: AtomicU64,
    /// Dropped with neither.
    dropped: AtomicU64,
    /// Some receiver took messages until there was no sender left.
    drained: AtomicBool,
}

/// A message. Where it ends is counted when it is dropped.
#[derive(Debug)]
pub struct Message {
    /// Who sent it.
    pub sender: u64,
    /// The number of the message among the sender's.
    pub sequence: u64,
    messages: Arc<Messages>,
    fate: Fate,
}

#[derive(Debug)]
enum Fate {
    Open,
    Received,
    GivenBack,
}

/// Counts a beginning now, and the end when it is dropped.
pub struct Life {
    accounts: Arc<Accounts>,
    of: fn(&Accounts) -> &Pair,
}

impl Accounts {
    /// Something was begun, by whom: kept in the course.
    pub fn note(&self, who: u64, what: impl Hash) {
        self.progress.fetch_add(1, Ordering::Relaxed);
        let mut hasher = DefaultHasher::new();
        what.hash(&mut hasher);
        lock(&self.course).push((who, hasher.finish()));
    }

    /// Takes what happened so far.
    pub fn course(&self) -> Vec<Event> {
        std::mem::take(&mut lock(&self.course))
    }

    /// Something that must not be.
    pub fn violated(&self, what: impl Into<String>) {
        lock(&self.violations).push(what.into());
    }

    /// An error if it does not hold.
    pub fn check(&self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.violated(what());
        }
    }

    /// A life among those of `of`.
    pub fn life(self: &Arc<Self>, of: fn(&Self) -> &Pair) -> Life {
        of(self).begun.fetch_add(1, Ordering::Relaxed);
        Life {
            accounts: Arc::clone(self),
            of,
        }
    }

    /// Takes what was violated.
    pub fn violations(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.violations))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pair {
    /// How many were begun.
    pub fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    /// How many have ended.
    pub fn ended(&self) -> u64 {
        self.ended.load(Ordering::Relaxed)
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        (self.of)(&self.accounts)
            .ended
            .fetch_add(1, Ordering::Relaxed);
    }
}

impl Messages {
    /// A message of this channel's.
    pub fn make(self: &Arc<Self>, sender: u64, sequence: u64) -> Message {
        self.made.fetch_add(1, Ordering::Relaxed);
        Message {
            sender,
            sequence,
            messages: Arc::clone(self),
            fate: Fate::Open,
        }
    }

    /// Counts what became of a message that was to be sent.
    pub fn settle(&self, sent: Result<(), Message>) {
        match sent {
            Ok(()) => drop(self.sent.fetch_add(1, Ordering::Relaxed)),
            Err(mut message) => message.fate = Fate::GivenBack,
        }
    }

    /// A receiver has seen the end of the senders.
    pub fn note_drained(&self) {
        self.drained.store(true, Ordering::Relaxed);
    }

    /// Messages made = received + given back + dropped, and so on; after the end of everybody.
    pub fn check(&self, name: &str, accounts: &Accounts) {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let made = read(&self.made);
        let (sent, given_back) = (read(&self.sent), read(&self.given_back));
        let (received, dropped) = (read(&self.received), read(&self.dropped));
        let story = || {
            format!(
                "{name}: {made} messages made, {sent} sent, {received} received, \
                 {given_back} given back, {dropped} dropped"
            )
        };
        accounts.check(made == sent + given_back, story);
        accounts.check(sent == received + dropped, story);
        let drained = self.drained.load(Ordering::Relaxed);
        accounts.check(!drained || dropped == 0, || {
            format!("{}, though a receiver saw the end", story())
        });
    }
}

impl Message {
    /// It arrived.
    pub fn receive(mut self) {
        self.fate = Fate::Received;
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        let messages = &self.messages;
        let count = match self.fate {
            Fate::Open => &messages.dropped,
            Fate::Received => &messages.received,
            Fate::GivenBack => &messages.given_back,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_is_lost_between_its_ends_is_found() {
        let accounts = Accounts::default();
        let messages = Arc::new(Messages::default());
        let lost = messages.make(1, 1);
        messages.settle(Ok(()));
        std::mem::forget(lost);
        messages.check("a channel", &accounts);
        assert_eq!(accounts.violations().len(), 1);
    }

    #[test]
    fn messages_may_be_left_only_where_every_receiver_left_early() {
        let accounts = Accounts::default();
        let messages = Arc::new(Messages::default());
        drop(messages.make(1, 1));
        messages.settle(Ok(()));
        messages.check("a channel", &accounts);
        assert!(accounts.violations().is_empty());
        messages.note_drained();
        messages.check("a channel", &accounts);
        assert_eq!(accounts.violations().len(), 1);
    }
}
