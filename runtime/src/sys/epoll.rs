//! The kernel's list of ready descriptors, and a way to wake who waits for it.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;

/// The key of the wake-up in [`Epoll::wait`].
const INTERRUPT: u64 = u64::MAX;

/// One epoll, with an eventfd in it. Both are closed in programs that the process becomes.
#[derive(Debug)]
pub(crate) struct Epoll {
    epoll: OwnedFd,
    interrupt: OwnedFd,
}

/// A place for one event.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Event(libc::epoll_event);

impl Epoll {
    /// # Errors
    /// If the process has no descriptor left, or the user.
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: no pointers; the result is checked below.
        let epoll = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        let epoll = owned(epoll)?;
        // SAFETY: as above.
        let interrupt = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        let interrupt = owned(interrupt)?;
        let this = Self { epoll, interrupt };
        // Edge-triggered: every write is an event, and nobody need read it.
        let events = libc::EPOLLIN | libc::EPOLLET;
        this.control(this.interrupt.as_raw_fd(), events, INTERRUPT)?;
        Ok(this)
    }

    /// Registers a descriptor, both directions, edge-triggered; what is ready already is an event.
    ///
    /// # Errors
    /// If the kernel refuses: `EPERM` for files, `ENOSPC` and `ENOMEM` beyond its limits.
    pub(crate) fn add(&self, fd: BorrowedFd<'_>, key: u64) -> io::Result<()> {
        let directions = libc::EPOLLIN | libc::EPOLLOUT | libc::EPOLLRDHUP | libc::EPOLLPRI;
        self.control(fd.as_raw_fd(), directions | libc::EPOLLET, key)
    }

    fn control(&self, fd: RawFd, events: i32, key: u64) -> io::Result<()> {
        let mut event = libc::epoll_event {
            events: events.cast_unsigned(),
            u64: key,
        };
        let epoll = self.epoll.as_raw_fd();
        // SAFETY: the event is a live structure, and the kernel checks the descriptors.
        let result = unsafe { libc::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, fd, &raw mut event) };
        checked(result).map(drop)
    }

    /// Forgets a descriptor. One that is not there, or closed, is none to forget.
    pub(crate) fn delete(&self, fd: RawFd) {
        let epoll = self.epoll.as_raw_fd();
        // SAFETY: this operation reads no event.
        unsafe { libc::epoll_ctl(epoll, libc::EPOLL_CTL_DEL, fd, ptr::null_mut()) };
    }

    /// Waits until something happens, at most for this long (`None`: for ever), and gives the
    /// events. None at all: the time is over, or a signal or `interrupt` came.
    pub(crate) fn wait<'e>(&self, events: &'e mut [Event], wait_ns: Option<u64>) -> &'e [Event] {
        let count = match wait_ns {
            Some(wait_ns @ 1..) => self.wait_precisely(events, wait_ns),
            Some(0) => self.wait_ms(events, 0),
            None => self.wait_ms(events, -1),
        };
        let count = usize::try_from(count).unwrap_or(0);
        &events[..count]
    }

    fn wait_ms(&self, events: &mut [Event], wait_ms: i32) -> i32 {
        let (epoll, room) = (self.epoll.as_raw_fd(), room(events));
        // SAFETY: the slice is live, `Event` is what the kernel writes, and no more than its length.
        unsafe { libc::epoll_wait(epoll, events.as_mut_ptr().cast(), room, wait_ms) }
    }

    /// To the nanosecond, for the timers; where that is refused (a seccomp filter of its day),
    /// to the next millisecond.
    fn wait_precisely(&self, events: &mut [Event], wait_ns: u64) -> i32 {
        let time = libc::timespec {
            tv_sec: (wait_ns / 1_000_000_000) as libc::time_t,
            tv_nsec: (wait_ns % 1_000_000_000) as libc::c_long,
        };
        // SAFETY: as in `wait_ms`; the time is a live structure, and there is no signal mask. The
        // call goes through the C library's function, which has no wrapper of its own for it on
        // all systems that this is built for.
        let count = unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait2,
                self.epoll.as_raw_fd(),
                events.as_mut_ptr(),
                room(events),
                &raw const time,
                ptr::null::<libc::sigset_t>(),
                0_usize,
            )
        };
        let is_refused = count < 0
            && matches!(
                io::Error::last_os_error().raw_os_error(),
                Some(libc::ENOSYS | libc::EPERM)
            );
        if is_refused {
            let wait_ms = i32::try_from(wait_ns.div_ceil(1_000_000)).unwrap_or(i32::MAX);
            return self.wait_ms(events, wait_ms);
        }
        count as i32
    }

    /// Makes who waits return, or else the next one who does.
    pub(crate) fn interrupt(&self) {
        let one = 1_u64;
        let fd = self.interrupt.as_raw_fd();
        // SAFETY: the number is live and as long as said. It cannot fail: the count overflows
        // after 2⁶⁴ wake-ups.
        let written = unsafe { libc::write(fd, (&raw const one).cast(), size_of_val(&one)) };
        debug_assert_eq!(written, 8);
    }
}

