//! The reader-writer lock between tasks and foreign threads: exclusion, sharing, fairness,
//! downgrading, poison, waits that end.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, TryLockError};
use std::thread;
use std::time::Duration;

use runtime::cancel::Token;
use runtime::sync::{Barrier, LockUntilError, RwLock, RwLockWriteGuard};
use runtime::{Builder, JoinHandle, TaskId, chan, spawn, task, yield_now};

const ROUNDS: u64 = if cfg!(miri) { 10 } else { 1_000 };

fn run<T: Send + 'static>(main: impl FnOnce() -> T + Send + 'static) -> T {
    Builder::new().workers(2).run(main)
}

fn yield_if_task() {
    if task::current().is_some() {
        yield_now();
    }
}

#[test]
fn writers_exclude_everybody_and_no_write_is_lost() {
    run(|| {
        let pair = Arc::new(RwLock::new((0_u64, 0_u64)));
        let work = |writes: bool| {
            let pair = Arc::clone(&pair);
            move || {
                for _ in 0..ROUNDS {
                    if writes {
                        let mut pair = pair.write().unwrap();
                        pair.0 += 1;
                        yield_if_task();
                        pair.1 += 1;
                    } else {
                        let pair = pair.read().unwrap();
                        let before = *pair;
                        yield_if_task();
                        assert_eq!(before, *pair);
                        assert_eq!(pair.0, pair.1);
                    }
                }
            }
        };
        let threads = [true, false].map(|writes| thread::spawn(work(writes)));
        let tasks: Vec<_> = (0..6).map(|number| spawn(work(number % 3 == 0))).collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        assert_eq!(*pair.read().unwrap(), (3 * ROUNDS, 3 * ROUNDS));
    });
}

#[test]
fn readers_are_in_together() {
    run(|| {
        let shared = Arc::new((RwLock::new(()), Barrier::new(4)));
        let readers: Vec<JoinHandle<()>> = (0..4)
            .map(|_| {
                let shared = Arc::clone(&shared);
                spawn(move || {
                    let _reading = shared.0.read().unwrap();
                    // Passes only when all four are here.
                    shared.1.wait();
                })
            })
            .collect();
        readers
            .into_iter()
            .for_each(|reader| reader.join().unwrap());
    });
}

#[test]
fn trying_says_who_is_in_the_way() {
    let lock = RwLock::new(1);
    let reading = lock.read().unwrap();
    assert_eq!(*lock.try_read().unwrap(), 1);
    assert!(matches!(lock.try_write(), Err(TryLockError::WouldBlock)));
    drop(reading);
    let writing = lock.try_write().unwrap();
    assert!(matches!(lock.try_read(), Err(TryLockError::WouldBlock)));
    assert!(matches!(lock.try_write(), Err(TryLockError::WouldBlock)));
    drop(writing);
    assert!(lock.try_write().is_ok());
}

#[test]
fn a_steady_stream_of_readers_does_not_starve_a_writer() {
    run(|| {
        let lock = Arc::new(RwLock::new(()));
        let written = Arc::new(AtomicBool::new(false));
        let reading = Arc::new(AtomicUsize::new(0));
        let readers: Vec<_> = (0..2)
            .map(|_| {
                let (lock, written) = (Arc::clone(&lock), Arc::clone(&written));
                let reading = Arc::clone(&reading);
                spawn(move || {
                    let mut first = true;
                    while !written.load(Ordering::Relaxed) {
                        let guard = lock.read().unwrap();
                        if std::mem::take(&mut first) {
                            reading.fetch_add(1, Ordering::Relaxed);
                        }
                        // The other comes in while this one is in: readers alone never stop.
                        yield_now();
                        drop(guard);
                    }
                })
            })
            .collect();
        while reading.load(Ordering::Relaxed) < 2 {
            yield_now();
        }
        let writer = spawn(move || {
            drop(lock.write().unwrap());
            written.store(true, Ordering::Relaxed);
        });
        writer.join().unwrap();
        readers
            .into_iter()
            .for_each(|reader| reader.join().unwrap());
    });
}

#[test]
fn names_the_writer_and_the_reader_that_came_last() {
    run(|| {
        let lock = Arc::new(RwLock::new(()));
        assert_eq!(lock.holder(), None);
        let writing = lock.write().unwrap();
        assert_eq!(lock.holder(), task::current());
        assert_ne!(lock.holder(), Some(TaskId::NONE));
        let reading = RwLockWriteGuard::downgrade(writing);
        assert_eq!(lock.holder(), task::current());
        let ((came, has_come), (go, may_go)) = (chan::bounded(1), chan::bounded::<()>(1));
        let other = Arc::clone(&lock);
        let reader = spawn(move || {
            let _reading = other.read().unwrap();
            came.send(()).unwrap();
            assert!(may_go.recv().is_err());
        });
        has_come.recv().unwrap();
        assert_eq!(lock.holder(), Some(reader.id()));
        drop(go);
        reader.join().unwrap();
        drop(reading);
        assert_eq!(lock.holder(), None);
    });
}

