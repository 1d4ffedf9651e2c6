//! Signals that a thread waits for: the handler counts, and nothing else.

use std::cell::UnsafeCell;
use std::io;
use std::mem::MaybeUninit;

use libc::{c_int, c_void, siginfo_t};

use crate::primitive::static_sync::Once;
use crate::sys::signal::{Action, keeping_errno};

/// The signal that asks for a dump: Ctrl-\ on a terminal.
pub(crate) const QUIT: i32 = libc::SIGQUIT;

/// How often the signal came that nobody has waited for yet.
struct Count(UnsafeCell<MaybeUninit<libc::sem_t>>);

// SAFETY: a semaphore is made for several threads, and handlers.
unsafe impl Sync for Count {}

static COUNT: Count = Count(UnsafeCell::new(MaybeUninit::uninit()));
static MADE: Once = Once::new();

/// From now on the signal is counted instead of what it did before.
///
/// # Errors
/// If the process has a handler of its own for it, which then stays.
pub(crate) fn count(signal: i32) -> io::Result<()> {
    made();
    let before = Action::current(signal).ok_or_else(io::Error::last_os_error)?;
    if before.is_function() && !before.calls(add_one) {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "the process has a handler for this signal",
        ));
    }
    let installed = Action::call(add_one).install(signal);
    installed.map(drop).ok_or_else(io::Error::last_os_error)
}

/// Waits for the next signal that is counted.
pub(crate) fn wait() {
    let count = made();
    // SAFETY: it is made, and lives for ever. An interrupted wait is begun again.
    while unsafe { libc::sem_wait(count) } != 0 {}
}

/// The handler. `sem_post` may be called in one, and fails only where too many were counted.
extern "C" fn add_one(_signal: c_int, _info: *mut siginfo_t, _context: *mut c_void) {
    keeping_errno(|| {
        // SAFETY: it was made before the handler was installed.
        unsafe { libc::sem_post(COUNT.0.get().cast()) };
    });
}

/// The count, which is made by the first caller. Not in a handler.
fn made() -> *mut libc::sem_t {
    MADE.call_once(|| {
        // SAFETY: nobody has used it yet; it lives for ever.
        unsafe { libc::sem_init(COUNT.0.get().cast(), 0, 0) };
    });
    COUNT.0.get().cast()
}
