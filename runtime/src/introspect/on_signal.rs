//! A dump on SIGQUIT, for programs that nobody may attach to.

use std::io::{self, Write};
use std::sync::PoisonError;

use super::Dump;
use crate::primitive::static_sync::Mutex;
use crate::sys::signal_count;

/// Whether the thread has been started.
static STARTED: Mutex<bool> = Mutex::new(false);

/// From now on the process writes a [`Dump`] with stacks to the standard error output when it gets
/// SIGQUIT (Ctrl-\ on a terminal, `kill -QUIT`), and goes on. Without this call the signal ends the
/// process.
///
/// The signal's handler only wakes a thread, called `dump`, that does the work. A child of a fork
/// without exec ignores the signal. Asking twice changes nothing.
///
/// ```
/// runtime::introspect::dump_on_sigquit()?;
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// If the program has a handler of its own for the signal, or no thread can be started.
pub fn dump_on_sigquit() -> io::Result<()> {
    let mut is_started = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
    if !*is_started {
        let thread = std::thread::Builder::new().name("dump".to_owned());
        thread.spawn(dump_for_ever)?;
        *is_started = true;
    }
    signal_count::count(signal_count::QUIT)
}

fn dump_for_ever() {
    loop {
        signal_count::wait();
        // Nobody is left to be told if that fails.
        let _ = writeln!(io::stderr(), "{}", Dump::with_stacks());
    }
}
