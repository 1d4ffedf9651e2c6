//! A poller that is never in use, for Miri and loom: no sockets there.

/// What a runtime has in place of an epoll.
#[derive(Debug)]
pub(crate) struct Poller;

/// The right to wait in what there is not.
pub(crate) enum Seat {}

impl Poller {
    pub(crate) fn new() -> Self {
        Self
    }

    pub(crate) fn is_unattended(&self) -> bool {
        false
    }

    pub(crate) fn poll(&self, _wake: impl FnMut(u32)) -> bool {
        false
    }

    pub(crate) fn sit_down(&self, _processor: usize) -> Option<Seat> {
        None
    }

    pub(crate) fn interrupt(&self, _processor: usize) {}

    pub(crate) fn polls(&self) -> u64 {
        0
    }
}

impl Seat {
    pub(crate) fn wait(&self, _wait_ns: Option<u64>, _wake: impl FnMut(u32)) {
        match *self {}
    }
}