#[test]
fn a_downgraded_writer_shows_others_what_it_wrote() {
    run(|| {
        let lock = Arc::new(RwLock::new(0));
        let mut writing = lock.write().unwrap();
        let others: Vec<_> = (0..3)
            .map(|_| {
                let lock = Arc::clone(&lock);
                spawn(move || *lock.read().unwrap())
            })
            .collect();
        yield_now();
        *writing = 7;
        let reading = RwLockWriteGuard::downgrade(writing);
        for other in others {
            assert_eq!(other.join().unwrap(), 7);
        }
        assert_eq!(*reading, 7);
        assert!(lock.try_write().is_err());
        drop(reading);
        assert!(lock.try_write().is_ok());
    });
}

#[test]
fn a_panic_of_a_writer_poisons_and_one_of_a_reader_does_not() {
    run(|| {
        let lock = Arc::new(RwLock::new(5));
        let panics = |write: bool| {
            let lock = Arc::clone(&lock);
            let outcome: Result<(), _> = spawn(move || {
                let _guards = if write {
                    (Some(lock.write().unwrap()), None)
                } else {
                    (None, Some(lock.read().unwrap()))
                };
                panic!("with a guard in hand");
            })
            .join();
            assert!(outcome.is_err());
        };
        panics(false);
        assert!(!lock.is_poisoned());
        assert!(lock.try_write().is_ok(), "the reader has left");
        panics(true);
        assert!(lock.is_poisoned());
        assert_eq!(*lock.read().unwrap_err().into_inner(), 5);
        assert_eq!(*lock.write().unwrap_err().into_inner(), 5);
        assert!(matches!(lock.try_read(), Err(TryLockError::Poisoned(_))));
        assert!(matches!(lock.try_write(), Err(TryLockError::Poisoned(_))));
        let until = lock.read_until(Duration::ZERO);
        assert!(matches!(until, Err(LockUntilError::Poisoned(_))));
        drop(until);
        lock.clear_poison();
        assert_eq!(*lock.read().unwrap(), 5);
    });
}

#[test]
fn a_lock_that_is_taken_while_unwinding_is_not_poisoned_by_that_panic() {
    struct WritesOnDrop(Arc<RwLock<u32>>);
    impl Drop for WritesOnDrop {
        fn drop(&mut self) {
            *self.0.write().unwrap() += 1;
        }
    }
    let lock = Arc::new(RwLock::new(0));
    let writes = WritesOnDrop(Arc::clone(&lock));
    let caught = catch_unwind(AssertUnwindSafe(move || {
        let _writes = writes;
        panic!("unwinds through a destructor that locks");
    }));
    assert!(caught.is_err());
    assert_eq!(*lock.read().unwrap(), 1);
}

#[test]
fn waits_end_by_time_or_token_and_a_free_lock_wins_over_the_end() {
    run(|| {
        let lock = Arc::new(RwLock::new(1));
        let token = Token::new();
        let writing = lock.write().unwrap();
        let waiting = {
            let (lock, token) = (Arc::clone(&lock), token.clone());
            spawn(move || match lock.read_until(&token) {
                Err(LockUntilError::Interrupted(why)) => !why.is_timeout(),
                _ => false,
            })
        };
        let late = {
            let lock = Arc::clone(&lock);
            spawn(move || {
                lock.write_until(Duration::from_millis(1))
                    .map(drop)
                    .is_err()
            })
        };
        token.cancel();
        assert!(waiting.join().unwrap());
        assert!(late.join().unwrap());
        drop(writing);
        assert_eq!(*lock.read_until(&token).unwrap(), 1);
        *lock.write_until(Duration::ZERO).unwrap() = 2;
        assert_eq!(*lock.read().unwrap(), 2);
    });
}

#[test]
fn waiters_that_give_up_at_any_time_leave_the_lock_to_the_others() {
    run(|| {
        let total = Arc::new(RwLock::new(0));
        let tasks: Vec<_> = (0..6_u64)
            .map(|number| {
                let total = Arc::clone(&total);
                spawn(move || {
                    let mut written = 0;
                    for round in 0..ROUNDS {
                        let time = Duration::from_micros((number * 7 + round * 13) % 100);
                        if (number + round) % 3 == 0 {
                            if let Ok(mut total) = total.write_until(time) {
                                *total += 1;
                                written += 1;
                                yield_now();
                            }
                        } else if let Ok(total) = total.read_until(time) {
                            let before = *total;
                            yield_now();
                            assert_eq!(before, *total);
                        }
                    }
                    written
                })
            })
            .collect();
        let written: u64 = tasks.into_iter().map(|task| task.join().unwrap()).sum();
        assert_eq!(*total.try_write().unwrap(), written);
    });
}

#[test]
fn gives_its_data_out_to_whoever_owns_it() {
    let mut lock = RwLock::from(String::from("a"));
    lock.get_mut().unwrap().push('b');
    assert_eq!(
        format!("{lock:?}"),
        "RwLock { data: \"ab\", poisoned: false, .. }"
    );
    let writing = lock.write().unwrap();
    assert_eq!(
        format!("{lock:?}"),
        "RwLock { data: <locked>, poisoned: false, .. }"
    );
    drop(writing);
    assert_eq!(lock.into_inner().unwrap(), "ab");
    assert_eq!(*RwLock::<u8>::default().read().unwrap(), 0);
}

#[test]
fn guards_more_than_sized_data() {
    let lock: Arc<RwLock<[u32]>> = Arc::new(RwLock::new([1, 2, 3]));
    lock.write().unwrap()[0] = 4;
    assert_eq!(lock.read().unwrap().iter().sum::<u32>(), 9);
}
