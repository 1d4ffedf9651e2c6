//! What becomes of a value when the runtime of the task that makes it ends.

use std::sync::Arc;
use std::thread;

use super::*;
use crate::spawn;
use crate::task::place::trial::{leave_one, until_parked};

#[test]
#[cfg_attr(
    miri,
    ignore = "a whole runtime may take minutes there; see the mutex's"
)]
fn if_the_one_that_makes_it_is_left_behind_the_next_makes_it() {
    const RESOURCE: usize = 0x1250;
    let cell = Arc::new(OnceLock::new());
    let shared = Arc::clone(&cell);
    let behind = leave_one(move || {
        let making = Arc::clone(&shared);
        let task = spawn(move || {
            making.get_or_init(|| {
                loop {
                    task::park(Reason::Other, RESOURCE, TaskId::NONE);
                }
            });
        });
        until_parked(task.id(), RESOURCE);
        assert_eq!(shared.turn.holder(), task.id());
        thread::spawn(move || *shared.get_or_init(|| 2))
    });
    assert_eq!(behind.join().unwrap(), 2);
    assert_eq!(cell.get(), Some(&2));
}
