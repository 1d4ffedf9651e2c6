//! A descriptor's hold on its place, and the runtimes in which it is polled.
//!
//! Made with a socket, empty; filled when a task first has to wait for it. Dropped before the
//! descriptor is closed: copies of it in other processes would keep it in the epolls.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::sync::PoisonError;

use crate::netpoll::{
    Poller,
    source::{Side, Source},
};
use crate::primitive::static_sync::{Mutex, OnceLock};
use crate::task::wake_from_poller;

/// Whether and where a descriptor is registered.
#[derive(Debug)]
pub(crate) struct Registration {
    /// The place, and the poller of the runtime whose task waited first.
    first: OnceLock<(&'static Source, &'static Poller)>,
    /// Held while it is registered anywhere.
    others: Mutex<Others>,
}

#[derive(Debug)]
struct Others {
    fd: RawFd,
    pollers: Vec<&'static Poller>,
}

impl Registration {
    /// None yet.
    pub(crate) const fn new() -> Self {
        let others = Others {
            fd: -1,
            pollers: Vec::new(),
        };
        Self {
            first: OnceLock::new(),
            others: Mutex::new(others),
        }
    }

    /// The descriptor's place, once it has one.
    #[inline]
    pub(crate) fn source(&self) -> Option<&'static Source> {
        self.first.get().map(|(source, _)| *source)
    }

    /// Whether it is registered with this poller.
    #[inline]
    pub(crate) fn is_with(&self, poller: &Poller) -> bool {
        let first = self.first.get();
        first.is_some_and(|(_, first)| std::ptr::eq(*first, poller)) || self.is_also_with(poller)
    }

    #[cold]
    fn is_also_with(&self, poller: &Poller) -> bool {
        let others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        let mut pollers = others.pollers.iter();
        pollers.any(|other| std::ptr::eq(*other, poller))
    }

    /// The place, after the descriptor was registered with this poller, if it was not before.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub(crate) fn ensure(
        &self,
        fd: BorrowedFd<'_>,
        poller: &'static Poller,
    ) -> io::Result<&'static Source> {
        match self.first.get() {
            Some((source, first)) if std::ptr::eq(*first, poller) => Ok(source),
            _ => self.register(fd, poller),
        }
    }

    #[cold]
    fn register(&self, fd: BorrowedFd<'_>, poller: &'static Poller) -> io::Result<&'static Source> {
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((source, first)) = self.first.get() else {
            let source = Source::take();
            if let Err(error) = poller.add(fd, source) {
                source.give_back();
                return Err(error);
            }
            others.fd = fd.as_raw_fd();
            return Ok(self.first.get_or_init(|| (source, poller)).0);
        };
        let mut known = std::iter::once(first).chain(&others.pollers);
        if !known.any(|known| std::ptr::eq(*known, poller)) {
            poller.add(fd, source)?;
            others.pollers.push(poller);
        }
        Ok(source)
    }

    /// Wakes those who wait on this side: what they wait for has changed.
    pub(crate) fn wake(&self, side: Side) {
        let Some(source) = self.source() else {
            return;
        };
        source.side(side).note(false, |slot| {
            if let Some(task) = wake_from_poller(slot) {
                task.shared().make_runnable(task);
            }
        });
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let Some((source, first)) = self.first.get() else {
            return;
        };
        let others = self
            .others
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        first.delete(others.fd);
        others
            .pollers
            .iter()
            .for_each(|poller| poller.delete(others.fd));
        source.give_back();
    }
}
