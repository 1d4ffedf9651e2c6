//! A runtime's epoll: made with its first socket, polled by whoever has nothing better to do.
//!
//! The *seat* belongs to the one worker that may wait in it. Around it there is a protocol with
//! those who wake workers (`Shared::unpark`):
//!
//! | a worker that falls asleep | who wakes it |
//! |---|---|
//! | 1. takes the seat | a. gives the worker's permit |
//! | 2. **fence, SeqCst** | b. **fence, SeqCst** |
//! | 3. looks for its permit: if it is there, does not wait | c. reads the seat: if it is that worker's, interrupts |
//! | 4. waits in the epoll | |
//! | 5. leaves the seat, looks for its permit | |
//!
//! Either 3 sees the permit, or c sees the seat. An interrupt that comes after 4 ends the next wait
//! in vain.

use std::io;
use std::os::fd::{BorrowedFd, RawFd};

use crate::netpoll::source::{Side, Source};
use crate::primitive::{
    static_atomic::{AtomicU64, AtomicUsize, Ordering, fence},
    static_sync::{Mutex, OnceLock},
};
use crate::sys::epoll::{Epoll, Event};

/// Events taken at once: with more ready, whoever looks next takes them.
const BATCH: usize = 128;

/// Nobody's seat.
const FREE: usize = 0;

/// The epoll of one runtime, if it has one.
#[derive(Debug)]
pub(crate) struct Poller {
    epoll: OnceLock<Epoll>,
    /// Held while the epoll is made.
    making: Mutex<()>,
    /// The processor whose worker sits in the epoll, and 1.
    seat: AtomicUsize,
    /// Polls so far: a number that stays shows that nobody looks.
    polls: AtomicU64,
}

/// The right to wait in the epoll.
#[must_use]
pub(crate) struct Seat<'p> {
    poller: &'p Poller,
    epoll: &'p Epoll,
}

impl Poller {
    pub(crate) fn new() -> Self {
        Self {
            epoll: OnceLock::new(),
            making: Mutex::new(()),
            seat: AtomicUsize::new(FREE),
            polls: AtomicU64::new(0),
        }
    }

    /// Registers a descriptor under its place's key.
    ///
    /// # Errors
    /// If there is no epoll yet and the kernel makes none, or if it refuses the descriptor.
    pub(super) fn add(&self, fd: BorrowedFd<'_>, source: &Source) -> io::Result<()> {
        self.epoll()?.add(fd, source.key())
    }

    /// Forgets a descriptor.
    pub(super) fn delete(&self, fd: RawFd) {
        if let Some(epoll) = self.epoll.get() {
            epoll.delete(fd);
        }
    }

    /// Whether there is anything to poll, and nobody who waits for it. A load where there is not.
    #[inline]
    pub(crate) fn is_unattended(&self) -> bool {
        self.epoll.get().is_some() && self.seat.load(Ordering::Relaxed) == FREE
    }

    /// Takes what has happened, without waiting; hands the slots of those to wake to `wake`.
    /// Whether there was any.
    pub(crate) fn poll(&self, wake: impl FnMut(u32)) -> bool {
        let Some(epoll) = self.epoll.get() else {
            return false;
        };
        self.take_events(epoll, Some(0), wake)
    }

    /// Step 1: takes the seat for this processor's worker, if there is one and it is free.
    pub(crate) fn sit_down(&self, processor: usize) -> Option<Seat<'_>> {
        let epoll = self.epoll.get()?;
        self.seat
            .compare_exchange(FREE, processor + 1, Ordering::SeqCst, Ordering::Relaxed)
            .ok()?;
        // Step 2, pairs with the fence in `interrupt`.
        fence(Ordering::SeqCst);
        Some(Seat {
            poller: self,
            epoll,
        })
    }

    /// Steps b and c: wakes this processor's worker if it sits in the epoll; its permit is given.
    pub(crate) fn interrupt(&self, processor: usize) {
        let Some(epoll) = self.epoll.get() else {
            return;
        };
        fence(Ordering::SeqCst);
        if self.seat.load(Ordering::Relaxed) == processor + 1 {
            epoll.interrupt();
        }
    }

    /// How often somebody polled, for the monitor.
    pub(crate) fn polls(&self) -> u64 {
        self.polls.load(Ordering::Relaxed)
    }

    fn take_events(&self, epoll: &Epoll, wait_ns: Option<u64>, mut wake: impl FnMut(u32)) -> bool {
        let mut room = [Event::EMPTY; BATCH];
        let events = epoll.wait(&mut room, wait_ns);
        self.polls.fetch_add(1, Ordering::Relaxed);
        if events.is_empty() {
            return false;
        }
        // The places first: the lock on their list is not held while tasks are queued.
        let mut places = [None; BATCH];
        Source::find(events.iter().map(Event::key), |number, source| {
            places[number] = Some(source);
        });
        let mut woken = false;
        for (event, source) in events.iter().zip(places) {
            if let Some(source) = source {
                note(event, source, |slot| {
                    woken = true;
                    wake(slot);
                });
            }
        }
        woken
    }

    fn epoll(&self) -> io::Result<&Epoll> {
        let _making = self
            .making
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(epoll) = self.epoll.get() {
            return Ok(epoll);
        }
        let epoll = Epoll::new()?;
        Ok(self.epoll.get_or_init(|| epoll))
    }
}

/// Notes an event on the directions that it is about.
fn note(event: &Event, source: &Source, mut wake: impl FnMut(u32)) {
    if event.is_readable() {
        source.side(Side::Read).note(event.is_end(), &mut wake);
    }
    if event.is_writable() {
        source.side(Side::Write).note(false, &mut wake);
    }
}

impl Seat<'_> {
    /// Step 4: waits for events, `interrupt`, or this long (`None`: for ever), and hands the slots
    /// of those to wake to `wake`.
    pub(crate) fn wait(&self, wait_ns: Option<u64>, wake: impl FnMut(u32)) {
        self.poller.take_events(self.epoll, wait_ns, wake);
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        // The fetch that follows of the permit is under its lock.
        self.poller.seat.store(FREE, Ordering::SeqCst);
    }
}
