//! What becomes of a barrier when the runtime of a task that has come ends.

use std::sync::Arc;
use std::thread;

use super::*;
use crate::spawn;
use crate::task::place::trial::{leave_one, until};

#[test]
#[cfg_attr(
    miri,
    ignore = "a whole runtime may take minutes there; see the mutex's"
)]
fn a_leftover_has_not_come() {
    let barrier = Arc::new(Barrier::new(3));
    let shared = Arc::clone(&barrier);
    let coming = |barrier: &Arc<Barrier>| {
        let (coming, before) = (Arc::clone(barrier), barrier.with_come(|come| come.len()));
        (move || coming.wait().is_leader(), before)
    };
    let thread = leave_one(move || {
        let (come, before) = coming(&shared);
        drop(spawn(come));
        until(|| shared.with_come(|come| come.len()) > before);
        let (come, before) = coming(&shared);
        let thread = thread::spawn(come);
        until(|| shared.with_come(|come| come.len()) > before);
        thread
    });
    assert_eq!(barrier.with_come(|come| come.len()), 1);
    let (come, _) = coming(&barrier);
    let second = thread::spawn(come);
    while barrier.with_come(|come| come.len()) < 2 {
        thread::yield_now();
    }
    assert!(barrier.wait().is_leader());
    assert!(!thread.join().unwrap() && !second.join().unwrap());
}
