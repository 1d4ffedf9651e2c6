//! What a lock does with its data, and with guards that live through panics: what std's and
//! parking_lot's tests of locks and conditions ask for.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use runtime::sync::{Condvar, Mutex, OnceLock, RwLock};
use runtime::{Builder, chan, spawn, yield_now};

fn run<T: Send + 'static>(main: impl FnOnce() -> T + Send + 'static) -> T {
    Builder::new().workers(2).run(main)
}

/// Counts its drops.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn what_is_inside_is_dropped_once_with_the_lock_or_by_whoever_took_it() {
    let drops = Arc::<AtomicUsize>::default();
    let counted = || Counted(Arc::clone(&drops));
    drop(Mutex::new(counted()));
    drop(RwLock::new(counted()));
    assert_eq!(drops.load(Ordering::Relaxed), 2);
    let kept = [
        Mutex::new(counted()).into_inner().unwrap(),
        RwLock::new(counted()).into_inner().unwrap(),
    ];
    assert_eq!(drops.load(Ordering::Relaxed), 2, "they were moved out");
    drop(kept);
    assert_eq!(drops.load(Ordering::Relaxed), 4);
    let once = OnceLock::new();
    assert!(once.set(counted()).is_ok());
    assert!(once.set(counted()).is_err(), "it comes back");
    drop(once);
    assert_eq!(drops.load(Ordering::Relaxed), 6);
}

#[test]
fn whoever_owns_a_lock_needs_no_guard() {
    let mut mutex = Mutex::new(1);
    *mutex.get_mut().unwrap() += 1;
    assert_eq!(mutex.into_inner().unwrap(), 2);
    let mut lock = RwLock::new(1);
    *lock.get_mut().unwrap() += 1;
    assert_eq!(lock.into_inner().unwrap(), 2);
}

#[test]
fn a_held_lock_can_be_printed_without_waiting_for_it() {
    let mutex = Mutex::new(7);
    assert!(format!("{mutex:?}").contains('7'));
    let _held = mutex.lock().unwrap();
    assert!(!format!("{mutex:?}").contains('7'));
    let lock = RwLock::new(7);
    assert!(format!("{lock:?}").contains('7'));
    let _held = lock.write().unwrap();
    assert!(!format!("{lock:?}").contains('7'));
}

#[test]
fn a_lock_in_a_static_needs_no_beginning() {
    static COUNT: Mutex<usize> = Mutex::new(0);
    static SHARED: RwLock<usize> = RwLock::new(0);
    run(|| {
        let tasks: Vec<_> = (0..10)
            .map(|_| {
                spawn(|| {
                    *COUNT.lock().unwrap() += 1;
                    *SHARED.write().unwrap() += 1;
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        assert_eq!((*COUNT.lock().unwrap(), *SHARED.read().unwrap()), (10, 10));
    });
}

#[test]
fn locks_guard_what_has_no_size_of_its_own() {
    let bytes: &Mutex<[u8]> = &Mutex::new([1, 2, 3]);
    bytes.lock().unwrap()[1] = 7;
    assert_eq!(&*bytes.lock().unwrap(), [1, 7, 3]);
    let shown: Arc<RwLock<dyn Fn() -> u8 + Send + Sync>> = Arc::new(RwLock::new(|| 7));
    assert_eq!((shown.read().unwrap())(), 7);
}

#[test]
fn a_lock_that_holds_a_lock_is_let_go_of_from_the_inside_out() {
    run(|| {
        let outer = Arc::new(Mutex::new(Arc::new(Mutex::new(1))));
        let tasks: Vec<_> = (0..10)
            .map(|_| {
                let outer = Arc::clone(&outer);
                spawn(move || {
                    let inner = outer.lock().unwrap();
                    let mut number = inner.lock().unwrap();
                    yield_now();
                    *number += 1;
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        assert_eq!(*outer.lock().unwrap().lock().unwrap(), 11);
    });
}

#[test]
fn a_panic_that_is_caught_while_a_guard_lives_outside_of_it_poisons_nothing() {
    let mutex = Mutex::new(1);
    let guard = mutex.lock().unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| panic!("not with the guard"))).is_err());
    drop(guard);
    assert!(!mutex.is_poisoned());
}

#[test]
fn the_poison_stays_until_it_is_cleared_and_hides_nothing() {
    let mutex = Mutex::new(1);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let mut guard = mutex.lock().unwrap();
        *guard = 2;
        panic!("with the guard");
    }));
    assert!(panicked.is_err());
    for _ in 0..2 {
        assert_eq!(**mutex.lock().unwrap_err().get_ref(), 2);
        assert!(mutex.try_lock().is_err());
    }
    mutex.clear_poison();
    assert_eq!(*mutex.lock().unwrap(), 2);
    assert_eq!(mutex.into_inner().unwrap(), 2);
}

#[test]
fn a_notification_for_nobody_is_not_kept_by_a_condition() {
    run(|| {
        let pair = Arc::new((Mutex::new(()), Condvar::new()));
        pair.1.notify_one();
        pair.1.notify_all();
        let guard = pair.0.lock().unwrap();
        let waited = pair
            .1
            .wait_until(guard, std::time::Duration::from_millis(5));
        assert!(waited.unwrap().1.unwrap_err().is_timeout());
    });
}

/// As many go on as were notified, and the lock is held by one of them at a time.
#[test]
fn each_notification_lets_one_waiter_through() {
    const WAITERS: usize = 8;
    run(|| {
        let pair = Arc::new((Mutex::new((0, 0)), Condvar::new()));
        let (sender, gone_on) = chan::unbounded();
        let tasks: Vec<_> = (0..WAITERS)
            .map(|number| {
                let (pair, sender) = (Arc::clone(&pair), sender.clone());
                spawn(move || {
                    let mut state = pair.0.lock().unwrap();
                    state.0 += 1;
                    let is_closed = |state: &mut (usize, usize)| state.1 == 0;
                    let mut state = pair.1.wait_while(state, is_closed).unwrap();
                    state.1 -= 1;
                    sender.send(number).unwrap();
                })
            })
            .collect();
        while pair.0.lock().unwrap().0 < WAITERS {
            yield_now();
        }
        for gone in 1..=WAITERS {
            pair.0.lock().unwrap().1 += 1;
            pair.1.notify_one();
            gone_on.recv().unwrap();
            assert!(gone_on.is_empty(), "{gone} were let through, not more");
        }
        tasks.into_iter().for_each(|task| task.join().unwrap());
    });
}
