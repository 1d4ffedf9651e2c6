//! The locks of a program: that nobody is inside beside whoever should be alone.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{LockResult, PoisonError};

use runtime::cancel::Until;
use runtime::sync::{LockUntilError, Mutex, RwLock, Semaphore};

use crate::accounts::Accounts;
use crate::program::{LockKind, Share};

/// A lock, and who is inside by the holders' own count.
pub struct Lock {
    kind: Kind,
    /// Units held: whoever has all of them is alone.
    inside: AtomicUsize,
    /// How often it was held alone.
    turns: AtomicU64,
}

enum Kind {
    /// The turns, counted without atomics.
    Mutex(Mutex<u64>),
    ReadWrite(RwLock<u64>),
    Semaphore(Semaphore, usize),
}

/// More readers than there are tasks.
const READERS: usize = 1 << 20;

impl Lock {
    /// A free lock.
    pub fn new(kind: LockKind) -> Self {
        let kind = match kind {
            LockKind::Mutex => Kind::Mutex(Mutex::new(0)),
            LockKind::ReadWrite => Kind::ReadWrite(RwLock::new(0)),
            LockKind::Semaphore(permits) => Kind::Semaphore(Semaphore::new(permits), permits),
        };
        Self {
            kind,
            inside: AtomicUsize::new(0),
            turns: AtomicU64::new(0),
        }
    }

    /// Runs `body` inside, unless the wait for that is over before.
    pub fn hold(&self, share: Share, until: Until<'_>, accounts: &Accounts, body: impl FnOnce()) {
        match (&self.kind, share) {
            (Kind::Mutex(mutex), _) => {
                if let Some(mut guard) = taken(mutex.lock_until(until)) {
                    self.turn(&mut guard);
                    self.inside(1, 1, accounts, body);
                }
            }
            (Kind::ReadWrite(lock), Share::All) => {
                if let Some(mut guard) = taken(lock.write_until(until)) {
                    self.turn(&mut guard);
                    self.inside(READERS, READERS, accounts, body);
                }
            }
            (Kind::ReadWrite(lock), Share::Some(_)) => {
                if let Some(_guard) = taken(lock.read_until(until)) {
                    self.inside(1, READERS, accounts, body);
                }
            }
            (Kind::Semaphore(semaphore, most), share) => {
                let permits = share.permits(*most);
                if let Ok(_permits) = semaphore.acquire_many_until(permits, until) {
                    self.inside(permits, *most, accounts, body);
                }
            }
        }
    }

    /// One who is alone: the count is no atomic, so of two at once one would be lost.
    fn turn(&self, guarded: &mut u64) {
        self.turns.fetch_add(1, Ordering::Relaxed);
        *guarded += 1;
    }

    /// Counts itself in while `body` runs, also where that panics.
    fn inside(&self, units: usize, most: usize, accounts: &Accounts, body: impl FnOnce()) {
        let inside = units + self.inside.fetch_add(units, Ordering::Relaxed);
        let _leaving = Leaving(&self.inside, units);
        accounts.check(inside <= most, || {
            format!("{inside} units of a lock are held where {most} are the most")
        });
        body();
    }

    /// After the end of all tasks: nobody is inside, and no turn and no permit was lost.
    pub fn check(self, number: usize, accounts: &Accounts) {
        let (turns, inside) = (self.turns.into_inner(), self.inside.into_inner());
        accounts.check(inside == 0, || {
            format!("lock {number}: {inside} units stay held")
        });
        let counted = match self.kind {
            Kind::Mutex(mutex) => unpoisoned(mutex.into_inner()),
            Kind::ReadWrite(lock) => unpoisoned(lock.into_inner()),
            Kind::Semaphore(semaphore, permits) => {
                let free = semaphore.available();
                return accounts.check(free == permits, || {
                    format!("lock {number}: {free} permits are free of {permits}")
                });
            }
        };
        accounts.check(counted == turns, || {
            format!("lock {number}: {turns} turns were taken, {counted} counted")
        });
    }
}

impl Share {
    /// Of a semaphore with so many.
    fn permits(self, most: usize) -> usize {
        match self {
            Self::All => most,
            Self::Some(some) => 1 + usize::from(some) % most,
        }
    }
}

struct Leaving<'a>(&'a AtomicUsize, usize);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(self.1, Ordering::Relaxed);
    }
}

/// The guard, whether or not somebody panicked with it.
fn taken<G>(locked: Result<G, LockUntilError<G>>) -> Option<G> {
    match locked {
        Ok(guard) => Some(guard),
        Err(LockUntilError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(LockUntilError::Interrupted(_)) => None,
    }
}

fn unpoisoned<T>(result: LockResult<T>) -> T {
    result.unwrap_or_else(PoisonError::into_inner)
}
