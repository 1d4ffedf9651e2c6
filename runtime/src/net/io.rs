//! A socket that does not block, and the loop around each of its calls: try, wait, try again.
//!
//! All sockets of `net` are made of it. The socket itself is the standard library's, which makes
//! the system calls, through the C library; here is only what happens when they would block.

use std::io;
use std::os::fd::AsFd;

use runtime_abi::Reason;

use crate::cancel::{Interrupted, Until, Wait};
use crate::netpoll::{Direction, Poller, Registration, Seen, Side, Source, Stay};
use crate::primitive::static_atomic::{AtomicU64, Ordering};
use crate::sys::socket;
use crate::task::{
    TaskId,
    current::{self, with_worker},
};
use crate::time::{Instant, NEVER};

/// A socket, its place with the poller, and its deadlines.
#[derive(Debug)]
pub(super) struct Io<S> {
    // Dropped before the socket is closed.
    registration: Registration,
    read_deadline_ns: AtomicU64,
    write_deadline_ns: AtomicU64,
    socket: S,
}

/// What a call waits for.
#[derive(Clone, Copy)]
pub(super) struct For<'u> {
    pub(super) reason: Reason,
    pub(super) until: Until<'u>,
}

/// A task that is about to wait.
struct Caller {
    slot: u32,
    poller: &'static Poller,
}

impl<'u> For<'u> {
    pub(super) fn read(until: Until<'u>) -> Self {
        let reason = Reason::IoRead;
        Self { reason, until }
    }

    pub(super) fn write(until: Until<'u>) -> Self {
        let reason = Reason::IoWrite;
        Self { reason, until }
    }

    pub(super) fn accept(until: Until<'u>) -> Self {
        let reason = Reason::IoAccept;
        Self { reason, until }
    }

    fn side(self) -> Side {
        match self.reason {
            Reason::IoWrite => Side::Write,
            _ => Side::Read,
        }
    }
}

impl<S: AsFd> Io<S> {
    /// Takes a socket that does not block.
    pub(super) fn new(socket: S) -> Self {
        Self {
            registration: Registration::new(),
            read_deadline_ns: AtomicU64::new(NEVER),
            write_deadline_ns: AtomicU64::new(NEVER),
            socket,
        }
    }

    #[inline]
    pub(super) fn socket(&self) -> &S {
        &self.socket
    }

    /// The socket, which nobody polls any more.
    pub(super) fn into_socket(self) -> S {
        drop(self.registration);
        self.socket
    }

    /// From when on calls in this direction that would wait fail; those that wait now, too.
    pub(super) fn set_deadline(&self, side: Side, deadline: Option<Instant>) {
        let deadline_ns = deadline.map_or(NEVER, Instant::as_ns);
        // Ordered by the word: who waits under an older tick is woken, who looks later reads this.
        self.deadline_ns(side).store(deadline_ns, Ordering::Relaxed);
        self.registration.wake(side);
    }

    fn deadline_ns(&self, side: Side) -> &AtomicU64 {
        match side {
            Side::Read => &self.read_deadline_ns,
            Side::Write => &self.write_deadline_ns,
        }
    }

    /// Makes a call until it does not block.
    ///
    /// # Errors
    /// Those of the call; and the end of the wait, as [`error_of`] says.
    pub(super) fn run<R>(
        &self,
        what: For<'_>,
        call: impl FnMut(&S) -> io::Result<R>,
    ) -> io::Result<R> {
        self.run_unless_drained(what, call, |_| false)
    }

    /// The same for streams, where a call of which `is_short` says so took all that there was: the
    /// next one, which would only be told that, is left out.
    #[inline]
    pub(super) fn run_unless_drained<R>(
        &self,
        what: For<'_>,
        mut call: impl FnMut(&S) -> io::Result<R>,
        is_short: impl Fn(&R) -> bool,
    ) -> io::Result<R> {
        loop {
            let looked = self.look(what.side());
            let is_drained = looked.is_some_and(|(direction, seen)| direction.is_drained(seen));
            if !is_drained {
                match call(&self.socket) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    done => {
                        if let (Ok(value), Some((direction, seen))) = (&done, looked)
                            && is_short(value)
                        {
                            direction.note_drained(seen);
                        }
                        return done;
                    }
                }
            }
            self.wait(what, looked.map(|(_, seen)| seen))?;
        }
    }

    #[inline]
    fn look(&self, side: Side) -> Option<(&'static Direction, Seen)> {
        let direction = self.registration.source()?.side(side);
        Some((direction, direction.look()))
    }

    /// Waits until something has happened since the look, and perhaps for nothing.
    #[cold]
    fn wait(&self, what: For<'_>, seen: Option<Seen>) -> io::Result<()> {
        let deadline_ns = self.deadline_ns(what.side()).load(Ordering::Relaxed);
        let until = what.until.or_at(Instant::from_ns(deadline_ns));
        let what = For { until, ..what };
        let Some(caller) = Caller::here() else {
            return self.wait_on_thread(what).map_err(error_of);
        };
        let is_known = self.registration.is_with(caller.poller);
        let source = self
            .registration
            .ensure(self.socket.as_fd(), caller.poller)?;
        match seen {
            Some(seen) if is_known => park(source, seen, caller.slot, what).map_err(error_of),
            // What happened before the registration is no event: the call is made once more.
            _ => Ok(()),
        }
    }

    /// Blocks the thread, which runs no task, or one that must not switch.
    fn wait_on_thread(&self, what: For<'_>) -> Result<(), Interrupted> {
        what.until.check()?;
        let for_writing = what.side() == Side::Write;
        let wait_ns = what.until.thread_wait_ns();
        socket::wait_on_thread(self.socket.as_fd(), for_writing, wait_ns);
        Ok(())
    }
}

impl Caller {
    fn here() -> Option<Self> {
        if std::thread::panicking() {
            return None;
        }
        let slot = current::enter()?.slot;
        let poller = with_worker(|worker| &worker.shared().poller)?;
        Some(Self { slot, poller })
    }
}

/// Steps c and d of the park word's protocol.
fn park(source: &'static Source, seen: Seen, slot: u32, what: For<'_>) -> Result<(), Interrupted> {
    let direction = source.side(what.side());
    let Some(stay) = direction.enter(seen, slot) else {
        return Ok(());
    };
    let _leaving = Leaving { direction, stay };
    Wait::new(what.until).park(what.reason, source.address(), TaskId::NONE)
}

/// Leaves the direction, also where a wait unwinds.
struct Leaving {
    direction: &'static Direction,
    stay: Stay,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.direction.leave(self.stay);
    }
}

/// The end of a wait as sockets report it: `TimedOut`, or `Other` around the
/// [`Cancelled`](crate::cancel::Cancelled). Not `Interrupted`: that, callers try again.
pub(super) fn error_of(interrupted: Interrupted) -> io::Error {
    match interrupted {
        Interrupted::TimedOut => io::Error::new(io::ErrorKind::TimedOut, Interrupted::TimedOut),
        Interrupted::Cancelled(cancelled) => io::Error::other(cancelled),
    }
}
