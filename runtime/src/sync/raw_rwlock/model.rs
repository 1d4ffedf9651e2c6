//! Readers and writers that come, leave and give up: every interleaving, by loom. Its cells report
//! a writer beside anybody; somebody who is not let in shows as a deadlock.

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

use super::*;
use crate::cancel::Token;

struct Shared {
    lock: RawRwLock,
    number: UnsafeCell<u32>,
}

fn check(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(model);
}

impl Shared {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            lock: RawRwLock::new(),
            number: UnsafeCell::new(0),
        })
    }

    fn increment(&self) {
        self.number.with_mut(|number| {
            // SAFETY: the lock is taken for writing; loom reports it if another thread is here.
            unsafe { *number += 1 };
        });
    }

    fn number(&self) -> u32 {
        // SAFETY: the lock is taken; loom reports it if a writer is here too.
        self.number.with(|number| unsafe { *number })
    }

    fn write(&self) {
        self.lock.lock(Mode::Write);
        self.increment();
        self.lock.unlock(Mode::Write);
    }

    fn read(&self) -> u32 {
        self.lock.lock(Mode::Read);
        let number = self.number();
        self.lock.unlock(Mode::Read);
        number
    }
}

#[test]
fn a_writer_excludes_readers_and_is_let_in_by_the_last_of_them() {
    check(3, || {
        let shared = Shared::new();
        let readers: Vec<_> = (0..2)
            .map(|_| {
                let shared = Arc::clone(&shared);
                thread::spawn(move || shared.read())
            })
            .collect();
        shared.write();
        for reader in readers {
            assert!(reader.join().unwrap() <= 1);
        }
        assert_eq!(shared.read(), 1);
    });
}

#[test]
fn two_writers_and_a_reader_all_get_their_turn() {
    check(3, || {
        let shared = Shared::new();
        let (writer, reader) = (Arc::clone(&shared), Arc::clone(&shared));
        let writer = thread::spawn(move || writer.write());
        let reader = thread::spawn(move || reader.read());
        shared.write();
        writer.join().unwrap();
        reader.join().unwrap();
        assert_eq!(shared.read(), 2);
        assert!(shared.lock.try_lock(Mode::Write));
    });
}

#[test]
fn a_writer_that_is_cancelled_keeps_neither_the_lock_nor_the_readers_behind_it() {
    check(3, || {
        let shared = Shared::new();
        let token = Token::new();
        shared.lock.lock(Mode::Read);
        let writer = {
            let (shared, token) = (Arc::clone(&shared), token.clone());
            thread::spawn(move || {
                let taken = shared.lock.lock_until(Mode::Write, Until::from(&token));
                if taken.is_ok() {
                    shared.increment();
                    shared.lock.unlock(Mode::Write);
                }
            })
        };
        let reader = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || shared.read())
        };
        token.cancel();
        shared.lock.unlock(Mode::Read);
        writer.join().unwrap();
        reader.join().unwrap();
        assert!(shared.lock.try_lock(Mode::Write), "nobody has it or waits");
    });
}

#[test]
fn nobody_writes_between_writing_and_reading_in_one() {
    check(3, || {
        let shared = Shared::new();
        let (writer, reader) = (Arc::clone(&shared), Arc::clone(&shared));
        let writer = thread::spawn(move || writer.write());
        let reader = thread::spawn(move || reader.read());
        shared.lock.lock(Mode::Write);
        shared.increment();
        let before = shared.number();
        shared.lock.downgrade();
        assert_eq!(shared.number(), before);
        shared.lock.unlock(Mode::Read);
        writer.join().unwrap();
        reader.join().unwrap();
        assert_eq!(shared.read(), 2);
    });
}

#[test]
fn trying_never_waits_and_never_breaks_exclusion() {
    check(3, || {
        let shared = Shared::new();
        let other = Arc::clone(&shared);
        let thread = thread::spawn(move || other.write());
        let read = shared.lock.try_lock(Mode::Read);
        if read {
            shared.number();
            shared.lock.unlock(Mode::Read);
        }
        let written = shared.lock.try_lock(Mode::Write);
        if written {
            shared.increment();
            shared.lock.unlock(Mode::Write);
        }
        thread.join().unwrap();
        assert_eq!(shared.read(), 1 + u32::from(written));
    });
}
