//! The poller: how a task waits for a descriptor without holding a thread.
//!
//! Used by the sockets of `net`, and by the scheduler, in whose find loop it stands. Files and
//! terminals are no descriptors for it: they go through [`blocking`](crate::blocking).
//!
//! | file | what |
//! |---|---|
//! | `word.rs` | the park word of one direction: who waits, and how no wake-up is lost |
//! | `direction.rs` | the word, and the list of those who come when somebody waits already |
//! | `source.rs` | the places of descriptors: two directions and a generation, never freed |
//! | `registration.rs` | a descriptor's hold on its place, and in which runtimes it is polled |
//! | `poller.rs` | a runtime's epoll: who waits in it, and what its events wake |
//! | `stand_in.rs` | a poller that is never in use, for Miri and loom |
//!
//! # The walk of one read
//!
//! 1. `TcpStream::read` looks at the direction's word, and makes the system call. Mostly that is
//!    all: the bytes are there.
//! 2. It would block. The first time, the descriptor is registered with the runtime's epoll, once
//!    for both directions, edge-triggered; the first descriptor of all makes the epoll. The kernel
//!    reports at once what is ready already.
//! 3. The task writes its slot into the word, unless something has happened since step 1, and parks
//!    (`io_read`). Its worker goes on, and with nothing left to run looks for events without
//!    waiting, searches elsewhere, and falls asleep *in the epoll*, if nobody else does, with the
//!    earliest timer as its timeout.
//! 4. The kernel wakes it. For each event it finds the place by its index, compares the generation,
//!    moves the word's tick on, and takes who waits there. All of them go into its own ring
//!    without waking anybody; it takes the first and runs it, and if more are left wakes another
//!    worker, once for the batch.
//! 5. The task begins again at 1. A read that gave less than was asked for has emptied the
//!    descriptor: the next read skips the call that would only say so, as long as the tick is the
//!    same.
//!
//! # Who polls
//!
//! | who | when | waits |
//! |---|---|---|
//! | a searcher | its own ring and the global queue are empty, nobody sits in the epoll | no |
//! | a sleeper, one at a time | nothing was found anywhere | until an event, a wake-up, the timers |
//! | a busy worker | every 61st task, nobody sits in the epoll | no |
//! | the monitor | nobody has polled for 10 ms | no; it wakes a sleeper for it if there is one |
//!
//! A worker that leaves the epoll with tasks wakes nobody to sit there in its place: it mostly
//! comes back within microseconds, and waking a core costs 16 to 30. It raises the *close watch*
//! instead (`sched/README.md`), and the monitor, which then looks every 10 ms, sees that nobody
//! polls. A worker that sits in the epoll is woken through an eventfd, and only if no other sleeper
//! is left to wake; tasks that are woken by a worker's own hand never write to it.
//!
//! A program without sockets pays a load where a worker searches, sleeps, and makes its rounds.
//!
//! # Several runtimes, and threads
//!
//! A task can wait for a socket that another runtime's task made: the descriptor is then registered
//! with both, and either's events wake it. On a thread that runs no task, and while unwinding, a
//! socket blocks the thread in `poll(2)`.

mod direction;
#[cfg(not(any(miri, loom)))]
mod poller;
#[cfg(not(any(miri, loom)))]
mod registration;
#[cfg(not(any(miri, loom)))]
mod source;
#[cfg(any(miri, loom))]
mod stand_in;
mod word;

#[cfg(any(miri, loom))]
pub(crate) use stand_in::Poller;
#[cfg(not(any(miri, loom)))]
pub(crate) use {
    direction::{Direction, Seen, Stay},
    poller::Poller,
    registration::Registration,
    source::{Side, Source},
};
