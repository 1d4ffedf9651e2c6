//! Ends the demo: a thread waits for what ends it and tells the root task. Called before the
//! runtime starts, so that every thread inherits the blocked signals.

use std::io::{Read, stdin};
use std::mem::MaybeUninit;

use runtime::chan::Sender;

/// Tells `stop` of the first SIGINT or SIGTERM.
pub fn on_signal(stop: Sender<&'static str>) {
    let signals = block_signals();
    std::thread::spawn(move || {
        let mut signal = 0;
        // SAFETY: both point at initialised values that live across the call.
        unsafe { libc::sigwait(&raw const signals, &raw mut signal) };
        // The root task may be on its way out already.
        let _ = stop.send(if signal == libc::SIGINT {
            "interrupted"
        } else {
            "terminated"
        });
    });
}

/// Tells `stop` when stdin ends.
pub fn on_end_of_stdin(stop: Sender<&'static str>) {
    std::thread::spawn(move || {
        let mut ignored = [0; 64];
        while matches!(stdin().read(&mut ignored), Ok(1..)) {}
        // The root task may be on its way out already.
        let _ = stop.send("stdin has ended");
    });
}

/// Keeps both signals pending in this thread and those it starts, for `sigwait` to take.
fn block_signals() -> libc::sigset_t {
    let mut signals = MaybeUninit::uninit();
    // SAFETY: initialises the set that it is given.
    unsafe { libc::sigemptyset(signals.as_mut_ptr()) };
    for signal in [libc::SIGINT, libc::SIGTERM] {
        // SAFETY: the set was initialised above.
        unsafe { libc::sigaddset(signals.as_mut_ptr(), signal) };
    }
    // SAFETY: the set was initialised above.
    let signals = unsafe { signals.assume_init() };
    // SAFETY: the set is initialised; the old mask is not asked for.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const signals, std::ptr::null_mut()) };
    signals
}
