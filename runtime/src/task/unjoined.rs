//! The panic of a task that nobody joins: it goes to the panic hook and is counted.
//!
//! The hook has seen the panic itself when it happened, without the task. Once it is sure
//! that nobody will take the result, the hook is called again with a message that names
//! task, name and site. The call comes from the task's root or from the drop of its handle.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::primitive::static_atomic::{AtomicU64, Ordering};
use crate::task::JoinError;

static REPORTED: AtomicU64 = AtomicU64::new(0);

/// How many tasks of this process panicked without anyone taking their results.
///
/// ```
/// let panics = runtime::task::unjoined_panics();
/// assert_eq!(panics, 0);
/// ```
#[must_use]
pub fn unjoined_panics() -> u64 {
    REPORTED.load(Ordering::Relaxed)
}

/// Reports an error whose result was dropped; only panics are worth a report.
pub(crate) fn report(error: &JoinError) {
    if !error.is_panic() {
        return;
    }
    REPORTED.fetch_add(1, Ordering::Relaxed);
    let message = format!("{error}; nobody joined it");
    if std::thread::panicking() {
        // A second hook call while unwinding would end the process.
        eprintln!("{message}");
        return;
    }
    let _ = catch_unwind(AssertUnwindSafe(|| panic!("{message}")));
}
