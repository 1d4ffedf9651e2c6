//! Why a task waits and how it ended: the codes in the probes' arguments.
//!
//! Codes are append-only. A reader that meets an unknown one (a newer target) treats it as
//! data, not as an error: every conversion from a code returns an `Option`.

/// What a park's reason says about health.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Someone holds what is wanted.
    Blocked,
    /// For work or a result.
    Waiting,
    /// For time or the world.
    Idle,
}

/// Why a task is parked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Reason {
    /// None of the others.
    Other = 0,
    /// Sending on a full channel.
    ChanSend = 1,
    /// A mutex that another task holds.
    Mutex = 2,
    /// A reader-writer lock that another task holds.
    Rwlock = 3,
    /// A semaphore without a free permit.
    Semaphore = 4,
    /// Receiving on an empty channel.
    ChanRecv = 5,
    /// Several channel operations at once.
    Select = 6,
    /// A condition variable.
    Condvar = 7,
    /// A future that is not ready.
    Future = 8,
    /// The end of another task.
    Join = 9,
    /// A wait group that is not at zero.
    WaitGroup = 10,
    /// A point in time.
    Sleep = 11,
    /// A descriptor that is not readable.
    IoRead = 12,
    /// A descriptor that is not writable.
    IoWrite = 13,
    /// A listener without a connection.
    IoAccept = 14,
    /// A blocking call on another thread.
    Blocking = 15,
}

impl Reason {
    /// Every reason, by code.
    pub const ALL: [Self; 16] = [
        Self::Other,
        Self::ChanSend,
        Self::Mutex,
        Self::Rwlock,
        Self::Semaphore,
        Self::ChanRecv,
        Self::Select,
        Self::Condvar,
        Self::Future,
        Self::Join,
        Self::WaitGroup,
        Self::Sleep,
        Self::IoRead,
        Self::IoWrite,
        Self::IoAccept,
        Self::Blocking,
    ];

    /// The reason of this code, or `None` if a newer target sent it.
    #[must_use]
    pub fn from_code(code: u64) -> Option<Self> {
        Self::ALL.get(usize::try_from(code).ok()?).copied()
    }

    /// The code in a probe's argument.
    #[must_use]
    pub const fn code(self) -> u64 {
        self as u64
    }

    /// The class by which detectors judge a park.
    #[must_use]
    pub const fn class(self) -> Class {
        match self as u8 {
            0..=4 => Class::Blocked,
            5..=10 => Class::Waiting,
            _ => Class::Idle,
        }
    }

    /// The reason's name in metrics and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Other => "other",
            Self::ChanSend => "chan_send",
            Self::Mutex => "mutex",
            Self::Rwlock => "rwlock",
            Self::Semaphore => "semaphore",
            Self::ChanRecv => "chan_recv",
            Self::Select => "select",
            Self::Condvar => "condvar",
            Self::Future => "future",
            Self::Join => "join",
            Self::WaitGroup => "wait_group",
            Self::Sleep => "sleep",
            Self::IoRead => "io_read",
            Self::IoWrite => "io_write",
            Self::IoAccept => "io_accept",
            Self::Blocking => "blocking",
        }
    }
}

/// How a task ended: the last argument of `exit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Outcome {
    /// Its function returned.
    Returned = 0,
    /// Its function panicked.
    Panicked = 1,
    /// It was cancelled.
    Cancelled = 2,
}

impl Outcome {
    /// Every outcome, by code.
    pub const ALL: [Self; 3] = [Self::Returned, Self::Panicked, Self::Cancelled];

    /// The outcome's name in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Returned => "returned",
            Self::Panicked => "panicked",
            Self::Cancelled => "cancelled",
        }
    }
}

/// What a task is doing: the `state` argument of `task`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum TaskState {
    /// In a run queue.
    Runnable = 0,
    /// On a worker.
    Running = 1,
    /// Waiting to be unparked.
    Parked = 2,
}

impl TaskState {
    /// Every state, by code.
    pub const ALL: [Self; 3] = [Self::Runnable, Self::Running, Self::Parked];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_their_places_in_the_list() {
        for (code, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason.code(), code as u64);
            assert_eq!(Reason::from_code(code as u64), Some(reason));
        }
        assert_eq!(Reason::from_code(16), None);
        assert_eq!(Reason::from_code(u64::MAX), None);
    }

    #[test]
    fn classes_are_the_contracts() {
        let of = |class| {
            Reason::ALL
                .into_iter()
                .filter(|r| r.class() == class)
                .count()
        };
        assert_eq!(
            (of(Class::Blocked), of(Class::Waiting), of(Class::Idle)),
            (5, 6, 5)
        );
        assert_eq!(Reason::Semaphore.class(), Class::Blocked);
        assert_eq!(Reason::ChanRecv.class(), Class::Waiting);
        assert_eq!(Reason::Sleep.class(), Class::Idle);
    }
}
