//! Values that are made once, between tasks and foreign threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use runtime::cancel::Token;
use runtime::sync::{InitUntilError, OnceLock, SetUntilError};
use runtime::{Builder, JoinHandle, chan, spawn, yield_now};

fn run<T: Send + 'static>(main: impl FnOnce() -> T + Send + 'static) -> T {
    Builder::new().workers(2).run(main)
}

/// A task that makes the value and is in the middle of it, and what lets it go on.
fn making<T: Send + Sync + 'static>(
    cell: &Arc<OnceLock<T>>,
    value: impl FnOnce() -> T + Send + 'static,
) -> (JoinHandle<()>, chan::Sender<()>) {
    let ((began, has_begun), (go, may_go)) = (chan::bounded(1), chan::bounded::<()>(1));
    let making = Arc::clone(cell);
    let task = spawn(move || {
        making.get_or_init(|| {
            began.send(()).unwrap();
            assert!(may_go.recv().is_err());
            value()
        });
    });
    has_begun.recv().unwrap();
    (task, go)
}

#[test]
fn one_makes_it_and_the_others_get_what_it_made() {
    run(|| {
        let shared = Arc::new((OnceLock::new(), AtomicU32::new(0)));
        let get = || {
            let shared = Arc::clone(&shared);
            move || {
                *shared.0.get_or_init(|| {
                    yield_now();
                    shared.1.fetch_add(1, Ordering::SeqCst) + 7
                })
            }
        };
        let threads: Vec<_> = (0..2).map(|_| thread::spawn(get())).collect();
        let tasks: Vec<_> = (0..6).map(|_| spawn(get())).collect();
        assert!(tasks.into_iter().all(|task| task.join().unwrap() == 7));
        assert!(
            threads
                .into_iter()
                .all(|thread| thread.join().unwrap() == 7)
        );
        assert_eq!(shared.1.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn if_making_it_panics_the_next_makes_it() {
    run(|| {
        let cell = Arc::new(OnceLock::new());
        let (first, go) = making(&cell, || panic!("cannot make it"));
        let next = {
            let cell = Arc::clone(&cell);
            spawn(move || *cell.get_or_init(|| 2))
        };
        yield_now();
        drop(go);
        assert!(first.join().is_err());
        assert_eq!(next.join().unwrap(), 2);
        assert_eq!(cell.get(), Some(&2));
    });
}

#[test]
fn if_making_it_fails_the_error_comes_back_and_the_next_makes_it() {
    let cell = OnceLock::new();
    assert_eq!(cell.get_or_try_init(|| Err("no")), Err("no"));
    assert_eq!(cell.get(), None);
    assert_eq!(cell.get_or_try_init(|| Ok::<_, ()>(3)), Ok(&3));
    assert_eq!(cell.get_or_try_init(|| Err("not asked")), Ok(&3));
}

#[test]
fn who_sets_it_waits_for_whoever_makes_it() {
    run(|| {
        let cell = Arc::new(OnceLock::new());
        let (making, go) = making(&cell, || 1);
        let setting = {
            let cell = Arc::clone(&cell);
            spawn(move || cell.set(2))
        };
        yield_now();
        drop(go);
        making.join().unwrap();
        assert_eq!(setting.join().unwrap(), Err(2));
        assert_eq!(cell.get(), Some(&1));
    });
}

#[test]
fn waits_for_whoever_makes_it_end_by_time_or_token() {
    run(|| {
        let cell = Arc::new(OnceLock::new());
        let (making, go) = making(&cell, || 1);
        let soon = Duration::from_millis(1);
        assert!(cell.get_or_init_until(soon, || 2).unwrap_err().is_timeout());
        let token = Token::new();
        token.cancel();
        let error = cell.get_or_try_init_until(&token, || Err::<u32, _>("not asked"));
        assert!(matches!(error, Err(InitUntilError::Interrupted(why)) if !why.is_timeout()));
        let error = cell.set_until(5, soon).unwrap_err();
        assert!(matches!(&error, SetUntilError::Interrupted(5, why) if why.is_timeout()));
        assert_eq!(error.into_inner(), 5);
        assert!(cell.wait_until(&token).is_err());
        drop(go);
        making.join().unwrap();
        assert_eq!(
            cell.get_or_init_until(&token, || 2).unwrap(),
            &1,
            "it is there"
        );
        assert_eq!(cell.wait_until(&token).unwrap(), &1);
        assert!(matches!(
            cell.set_until(9, soon),
            Err(SetUntilError::Full(9))
        ));
    });
}

#[test]
fn tasks_and_threads_wait_until_somebody_sets_it() {
    run(|| {
        let cell = Arc::new(OnceLock::new());
        let wait = || {
            let cell = Arc::clone(&cell);
            move || *cell.wait()
        };
        let (task, thread) = (spawn(wait()), thread::spawn(wait()));
        yield_now();
        cell.set(4).unwrap();
        assert_eq!((task.join().unwrap(), thread.join().unwrap()), (4, 4));
    });
}

#[test]
fn a_value_that_asks_for_itself_is_refused() {
    run(|| {
        let cell = Arc::new(OnceLock::<u32>::new());
        let again = Arc::clone(&cell);
        let task = spawn(move || {
            again.get_or_init(|| *again.get_or_init(|| 1));
        });
        assert!(task.join().is_err());
        assert_eq!(cell.get_or_init(|| 2), &2);
    });
}

#[test]
fn belongs_to_whoever_has_it_alone() {
    let mut cell = OnceLock::from(1);
    assert_eq!(format!("{cell:?}"), "OnceLock(1)");
    *cell.get_mut().unwrap() += 1;
    assert_eq!(cell.take(), Some(2));
    assert_eq!(format!("{cell:?}"), "OnceLock(<not set>)");
    assert_eq!(cell.get_or_init(|| 3), &3);
    assert_eq!(cell.into_inner(), Some(3));
    assert_eq!(OnceLock::<u8>::default().into_inner(), None);
}
