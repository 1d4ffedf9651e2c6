//! All watched processes, and where each row of a snapshot belongs.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use observer_ebpf_abi::{SiteKey, TaskKey, incarnation_tgid};

use super::{Losses, NamedStack, Process};
use crate::collect::{Source, TellsOfTask, Text};
use crate::discover::{Pod, ProcessId};

/// Records that are read per step, over all processes.
const READS_PER_STEP: usize = 4_096;

/// Instructions whose functions are asked for per step, over all processes.
const NAMES_PER_STEP: usize = 64;

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

    /// Takes what a source says of one task.
    pub fn record(&mut self, record: &impl TellsOfTask) {
        if let Some(report) = record.task_report()
            && let Some(process) = self.processes.get_mut(&report.tgid)
            && process.adopt(report.incarnation)
        {
            process.take_report(&report);
        }
    }

    /// Takes what a source knows at boot time `now_ns`.
    pub fn observe(&mut self, now_ns: u64, source: &impl Source) {
        let pids = self.adopt_incarnations(source);
        let processes = &mut self.processes;
        source.facts(&mut |incarnation, fact| {
            let pid = pids.get(&incarnation);
            if let Some(process) = pid.and_then(|pid| processes.get_mut(pid)) {
                process.take(&fact);
            }
        });
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

    /// Thread groups that the source has heard and are not watched.
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

    /// Instructions at which stacks grow and of which the function is not known, each with its
    /// process's pid; a few at a time, and each again until it is learned.
    #[must_use]
    pub fn unnamed_instructions(&self) -> Vec<(u32, u64)> {
        let unnamed = self.processes.iter().flat_map(|(pid, process)| {
            let pcs = process.faults.unnamed(NAMES_PER_STEP);
            pcs.into_iter().map(|pc| (*pid, pc))
        });
        unnamed.take(NAMES_PER_STEP).collect()
    }

    /// Learns the function of an instruction of a process.
    pub fn learn_function(&mut self, pid: u32, pc: u64, function: &str) {
        if let Some(process) = self.processes.get_mut(&pid) {
            process.faults.learn(pc, function);
        }
    }

    /// Learns where a stalled task is parked.
    pub fn learn_stack(&mut self, key: TaskKey, stack: NamedStack) {
        let process = self.processes.get_mut(&incarnation_tgid(key.incarnation));
        if let Some(process) = process.filter(|known| known.incarnation() == key.incarnation) {
            process.stacks.learn(key.task, stack);
        }
    }

    /// Whether a stall of this task is known.
    #[must_use]
    pub fn is_stalled(&self, key: &TaskKey) -> bool {
        let process = self.processes.get(&incarnation_tgid(key.incarnation));
        process.is_some_and(|process| {
            process.incarnation() == key.incarnation && process.is_stalled(key.task)
        })
    }

    /// The watched processes by pid; no pid is there twice.
    pub fn processes(&self) -> impl ExactSizeIterator<Item = &Process> {
        self.processes.values()
    }

    fn adopt_incarnations(&mut self, source: &impl Source) -> HashMap<u64, u32> {
        self.strangers.clear();
        let mut pids = HashMap::new();
        source.lives(&mut |tgid, incarnation| {
            let process = self.processes.get_mut(&tgid);
            if process.is_some_and(|process| process.adopt(incarnation)) {
                pids.insert(incarnation.number, tgid);
            } else {
                self.strangers.push(tgid);
            }
        });
        pids
    }
}

#[cfg(test)]
#[path = "fixtures.rs"]
pub(crate) mod fixtures;

#[cfg(test)]
#[path = "model_tests.rs"]
mod tests;
