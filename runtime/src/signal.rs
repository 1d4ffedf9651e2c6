//! Signals of the process, waited for by tasks.
//!
//! A handler that may run anywhere at any time only writes a byte into a socket; a task reads it.
//! The handlers are those of the `signal-hook` crate, so they get along with others of the process
//! that are installed through it. They stay for as long as the process: one that is not waited for
//! any more has no effect, and the signal's default does not come back.
//!
//! ```no_run
//! use runtime::signal::{Signal, Signals};
//!
//! runtime::Runtime::run(|| {
//!     let mut signals = Signals::new(&[Signal::Interrupt, Signal::Terminate]).unwrap();
//!     println!("ends by {:?}", signals.wait());
//! });
//! ```

use std::collections::VecDeque;
use std::io;

use signal_hook::consts;
use signal_hook::iterator::{backend::SignalDelivery, exfiltrator::SignalOnly};

use crate::cancel::{Interrupted, Until};
use crate::net::UnixStream;
use crate::sys::signal::move_handlers_to_alternate_stacks;

/// A signal that a program may wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Signal {
    /// `SIGHUP`: the terminal is gone; by custom, to read the configuration again.
    Hangup,
    /// `SIGINT`: control-C.
    Interrupt,
    /// `SIGQUIT`.
    Quit,
    /// `SIGTERM`: to end in order.
    Terminate,
    /// `SIGUSR1`.
    User1,
    /// `SIGUSR2`.
    User2,
    /// `SIGCHLD`: a child process has ended or stopped.
    Child,
    /// `SIGWINCH`: the terminal has another size.
    WindowChange,
}

/// All that can be waited for.
const ALL: [(Signal, i32); 8] = [
    (Signal::Hangup, consts::SIGHUP),
    (Signal::Interrupt, consts::SIGINT),
    (Signal::Quit, consts::SIGQUIT),
    (Signal::Terminate, consts::SIGTERM),
    (Signal::User1, consts::SIGUSR1),
    (Signal::User2, consts::SIGUSR2),
    (Signal::Child, consts::SIGCHLD),
    (Signal::WindowChange, consts::SIGWINCH),
];

impl Signal {
    fn number(self) -> i32 {
        let pair = ALL.iter().find(|(signal, _)| *signal == self);
        pair.expect("the list has them all").1
    }

    fn of(number: i32) -> Option<Self> {
        let pair = ALL.iter().find(|(_, known)| *known == number);
        pair.map(|(signal, _)| *signal)
    }
}

/// Signals that came, and those to come.
///
/// Several of one kind that come before the task looks are one.
#[derive(Debug)]
pub struct Signals {
    delivery: SignalDelivery<UnixStream, SignalOnly>,
    came: VecDeque<Signal>,
}

impl Signals {
    /// From here on these signals do nothing but to be waited for.
    ///
    /// # Errors
    ///
    /// If the process has no descriptors left.
    pub fn new(signals: &[Signal]) -> io::Result<Self> {
        let (read, write) = std::os::unix::net::UnixStream::pair()?;
        write.set_nonblocking(true)?;
        let read = UnixStream::from_std(read)?;
        let numbers = signals.iter().map(|signal| signal.number());
        let delivery = SignalDelivery::with_pipe(read, write, SignalOnly, numbers)?;
        // Now, not at the monitor's next look: they may run on tasks' stacks.
        move_handlers_to_alternate_stacks();
        Ok(Self {
            delivery,
            came: VecDeque::new(),
        })
    }

    /// Waits for one of the signals. The task is parked with the reason `io_read`.
    pub fn wait(&mut self) -> Signal {
        match self.wait_until(Until::FOREVER) {
            Ok(signal) => signal,
            Err(_) => unreachable!("a wait without an end is not interrupted"),
        }
    }

    /// Like [`wait`](Self::wait), but for no longer than `until`.
    ///
    /// # Errors
    ///
    /// If the wait ended before a signal came.
    pub fn wait_until<'u>(&mut self, until: impl Into<Until<'u>>) -> Result<Signal, Interrupted> {
        let until = until.into();
        loop {
            self.came
                .extend(self.delivery.pending().filter_map(Signal::of));
            if let Some(signal) = self.came.pop_front() {
                return Ok(signal);
            }
            let woken = self.delivery.get_read().read_until(&mut [0], until);
            if woken.is_err() {
                until.check()?;
            }
        }
    }
}
