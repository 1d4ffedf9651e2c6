//! What happened: a record of the ring under the names of the contract.

use std::sync::Arc;

use observer_ebpf_abi::TraceRecord;
use runtime_abi::{Outcome, ProbeId, Reason};

use super::TaskId;

/// One event of the traced process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Boot time in nanoseconds.
    pub boot_ns: u64,
    /// The thread in which it happened.
    pub tid: u32,
    /// The task that it happened to.
    pub task: TaskId,
    /// The label of the task's site, or its address where it could not be read.
    pub site: Arc<str>,
    /// What happened.
    pub kind: Kind,
}

/// What happened to the task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It was created.
    Spawn {
        /// By this task, or none.
        parent: TaskId,
    },
    /// It begins to run.
    Run {
        /// On this worker.
        worker: u64,
        /// So long after it became runnable; 0 if nobody knows.
        runnable_ns: u64,
    },
    /// It stops running until someone unparks it.
    Park {
        /// Why: a code of the contract, or of a newer target.
        reason: u64,
        /// The address of what it waits for, or 0.
        resource: u64,
        /// Who holds that, or none.
        owner: TaskId,
    },
    /// It was made runnable.
    Unpark {
        /// After so long; 0 if nobody knows.
        parked_ns: u64,
        /// By this task, or none.
        waker: TaskId,
    },
    /// It ended.
    Exit {
        /// How: a code of the contract, or of a newer target.
        outcome: u64,
    },
    /// Its stack window was widened.
    StackGrow {
        /// From so many bytes.
        old_bytes: u64,
        /// To so many.
        new_bytes: u64,
        /// Where the code was that needed more.
        pc: u64,
    },
}

impl Kind {
    /// What a record says; `None` for a probe that no trace attaches.
    #[must_use]
    pub fn of(record: &TraceRecord) -> Option<Self> {
        let [first, second, third, ..] = record.arguments;
        let probe = ProbeId::ALL.get(record.probe as usize)?;
        Some(match probe {
            ProbeId::Spawn => Self::Spawn {
                parent: TaskId(first),
            },
            ProbeId::Run => Self::Run {
                worker: first,
                runnable_ns: second,
            },
            ProbeId::Park => Self::Park {
                reason: first,
                resource: second,
                owner: TaskId(third),
            },
            ProbeId::Unpark => Self::Unpark {
                parked_ns: first,
                waker: TaskId(second),
            },
            ProbeId::Exit => Self::Exit { outcome: first },
            ProbeId::StackGrow => Self::StackGrow {
                old_bytes: first,
                new_bytes: second,
                pc: third,
            },
            _ => return None,
        })
    }

    /// The probe's name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Spawn { .. } => "spawn",
            Self::Run { .. } => "run",
            Self::Park { .. } => "park",
            Self::Unpark { .. } => "unpark",
            Self::Exit { .. } => "exit",
            Self::StackGrow { .. } => "stack_grow",
        }
    }
}

/// The name of a reason's code.
pub(super) fn reason_name(code: u64) -> &'static str {
    Reason::from_code(code).map_or("unknown", Reason::name)
}

/// The name of an outcome's code.
pub(super) fn outcome_name(code: u64) -> &'static str {
    let known = usize::try_from(code)
        .ok()
        .and_then(|code| Outcome::ALL.get(code));
    known.map_or("unknown", |outcome| outcome.name())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use observer_ebpf_abi::TRACE_ARGUMENTS;

    /// An event of thread 70 at a time in microseconds.
    pub(in super::super) fn event(at_us: u64, tid: u32, task: u64, kind: Kind) -> Event {
        Event {
            boot_ns: at_us * 1_000,
            tid,
            task: TaskId(task),
            site: "shop/src/main.rs:7:5".into(),
            kind,
        }
    }

    #[test]
    fn arguments_keep_their_places_in_the_table() {
        let of = |probe: ProbeId| {
            let record = TraceRecord {
                probe: probe as u32,
                arguments: [1, 2, 3, 4, 5],
                ..TraceRecord::default()
            };
            Kind::of(&record)
        };
        let arguments = |probe: ProbeId| &probe.probe().arguments[2..];
        assert_eq!(of(ProbeId::Spawn), Some(Kind::Spawn { parent: TaskId(1) }));
        assert_eq!(arguments(ProbeId::Spawn), ["parent"]);
        let run = Kind::Run {
            worker: 1,
            runnable_ns: 2,
        };
        assert_eq!(of(ProbeId::Run), Some(run));
        assert_eq!(arguments(ProbeId::Run), ["worker", "runnable_ns"]);
        let park = Kind::Park {
            reason: 1,
            resource: 2,
            owner: TaskId(3),
        };
        assert_eq!(of(ProbeId::Park), Some(park));
        assert_eq!(arguments(ProbeId::Park), ["reason", "resource", "owner"]);
        let unpark = Kind::Unpark {
            parked_ns: 1,
            waker: TaskId(2),
        };
        assert_eq!(of(ProbeId::Unpark), Some(unpark));
        assert_eq!(arguments(ProbeId::Unpark), ["parked_ns", "waker"]);
        assert_eq!(of(ProbeId::Exit), Some(Kind::Exit { outcome: 1 }));
        assert_eq!(arguments(ProbeId::Exit), ["outcome"]);
        let grow = Kind::StackGrow {
            old_bytes: 1,
            new_bytes: 2,
            pc: 3,
        };
        assert_eq!(of(ProbeId::StackGrow), Some(grow));
        assert_eq!(arguments(ProbeId::StackGrow).len(), TRACE_ARGUMENTS);
        assert_eq!(of(ProbeId::Ledger), None);
    }

    #[test]
    fn an_event_is_called_as_its_probe() {
        for probe in ProbeId::ALL {
            let record = TraceRecord {
                probe: probe as u32,
                ..TraceRecord::default()
            };
            if let Some(kind) = Kind::of(&record) {
                assert_eq!(kind.name(), probe.probe().name);
            }
        }
    }

    #[test]
    fn codes_of_a_newer_target_are_unknown() {
        assert_eq!((reason_name(2), reason_name(99)), ("mutex", "unknown"));
        assert_eq!(
            (outcome_name(1), outcome_name(u64::MAX)),
            ("panicked", "unknown")
        );
    }
}
