//! The tree: who is cancelled with whom, who is woken, what stays behind.

use super::*;
use crate::cancel::{self, timeout};
use crate::{Runtime, spawn, yield_now};

#[test]
fn cancelling_reaches_all_below_and_nobody_else() {
    let root = Token::new();
    let (left, right) = (root.child(), root.child());
    let below = left.child().child();
    left.cancel();
    assert!(left.is_cancelled() && below.is_cancelled());
    assert!(!root.is_cancelled() && !right.is_cancelled());
    root.cancel();
    assert!(right.is_cancelled() && root.child().is_cancelled());
}

#[test]
fn the_first_cause_stays_and_goes_down() {
    let root = Token::new();
    let below = root.child();
    root.cancel_because("the disk is full");
    root.cancel();
    assert_eq!(
        below.check().unwrap_err().to_string(),
        "cancelled: the disk is full"
    );
}

#[test]
fn a_deadline_is_the_earliest_from_here_up() {
    let hour = Duration::from_secs(3600);
    let root = Token::new().child_for(hour);
    assert_eq!(root.child_for(2 * hour).deadline(), root.deadline());
    let past = root.child_for(Duration::ZERO);
    assert!(past.is_cancelled() && !root.is_cancelled());
    assert!(matches!(past.child().cause(), Some(Cause::DeadlinePassed)));
}

#[test]
fn whoever_waits_is_woken_tasks_and_threads() {
    Runtime::run(|| {
        let token = Token::new();
        let child = token.child();
        let task = {
            let child = child.clone();
            spawn(move || child.wait().to_string())
        };
        let thread = {
            let child = child.clone();
            std::thread::spawn(move || child.wait())
        };
        while child.0.lock().waiters.len() < 2 {
            yield_now();
        }
        token.cancel();
        assert_eq!(task.join().unwrap(), "cancelled: it was asked for");
        crate::blocking(|| thread.join()).unwrap();
    });
}

#[test]
fn a_wait_that_ends_otherwise_leaves_nothing_behind() {
    Runtime::run(|| {
        let token = Token::new();
        let until = Until::from(&token).or_after(Duration::from_millis(1));
        assert!(until.wait().is_timeout());
        drop(token.child());
        let state = token.0.lock();
        assert!(state.waiters.is_empty() && state.children.is_empty());
    });
}

#[test]
fn a_long_chain_of_tokens_is_dropped_without_recursion() {
    let mut token = Token::new();
    for _ in 0..(if cfg!(miri) { 100 } else { 200_000 }) {
        token = token.child();
    }
    drop(token);
}

#[test]
fn a_long_chain_is_cancelled_without_recursion() {
    let root = Token::new();
    let mut all = vec![root.child()];
    for depth in 0..(if cfg!(miri) { 100 } else { 200_000 }) {
        all.push(all[depth].child());
    }
    root.cancel();
    assert!(all.iter().all(Token::is_cancelled));
    // The last goes first: the others would otherwise end in one chain of drops.
    drop(all);
}

#[test]
fn a_task_works_under_a_child_of_its_spawners_token() {
    Runtime::run(|| {
        let task = spawn(|| {
            let mine = cancel::current();
            let child = spawn(|| cancel::current().wait().to_string());
            mine.cancel_because("enough");
            child.join().unwrap()
        });
        assert_eq!(task.join().unwrap(), "cancelled: enough");
        assert!(
            cancel::check().is_ok(),
            "only that task and what is below it"
        );
    });
}

#[test]
fn a_handle_cancels_its_task_before_and_after_it_asked() {
    Runtime::run(|| {
        let early = spawn(|| cancel::sleep(Duration::from_secs(3600)).is_err());
        early.cancel();
        assert!(early.join().unwrap());
        let (asked, has_asked) = crate::chan::bounded(1);
        let late = spawn(move || {
            let token = cancel::current();
            asked.send(()).unwrap();
            let child = spawn(|| cancel::sleep(Duration::from_secs(3600)).is_err());
            token.wait();
            child.join().unwrap()
        });
        has_asked.recv().unwrap();
        late.cancel();
        assert!(late.join().unwrap());
    });
}

#[test]
fn what_a_timeout_leaves_behind_is_told_to_stop() {
    Runtime::run(|| {
        let left = timeout(Duration::from_secs(3600), || {
            spawn(|| cancel::current().wait().to_string())
        });
        assert_eq!(left.join().unwrap(), "cancelled: it was asked for");
        let slept = timeout(Duration::from_millis(1), || {
            cancel::sleep(Duration::from_secs(3600))
        });
        let cancelled = slept.unwrap_err();
        assert!(matches!(cancelled.cause(), Cause::DeadlinePassed));
        assert!(cancel::check().is_ok());
    });
}

#[test]
fn a_guard_cancels_on_unwinding_unless_it_is_disarmed() {
    let token = Token::new();
    let guarded = token.child();
    let panicked = std::panic::catch_unwind({
        let guard = guarded.clone().cancel_on_drop();
        move || {
            let _guard = guard;
            std::panic::resume_unwind(Box::new(()));
        }
    });
    assert!(panicked.is_err() && guarded.is_cancelled());
    assert!(!token.child().cancel_on_drop().disarm().is_cancelled());
}

#[test]
fn a_task_that_never_asks_goes_on() {
    Runtime::run(|| {
        let (go, gate) = crate::chan::bounded(1);
        let task = spawn(move || gate.recv());
        task.cancel();
        go.send(7).unwrap();
        assert_eq!(task.join().unwrap(), Ok(7));
    });
}
