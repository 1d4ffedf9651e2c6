//! Incarnations that left values behind.

use std::collections::HashSet;

use super::Snapshot;

/// Finds incarnations with values and without a process, whose end was missed (a full ring).
///
/// The maps are not read at one instant: a process that hits its first probe between two reads
/// looks like an orphan once. So one is reported only when two snapshots in a row agree.
#[derive(Debug, Default)]
pub struct Orphans {
    suspected: HashSet<u64>,
}

impl Orphans {
    /// Looks at a snapshot and returns the incarnations to be cleared.
    pub fn find(&mut self, snapshot: &Snapshot) -> Vec<u64> {
        let alive: HashSet<u64> = snapshot
            .processes
            .iter()
            .map(|(_, process)| process.incarnation)
            .collect();
        let seen: HashSet<u64> = incarnations(snapshot)
            .filter(|incarnation| !alive.contains(incarnation))
            .collect();
        let confirmed = seen.intersection(&self.suspected).copied().collect();
        self.suspected = seen;
        confirmed
    }
}

fn incarnations(snapshot: &Snapshot) -> impl Iterator<Item = u64> + '_ {
    let ledgers = snapshot.ledgers.iter().map(|(key, _)| key.incarnation);
    let parked = snapshot.parked.iter().map(|(key, _)| key.incarnation);
    let pools = snapshot.pools.iter().map(|(key, _)| key.incarnation);
    let monitors = snapshot
        .monitors
        .iter()
        .map(|(incarnation, _)| *incarnation);
    let counts = snapshot.counts.iter().map(|(key, _)| key.incarnation);
    let faults = snapshot.faults.iter().map(|(key, _)| key.incarnation);
    let histograms = snapshot.histograms.iter().map(|(key, _)| key.incarnation);
    ledgers
        .chain(parked)
        .chain(pools)
        .chain(monitors)
        .chain(counts)
        .chain(faults)
        .chain(histograms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use observer_ebpf_abi::{EventCounts, Process, SiteKey, incarnation_of};

    const TGID: u32 = 77;
    const INCARNATION: u64 = incarnation_of(TGID, 1_000_000_000);

    /// One value, and the process that it is of.
    fn complete() -> Snapshot {
        let process = Process {
            incarnation: INCARNATION,
            cookie: 1,
            monitor_tid: TGID,
            padding: 0,
        };
        let key = SiteKey {
            incarnation: INCARNATION,
            site: 1,
        };
        Snapshot {
            processes: vec![(TGID, process)],
            counts: vec![(key, EventCounts::default())],
            ..Snapshot::default()
        }
    }

    #[test]
    fn an_incarnation_without_a_process_is_cleared_at_the_second_look() {
        let mut snapshot = complete();
        snapshot.processes.clear();
        let mut orphans = Orphans::default();
        assert!(orphans.find(&snapshot).is_empty());
        assert_eq!(orphans.find(&snapshot), [INCARNATION]);
    }

    #[test]
    fn a_process_that_has_just_appeared_is_no_orphan() {
        let complete = complete();
        let mut early = complete.clone();
        early.processes.clear();
        let mut orphans = Orphans::default();
        assert!(orphans.find(&early).is_empty());
        assert!(orphans.find(&complete).is_empty());
        assert!(orphans.find(&complete).is_empty());
    }
}
