//! A runtime's epoll: made with its first socket, polled by whoever has nothing better to do.
//!
//! The *seat* belongs to the one worker that may wait in it: `seat.rs`.

use std::io;
use std::os::fd::{BorrowedFd, RawFd};

use crate::netpoll::{
    seat::SeatWord,
    source::{Side, Source},
};
use crate::primitive::{
    static_atomic::{AtomicU64, Ordering},
    static_sync::{Mutex, OnceLock},
};
use crate::sys::epoll::{Epoll, Event};

/// Events taken at once: with more ready, whoever looks next takes them.
const BATCH: usize = 128;

/// The epoll of one runtime, if it has one.
#[derive(Debug)]
pub(crate) struct Poller {
    epoll: OnceLock<Epoll>,
    /// Held while the epoll is made.
    making: Mutex<()>,
    seat: SeatWord,
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
            seat: SeatWord::new(),
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
        self.epoll.get().is_some() && self.seat.is_free()
    }

    /// Takes what has happened, without waiting; hands the slots of those to wake to `wake`.
    /// Whether there was any.
    pub(crate) fn poll(&self, wake: impl FnMut(u32)) -> bool {
        let Some(epoll) = self.epoll.get() else {
            return false;
        };
        self.take_events(epoll, Some(0), wake)
    }

    /// Takes the seat for this processor's worker, if there is one and it is free.
    pub(crate) fn sit_down(&self, processor: usize) -> Option<Seat<'_>> {
        let epoll = self.epoll.get()?;
        let seat = || Seat {
            poller: self,
            epoll,
        };
        self.seat.take(processor).then(seat)
    }

    /// Wakes this processor's worker if it sits in the epoll; its permit is given.
    pub(crate) fn interrupt(&self, processor: usize) {
        if let Some(epoll) = self.epoll.get()
            && self.seat.is_of(processor)
        {
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
    /// Waits for events, `interrupt`, or this long (`None`: for ever), and hands the slots
    /// of those to wake to `wake`.
    pub(crate) fn wait(&self, wait_ns: Option<u64>, wake: impl FnMut(u32)) {
        self.poller.take_events(self.epoll, wait_ns, wake);
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.poller.seat.leave();
    }
}
