//! All watched processes, and where each row of a snapshot belongs.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use observer_ebpf_abi::{Record, SiteKey};

use super::{Losses, Process};
use crate::collect::{Snapshot, Text};
use crate::discover::{Pod, ProcessId};

/// Records that are read per step, over all processes.
const READS_PER_STEP: usize = 4_096;

/// The names of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta {
    /// The base name of its executable.
    pub name: Arc<str>,
    /// The path of its executable.
    pub exe: Arc<str>,
    /// The container that it runs in.
    pub container_id: Option<Arc<str>>,
    /// The pod that it belongs to.
    pub pod: Option<Arc<Pod>>,
}

/// All watched processes. Holds as many as the pipeline announces, which is bounded by the
/// kernel's map of processes.
#[derive(Debug, Default)]
pub struct Model {
    processes: BTreeMap<u32, Process>,
    strangers: Vec<u32>,
    losses: Losses,
}

impl Model {
    /// A model of nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A process is watched from now on. One with the same pid and another start time is over;
    /// the same one again changes nothing.
    pub fn appear(&mut self, id: ProcessId, meta: Meta) {
        if self
            .processes
            .get(&id.pid)
            .is_none_or(|known| known.id() != id)
        {
            let replaced = self.processes.insert(id.pid, Process::new(id, meta));
            replaced
                .into_iter()
                .for_each(|mut process| self.losses.take(&mut process.losses));
        }
    }

    /// A process has ended, or runs another program. Returns its incarnation if it had one.
    pub fn end(&mut self, id: ProcessId) -> Option<u64> {
        let known = self
            .processes
            .get(&id.pid)
            .is_some_and(|known| known.id() == id);
        let mut process = known.then(|| self.processes.remove(&id.pid)).flatten()?;
        self.losses.take(&mut process.losses);
        Some(process.incarnation()).filter(|incarnation| *incarnation != 0)
    }

    /// Takes one record of the ring.
    pub fn record(&mut self, record: &Record) {
        if record.incarnation == 0 || record.site == 0 {
            return;
        }
        if let Some(process) = self.processes.get_mut(&record.tgid)
            && process.adopt(record.incarnation)
        {
            process.record(record);
        }
    }

    /// Takes a snapshot of the maps, read at boot time `now_ns`.
    pub fn observe(&mut self, now_ns: u64, snapshot: &Snapshot) {
        let pids = self.adopt_incarnations(snapshot);
        let mut route = Route {
            pids: &pids,
            processes: &mut self.processes,
        };
        for (key, value) in &snapshot.ledgers {
            route.to(key.incarnation, |process| process.set_ledger(key, value));
        }
        for (key, value) in &snapshot.parked {
            route.to(key.incarnation, |process| process.set_parked(key, value));
        }
        for (key, value) in &snapshot.pools {
            route.to(key.incarnation, |process| process.set_pool(key, value));
        }
        for (incarnation, value) in &snapshot.monitors {
            route.to(*incarnation, |process| process.set_monitor(value));
        }
        for (key, counts) in &snapshot.counts {
            route.to(key.incarnation, |process| process.set_events(key, counts));
        }
        for (key, histogram) in &snapshot.histograms {
            route.to(key.incarnation, |process| {
                process.set_histogram(key, histogram)
            });
        }
        self.settle(now_ns);
    }

    /// Recomputes every sum; [`Model::observe`] does so by itself.
    pub fn settle(&mut self, now_ns: u64) {
        for process in self.processes.values_mut() {
            process.settle(now_ns);
            self.losses.take(&mut process.losses);
        }
    }

    /// What did not fit, up to the last snapshot.
    #[must_use]
    pub fn losses(&self) -> Losses {
        self.losses
    }

    /// Thread groups of the last snapshot that hit a probe and are not watched.
    #[must_use]
    pub fn strangers(&self) -> &[u32] {
        &self.strangers
    }

    /// Sites whose text should be read now, each with its process's pid. One that cannot be
    /// read is asked for again, with growing pauses.
    pub fn unread_sites(&mut self, now_ns: u64) -> Vec<(u32, SiteKey)> {
        let mut unread = Vec::new();
        for (pid, process) in &mut self.processes {
            let room = READS_PER_STEP - unread.len();
            if room == 0 {
                break;
            }
            unread.extend(
                process
                    .unread(now_ns, room)
                    .into_iter()
                    .map(|key| (*pid, key)),
            );
        }
        unread
    }

    /// Learns a site's text.
    pub fn learn(&mut self, pid: u32, key: SiteKey, text: &Text) {
        let process = self.processes.get_mut(&pid);
        if let Some(process) = process.filter(|known| known.incarnation() == key.incarnation) {
            process.learn(key.site, text);
        }
    }

    /// The watched processes by pid; no pid is there twice.
    pub fn processes(&self) -> impl ExactSizeIterator<Item = &Process> {
        self.processes.values()
    }

    fn adopt_incarnations(&mut self, snapshot: &Snapshot) -> HashMap<u64, u32> {
        self.strangers.clear();
        let mut pids = HashMap::with_capacity(snapshot.processes.len());
        for (tgid, kernel_side) in &snapshot.processes {
            let process = self.processes.get_mut(tgid);
            if process.is_some_and(|process| process.adopt(kernel_side.incarnation)) {
                pids.insert(kernel_side.incarnation, *tgid);
            } else {
                self.strangers.push(*tgid);
            }
        }
        pids
    }
}

/// Finds the process of an incarnation.
struct Route<'a> {
    pids: &'a HashMap<u64, u32>,
    processes: &'a mut BTreeMap<u32, Process>,
}

impl Route<'_> {
    fn to(&mut self, incarnation: u64, deliver: impl FnOnce(&mut Process)) {
        let pid = self.pids.get(&incarnation);
        if let Some(process) = pid.and_then(|pid| self.processes.get_mut(pid)) {
            deliver(process);
        }
    }
}

#[cfg(test)]
#[path = "fixtures.rs"]
pub(crate) mod fixtures;

#[cfg(test)]
#[path = "model_tests.rs"]
mod tests;
