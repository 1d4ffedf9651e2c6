//! Hand-made snapshots and records for the tests of the pure stages.

use observer_ebpf_abi::{
    LedgerValue, MonitorValue, ParkedKey, ParkedValue, Process as KernelSide, RECORD_STALL,
    RECORD_UNSTALL, Record, SiteKey,
};

use super::{Meta, Model};
use crate::collect::{Snapshot, Text};
use crate::discover::ProcessId;

/// The process of the tests.
pub(crate) const PID: u32 = 77;
/// Its identity: started at boot.
pub(crate) const ID: ProcessId = ProcessId {
    pid: PID,
    start_time: 0,
};
/// Its incarnation: first hit at about one second.
pub(crate) const INCARNATION: u64 = incarnation(PID, 1_000_000_000);

pub(crate) const fn incarnation(pid: u32, first_hit_ns: u64) -> u64 {
    ((first_hit_ns >> 10) << 22) | pid as u64
}

pub(crate) fn meta(name: &str) -> Meta {
    Meta {
        name: name.into(),
        exe: format!("/usr/bin/{name}").into(),
        container_id: None,
        pod: None,
    }
}

pub(crate) fn text(file: &str, line: u32) -> Text {
    Text {
        file: file.to_owned(),
        line,
        column: 5,
        name: None,
        flags: 0,
    }
}

/// A model that watches the process of the tests.
pub(crate) fn model() -> Model {
    let mut model = Model::new();
    model.appear(ID, meta("shop"));
    model
}

/// Tells the model the text of a site of the process of the tests.
pub(crate) fn learn(model: &mut Model, site: u64, text: &Text) {
    model.learn(
        PID,
        SiteKey {
            incarnation: INCARNATION,
            site,
        },
        text,
    );
}

pub(crate) fn stall(task: u64, reason: u64, boot_ns: u64, parked_ns: u64) -> Record {
    let nothing = unstall(task, reason, boot_ns);
    Record {
        kind: RECORD_STALL,
        parked_ns,
        ..nothing
    }
}

pub(crate) fn unstall(task: u64, reason: u64, boot_ns: u64) -> Record {
    Record {
        kind: RECORD_UNSTALL,
        tgid: PID,
        incarnation: INCARNATION,
        boot_ns,
        task,
        site: 1,
        reason,
        resource: 0,
        owner: 0,
        parked_ns: 0,
        ..Record::EMPTY
    }
}

/// Builds a snapshot of one process.
pub(crate) struct Builder {
    snapshot: Snapshot,
    incarnation: u64,
    sequence: u64,
}

impl Builder {
    /// The process of the tests, hits at two seconds.
    pub(crate) fn new() -> Self {
        Self::of(PID, INCARNATION)
    }

    pub(crate) fn of(pid: u32, incarnation: u64) -> Self {
        let kernel_side = KernelSide {
            incarnation,
            cookie: 1,
            monitor_tid: pid,
            padding: 0,
        };
        let snapshot = Snapshot {
            processes: vec![(pid, kernel_side)],
            ..Snapshot::default()
        };
        Self {
            snapshot,
            incarnation,
            sequence: 2_000_000_000,
        }
    }

    /// Time of the hits that follow.
    pub(crate) fn at(mut self, boot_ns: u64) -> Self {
        self.sequence = boot_ns;
        self
    }

    /// A ledger value: spawned, returned, growths, stack bytes.
    pub(crate) fn ledger(
        mut self,
        site: u64,
        [spawned, returned, growths, stack_bytes]: [u64; 4],
    ) -> Self {
        let value = LedgerValue {
            sequence: self.sequence,
            spawned,
            returned,
            panicked: 0,
            cancelled: 0,
            parks: 0,
            yields: 0,
            growths,
            stack_bytes,
            sequence_end: self.sequence,
        };
        self.snapshot.ledgers.push((
            SiteKey {
                incarnation: self.incarnation,
                site,
            },
            value,
        ));
        self
    }

    pub(crate) fn parked(mut self, site: u64, reason: u64, stalled: u64, oldest_ns: u64) -> Self {
        let key = ParkedKey {
            incarnation: self.incarnation,
            site,
            reason,
        };
        let sequence = self.sequence;
        let value = ParkedValue {
            sequence,
            stalled,
            oldest_ns,
            sequence_end: sequence,
        };
        self.snapshot.parked.push((key, value));
        self
    }

    pub(crate) fn monitor(mut self, live: u64) -> Self {
        let value = MonitorValue {
            sequence: self.sequence,
            schema: 1,
            live,
            runnable: 0,
            workers: 2,
            idle_workers: 1,
            handoffs: 0,
            steals: 0,
            stack_bytes: 0,
            stack_bytes_cached: 0,
            stall_period_ns: 10_000_000_000,
            sequence_end: self.sequence,
        };
        self.snapshot.monitors.push((self.incarnation, value));
        self
    }

    /// Adds another process's rows.
    pub(crate) fn and(mut self, other: Self) -> Self {
        let other = other.snapshot;
        self.snapshot.processes.extend(other.processes);
        self.snapshot.ledgers.extend(other.ledgers);
        self.snapshot.parked.extend(other.parked);
        self.snapshot.monitors.extend(other.monitors);
        self
    }

    pub(crate) fn build(self) -> Snapshot {
        self.snapshot
    }
}
