//! On may. Its channels have no bound; it has no wait group and no pool.

use std::sync::Arc;

use may::coroutine::yield_now;
use may::go;
use may::sync::{Mutex, RwLock, Semphore};

use super::{LOCKERS, PERMITS, TASKS, WRITES_EVERY, work};

pub fn mutex(count: u64) {
    let lock = Arc::new(Mutex::new(0));
    let each = count / LOCKERS;
    all(LOCKERS, || {
        let lock = Arc::clone(&lock);
        move || (0..each).for_each(|_| *lock.lock().expect("nobody panics") += 1)
    });
    assert_eq!(*lock.lock().expect("nobody panics"), each * LOCKERS);
}

pub fn rwlock(count: u64) {
    let lock = Arc::new(RwLock::new(0));
    let each = count / TASKS;
    all(TASKS, || {
        let lock = Arc::clone(&lock);
        move || {
            for number in 0..each {
                if number % WRITES_EVERY == 0 {
                    *lock.write().expect("nobody panics") += 1;
                } else {
                    assert!(*lock.read().expect("nobody panics") <= count);
                }
            }
        }
    });
}

pub fn semaphore(count: u64) {
    let semaphore = Arc::new(Semphore::new(PERMITS));
    all(TASKS, || {
        let semaphore = Arc::clone(&semaphore);
        move || {
            for _ in 0..count / TASKS {
                semaphore.wait();
                yield_now();
                semaphore.post();
            }
        }
    });
}

pub fn works(count: u64, yields: bool) {
    all(TASKS, || {
        move || {
            for number in 0..count / TASKS {
                std::hint::black_box(work(number));
                if yields {
                    yield_now();
                }
            }
        }
    });
}

fn all<F: FnOnce() + Send + 'static>(tasks: u64, body: impl Fn() -> F) {
    let tasks: Vec<_> = (0..tasks).map(|_| go!(body())).collect();
    tasks
        .into_iter()
        .for_each(|task| task.join().expect("returns"));
}
