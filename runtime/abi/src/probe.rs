//! The probe table: every probe's name, family and arguments, in one place.
//!
//! Runtimes emit exactly these, in this order of arguments and registers. Names and arguments
//! are append-only: a change is a new [`SCHEMA_VERSION`].

/// The provider in every note.
pub const PROVIDER: &str = "parkwatch";

/// The first argument of the `monitor` probe.
pub const SCHEMA_VERSION: u64 = 1;

/// Most arguments that a probe has.
pub const MAX_ARGUMENTS: usize = 10;

/// Where argument `i` of every probe lives when it fires.
///
/// The first six are those of the System V calling convention, because some readers
/// (bpftrace 0.17) know no others.
#[cfg(not(target_arch = "aarch64"))]
pub const ARGUMENT_REGISTERS: [&str; MAX_ARGUMENTS] = [
    "rdi", "rsi", "rdx", "rcx", "r8", "r9", "rax", "r10", "r11", "r12",
];

/// Where argument `i` of every probe lives when it fires.
#[cfg(target_arch = "aarch64")]
pub const ARGUMENT_REGISTERS: [&str; MAX_ARGUMENTS] =
    ["x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9"];

/// Who fires a probe, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// At every event, in the thread where it happens.
    Event,
    /// Only by the process's monitor thread, level-triggered.
    Ledger,
}

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// The name in the note.
    pub name: &'static str,
    /// Who fires it.
    pub family: Family,
    /// What each argument means; all are 64-bit, in [`ARGUMENT_REGISTERS`].
    pub arguments: &'static [&'static str],
}

/// A probe's row number in [`PROBES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u32)]
pub enum ProbeId {
    /// A task was created.
    Spawn,
    /// A task begins to run on a worker.
    Run,
    /// A task stops running until someone unparks it.
    Park,
    /// A parked task was made runnable.
    Unpark,
    /// A task ended.
    Exit,
    /// A task's stack window was widened.
    StackGrow,
    /// The cumulative counters of one site.
    Ledger,
    /// How many tasks of a site are stalled for one reason.
    Parked,
    /// One task that is parked for longer than the stall period.
    Stall,
    /// A stalled task goes on, or ended.
    Unstall,
    /// An object pool's counters.
    Pool,
    /// The process's own counters.
    Monitor,
    /// One task of a dump.
    Task,
}

/// The table, in the order of [`ProbeId`].
pub const PROBES: [Probe; 13] = [
    event("spawn", &["task", "site", "parent"]),
    event("run", &["task", "site", "worker", "runnable_ns"]),
    event("park", &["task", "site", "reason", "resource", "owner"]),
    event("unpark", &["task", "site", "parked_ns", "waker"]),
    event("exit", &["task", "site", "outcome"]),
    event(
        "stack_grow",
        &[
            "task",
            "site",
            "old_bytes",
            "new_bytes",
            "fault_pc",
            "sp",
            "fp",
        ],
    ),
    ledger(
        "ledger",
        &[
            "site",
            "spawned",
            "returned",
            "panicked",
            "cancelled",
            "parks",
            "yields",
            "growths",
            "stack_bytes",
        ],
    ),
    ledger("parked", &["site", "reason", "stalled", "oldest_ns"]),
    ledger(
        "stall",
        &[
            "task",
            "site",
            "reason",
            "resource",
            "owner",
            "parked_ns",
            "pc",
            "sp",
            "fp",
        ],
    ),
    ledger("unstall", &["task", "site", "reason", "parked_ns"]),
    ledger("pool", &["site", "retained_bytes", "hits", "misses"]),
    ledger(
        "monitor",
        &[
            "schema",
            "live",
            "runnable",
            "workers",
            "idle_workers",
            "handoffs",
            "steals",
            "stack_bytes",
            "stack_bytes_cached",
            "stall_period_ns",
        ],
    ),
    ledger(
        "task",
        &[
            "task",
            "site",
            "state",
            "reason",
            "resource",
            "owner",
            "parked_ns",
            "pc",
            "sp",
            "fp",
        ],
    ),
];

impl ProbeId {
    /// Every probe, in table order.
    pub const ALL: [Self; 13] = [
        Self::Spawn,
        Self::Run,
        Self::Park,
        Self::Unpark,
        Self::Exit,
        Self::StackGrow,
        Self::Ledger,
        Self::Parked,
        Self::Stall,
        Self::Unstall,
        Self::Pool,
        Self::Monitor,
        Self::Task,
    ];

    /// The probe's row.
    #[must_use]
    pub const fn probe(self) -> &'static Probe {
        &PROBES[self as usize]
    }

    /// The probe of this name, or `None` if the table has none.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|id| id.probe().name == name)
    }
}

const fn event(name: &'static str, arguments: &'static [&'static str]) -> Probe {
    Probe {
        name,
        family: Family::Event,
        arguments,
    }
}

const fn ledger(name: &'static str, arguments: &'static [&'static str]) -> Probe {
    Probe {
        name,
        family: Family::Ledger,
        arguments,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_names_its_own_row() {
        for (row, id) in ProbeId::ALL.into_iter().enumerate() {
            assert_eq!(id as usize, row);
            assert_eq!(ProbeId::from_name(PROBES[row].name), Some(id));
        }
    }

    #[test]
    fn no_probe_has_more_arguments_than_registers() {
        assert!(
            PROBES
                .iter()
                .all(|probe| probe.arguments.len() <= MAX_ARGUMENTS)
        );
    }
}
