//! Records of the ring, and the causes of loss.

use crate::plain;

/// Kind of a [`Record`]: a `stall` hit.
pub const RECORD_STALL: u32 = 1;
/// Kind of a [`Record`]: an `unstall` hit.
pub const RECORD_UNSTALL: u32 = 2;
/// Kind of a [`Record`]: the leader of a known thread group exits. That is the end of the group
/// unless other threads go on without it; a hit of theirs begins a new incarnation.
pub const RECORD_EXIT: u32 = 3;
/// Kind of a [`Record`]: a thread group, known or not, executed a new program.
pub const RECORD_EXEC: u32 = 4;
// 5 was a fork, of which nobody needed to hear: not to be used again.
/// Kind of a [`Record`]: a `task` hit, of a dump.
pub const RECORD_TASK: u32 = 6;

/// One record of the ring. Fields that a kind does not have are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Record {
    /// One of the `RECORD_` constants.
    pub kind: u32,
    /// Thread group id, as the initial namespace sees it.
    pub tgid: u32,
    /// The incarnation, or 0 where the thread group had none.
    pub incarnation: u64,
    /// Boot time in nanoseconds.
    pub boot_ns: u64,
    /// The task.
    pub task: u64,
    /// The site record's address.
    pub site: u64,
    /// The park's reason, as sent.
    pub reason: u64,
    /// The resource's address, or 0.
    pub resource: u64,
    /// The owner, or 0.
    pub owner: u64,
    /// How long the task has been parked in nanoseconds.
    pub parked_ns: u64,
    /// The saved program counter.
    pub pc: u64,
    /// The saved stack pointer.
    pub sp: u64,
    /// The saved frame pointer.
    pub fp: u64,
    /// What a task of a dump is doing, as sent.
    pub state: u64,
}

plain! { Record = 104 }

impl Record {
    /// A record without fields.
    pub const EMPTY: Self = Self {
        kind: 0,
        tgid: 0,
        incarnation: 0,
        boot_ns: 0,
        task: 0,
        site: 0,
        reason: 0,
        resource: 0,
        owner: 0,
        parked_ns: 0,
        pc: 0,
        sp: 0,
        fp: 0,
        state: 0,
    };
}

/// Why something was lost: indices of the loss counters. Append-only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Loss {
    /// The map of processes was full.
    Processes = 0,
    /// The map of ledger values was full.
    Ledger = 1,
    /// The map of site texts was full (user space reads the record instead).
    Sites = 2,
    /// The map of stalled tasks was full.
    Parked = 3,
    /// The map of pools was full.
    Pool = 4,
    /// The map of monitors was full.
    Monitor = 5,
    /// The map of event counts was full.
    Counts = 6,
    /// The map of histograms was full.
    Histogram = 7,
    /// The ring was full.
    Ring = 8,
    /// A ledger probe was hit by a thread that is not the monitor.
    ForeignThread = 9,
    /// A hit came through a second link to the same file; not a loss of data.
    OtherLink = 10,
    /// The map of park reasons was full.
    Reasons = 11,
    /// The ring of a trace was full.
    Trace = 12,
    /// The map of instructions at which stacks grow was full.
    Faults = 13,
    /// The map of stalled tasks' stacks was full.
    Stacks = 14,
}

impl Loss {
    /// Every cause, by index.
    pub const ALL: [Self; 15] = [
        Self::Processes,
        Self::Ledger,
        Self::Sites,
        Self::Parked,
        Self::Pool,
        Self::Monitor,
        Self::Counts,
        Self::Histogram,
        Self::Ring,
        Self::ForeignThread,
        Self::OtherLink,
        Self::Reasons,
        Self::Trace,
        Self::Faults,
        Self::Stacks,
    ];

    /// The cause's name: the `map` label of `parkwatch_observer_events_lost_total`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Processes => "processes",
            Self::Ledger => "ledger",
            Self::Sites => "sites",
            Self::Parked => "parked",
            Self::Pool => "pools",
            Self::Monitor => "monitors",
            Self::Counts => "counts",
            Self::Histogram => "histograms",
            Self::Ring => "ring",
            Self::ForeignThread => "foreign_thread",
            Self::OtherLink => "other_link",
            Self::Reasons => "reasons",
            Self::Trace => "trace",
            Self::Faults => "faults",
            Self::Stacks => "stacks",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_their_places_in_the_list() {
        for (index, loss) in Loss::ALL.into_iter().enumerate() {
            assert_eq!(loss as usize, index);
        }
    }
}