impl Event {
    /// For [`Epoll::wait`] to write to.
    pub(crate) const EMPTY: Self = Self(libc::epoll_event { events: 0, u64: 0 });

    /// The key of the registration; of none for an interrupt.
    pub(crate) fn key(&self) -> u64 {
        self.0.u64
    }

    /// Whether a read, or an accept, may go on.
    pub(crate) fn is_readable(&self) -> bool {
        self.has(
            libc::EPOLLIN | libc::EPOLLPRI | libc::EPOLLRDHUP | libc::EPOLLHUP | libc::EPOLLERR,
        )
    }

    /// Whether a write, or a connect, may go on.
    pub(crate) fn is_writable(&self) -> bool {
        self.has(libc::EPOLLOUT | libc::EPOLLHUP | libc::EPOLLERR)
    }

    /// Whether the peer sends no more, the descriptor has failed, or urgent bytes are there: a
    /// read that gives less than was asked for has then not emptied it for good.
    pub(crate) fn is_end(&self) -> bool {
        self.has(libc::EPOLLPRI | libc::EPOLLRDHUP | libc::EPOLLHUP | libc::EPOLLERR)
    }

    fn has(&self, any: i32) -> bool {
        self.0.events & any.cast_unsigned() != 0
    }
}

fn room(events: &[Event]) -> i32 {
    i32::try_from(events.len()).unwrap_or(i32::MAX)
}

fn owned(fd: RawFd) -> io::Result<OwnedFd> {
    let fd = checked(fd)?;
    // SAFETY: the kernel has just made it, and nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn checked(result: i32) -> io::Result<i32> {
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(result)
}

#[cfg(all(test, not(any(miri, loom))))]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    const LONG_NS: Option<u64> = Some(u64::MAX / 4);

    #[test]
    fn what_is_ready_before_the_registration_is_an_event_and_only_once() {
        let epoll = Epoll::new().unwrap();
        let (mut near, mut far) = UnixStream::pair().unwrap();
        near.write_all(b"x").unwrap();
        epoll.add(far.as_fd(), 7).unwrap();
        let mut room = [Event::EMPTY; 4];
        let events = epoll.wait(&mut room, LONG_NS);
        assert_eq!(events.len(), 1);
        assert!(events[0].key() == 7 && events[0].is_readable() && events[0].is_writable());
        assert!(epoll.wait(&mut room, Some(0)).is_empty(), "it is an edge");
        near.write_all(b"y").unwrap();
        assert!(epoll.wait(&mut room, None)[0].is_readable());
        far.read_exact(&mut [0; 2]).unwrap();
        drop(near);
        let events = epoll.wait(&mut room, LONG_NS);
        assert!(events[0].is_end() && events[0].is_readable());
    }

    #[test]
    fn a_deleted_descriptor_is_silent() {
        let epoll = Epoll::new().unwrap();
        let (near, far) = UnixStream::pair().unwrap();
        epoll.add(far.as_fd(), 7).unwrap();
        epoll.delete(far.as_raw_fd());
        drop(near);
        assert!(epoll.wait(&mut [Event::EMPTY; 4], Some(1)).is_empty());
    }

    #[test]
    fn an_interrupt_before_the_wait_ends_it_and_so_does_the_next() {
        let epoll = Epoll::new().unwrap();
        let mut room = [Event::EMPTY; 4];
        for _ in 0..2 {
            epoll.interrupt();
            let events = epoll.wait(&mut room, None);
            assert_eq!(events.first().map(Event::key), Some(INTERRUPT));
        }
    }
}
