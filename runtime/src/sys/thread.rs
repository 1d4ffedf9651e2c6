//! Starting threads, and asking what they do.

use std::io;

use crate::primitive::thread::{Builder, JoinHandle};

/// Stack of a worker's thread. Tasks run on their own stacks, the scheduler needs little; the
/// panic hook of a report may need more.
const STACK_BYTES: usize = 512 * 1024;

/// Starts a thread of the runtime.
pub(crate) fn start(
    name: String,
    body: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    Builder::new()
        .name(name)
        .stack_size(STACK_BYTES)
        .spawn(body)
}

/// How many threads the process has; `None` if the kernel does not tell.
pub(crate) fn count() -> Option<usize> {
    Some(std::fs::read_dir("/proc/self/task").ok()?.count())
}

/// The kernel's number of a thread of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ThreadId(libc::pid_t);

impl ThreadId {
    /// The calling thread's; `None` where there is none (Miri).
    pub(crate) fn current() -> Option<Self> {
        if cfg!(miri) {
            return None;
        }
        // SAFETY: no arguments; it cannot fail.
        Some(Self(unsafe { libc::gettid() }))
    }

    /// Whether the thread sleeps in a system call, neither running nor waiting for a core.
    /// Reads a file of `/proc`: for the monitor, seldom.
    pub(crate) fn is_blocked(self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/self/task/{}/stat", self.0));
        // `pid (name) state …`; the name may hold anything, also brackets.
        let state = stat.ok().and_then(|stat| {
            let (_, after_name) = stat.rsplit_once(") ")?;
            after_name.chars().next()
        });
        matches!(state, Some('S' | 'D'))
    }
}

#[cfg(all(test, not(any(loom, miri))))]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_waits_is_blocked_and_a_running_one_is_not() {
        let (send, receive) = std::sync::mpsc::channel();
        let (release, wait) = std::sync::mpsc::channel::<()>();
        let waiting = start("waits (or not) ".to_owned(), move || {
            send.send(ThreadId::current().unwrap()).unwrap();
            let _ = wait.recv();
        });
        let thread = receive.recv().unwrap();
        while !thread.is_blocked() {
            std::thread::yield_now();
        }
        assert!(!ThreadId::current().unwrap().is_blocked());
        drop(release);
        waiting.unwrap().join().unwrap();
    }
}
