//! Tasks that wait for each other, or for one that is no more.
//!
//! The graph is made of the named stalls: a task waits for the owner that its park names. What an
//! owner is differs: of a lock the holder and of a join the joined task, which make a cycle
//! *confirmed*; of a channel the task that last used the other end, and of a semaphore or a wait
//! group the last that came, which need not be who will: *suspected*.
//!
//! An owner is who held a lock when the task parked, and may have let go since, if others wait
//! before this task. So the owner that the latest park for a lock names counts for all who wait
//! for it, and a cycle counts only after several rotations have named all its stalls again, the
//! same parks all the while. A cycle through a channel takes three times as many.
//!
//! An owner *has ended* if a task in its slot has a newer generation. Then the lock is lost if
//! somebody parked for it, naming that owner, after the newer task was there. Of channels it
//! says nothing: short tasks send and end.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use runtime_abi::Reason;
use serde_json::json;

use super::detectors::Detect;
use super::finding::Draft;
use super::{Detection, Detector, Life, Settings, Severity, State};
use crate::model::{NamedStall, Process};

/// The time in which a monitor names every stall again; with few it is sooner.
const ROTATION_NS: u64 = 2_000_000_000;
/// How many times as many rechecks a cycle takes that is only suspected.
const SUSPICION: u64 = 3;
/// Two reports of one park may differ by this: the runtime's clock for parks is coarse.
const SAME_PARK_NS: u64 = 1_000_000_000;
/// Tasks that a finding names.
const EXAMPLES: usize = 10;

/// The detector.
#[derive(Debug, Default)]
pub(super) struct Deadlock {
    settings: Settings,
    knots: BTreeMap<(Life, Vec<u64>), Knot>,
}

/// A task that waits for another.
#[derive(Clone, Copy, Debug)]
struct Edge {
    task: u64,
    owner: u64,
    site: usize,
    reason: Reason,
    stall: NamedStall,
}

/// Tasks that will never go on, as far as their parks say.
#[derive(Clone, Debug)]
struct Knot {
    edges: Vec<Edge>,
    owner_ended: bool,
    rechecks: u64,
    /// Boot time after which all stalls must be named again for the next recheck.
    checked_ns: u64,
    found: bool,
}

impl Deadlock {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            knots: BTreeMap::new(),
        }
    }
}

impl Detect for Deadlock {
    fn retain(&mut self, alive: &dyn Fn(Life) -> bool) {
        self.knots.retain(|(life, _), _| alive(*life));
    }

    fn look(&mut self, now_ns: u64, process: &Process, detection: &mut Detection) {
        let life = Life::of(process);
        let edges = edges(process);
        let lost = lost_locks(process, &edges);
        for edges in cycles(&edges) {
            self.note(now_ns, life, edges, false);
        }
        for edges in lost {
            self.note(now_ns, life, edges, true);
        }
        self.knots
            .retain(|(of, _), knot| *of != life || std::mem::take(&mut knot.found));
        let of_process = self.knots.iter().filter(|((of, _), _)| *of == life);
        for (_, knot) in of_process {
            if knot.rechecks >= knot.needed(&self.settings) {
                let finding = knot.draft(now_ns, process).of(process);
                detection.add(finding, process, Some(knot.edges[0].task));
            }
        }
    }
}

impl Deadlock {
    fn note(&mut self, now_ns: u64, life: Life, edges: Vec<Edge>, owner_ended: bool) {
        // A lost lock is known by its owner, however many come to wait for it.
        let mut tasks: Vec<u64> = if owner_ended {
            vec![edges[0].owner, edges[0].stall.resource]
        } else {
            edges.iter().map(|edge| edge.task).collect()
        };
        tasks.sort_unstable();
        let new = Knot {
            edges,
            owner_ended,
            rechecks: 0,
            checked_ns: now_ns,
            found: true,
        };
        let knot = self
            .knots
            .entry((life, tasks))
            .or_insert_with(|| new.clone());
        if !owner_ended && !knot.is_same_parks(&new.edges) {
            *knot = new;
            return;
        }
        knot.edges = new.edges;
        knot.found = true;
        let named = |edge: &Edge| edge.stall.seen_ns > knot.checked_ns;
        let all_again = knot.edges.iter().all(named);
        let again = all_again || (owner_ended && knot.edges.iter().any(named));
        if again && now_ns.saturating_sub(knot.checked_ns) >= ROTATION_NS {
            knot.rechecks += 1;
            knot.checked_ns = now_ns;
        }
    }
}

impl Knot {
    fn is_same_parks(&self, edges: &[Edge]) -> bool {
        self.edges.len() == edges.len()
            && self.edges.iter().zip(edges).all(|(old, new)| {
                old.task == new.task
                    && old.owner == new.owner
                    && old.stall.since_ns.abs_diff(new.stall.since_ns) < SAME_PARK_NS
            })
    }

    fn is_firm(&self) -> bool {
        self.edges.iter().all(|edge| is_firm(edge.reason))
    }

    fn needed(&self, settings: &Settings) -> u64 {
        let factor = if self.is_firm() { 1 } else { SUSPICION };
        settings.deadlock_rechecks.saturating_mul(factor)
    }

    fn draft(&self, now_ns: u64, process: &Process) -> Draft {
        let firm = self.is_firm();
        let label = |edge: &Edge| process.sites()[edge.site].label().clone();
        let sites: BTreeSet<_> = self.edges.iter().map(label).collect();
        let first = &self.edges[0];
        let (site, reason) = (label(first), first.reason.name());
        // It is closed by whoever parked last; a lost lock was lost before the first.
        let since = self.edges.iter().map(|edge| edge.stall.since_ns);
        let since_ns = if self.owner_ended {
            since.min()
        } else {
            since.max()
        };
        let since_ns = since_ns.unwrap_or(now_ns);
        let places = sites
            .iter()
            .map(|site| &**site)
            .collect::<Vec<_>>()
            .join(" and ");
        let count = self.edges.len();
        let summary = if self.owner_ended {
            format!("{count} tasks spawned at {places} wait for a {reason} whose holder has ended")
        } else {
            format!("{count} tasks spawned at {places} wait for each other ({reason})")
        };
        Draft {
            detector: Detector::Deadlock,
            state: if firm {
                State::Confirmed
            } else {
                State::Suspected
            },
            severity: if firm { Severity::P1 } else { Severity::P2 },
            site,
            since_ns,
            last_seen_ns: now_ns,
            summary,
            evidence: json!({
                "reason": reason,
                "owner_ended": self.owner_ended,
                "rechecks": self.rechecks,
                "tasks": self.edges.iter().take(EXAMPLES).map(|edge| json!({
                    "task": edge.task,
                    "site": &*label(edge),
                    "reason": edge.reason.name(),
                    "resource": format!("{:#x}", edge.stall.resource),
                    "owner": edge.owner,
                    "parked_seconds": now_ns.saturating_sub(edge.stall.since_ns) as f64 / 1e9,
                })).collect::<Vec<_>>(),
            }),
        }
    }
}

/// Whether the owner of such a park surely is whom it waits for.
fn is_firm(reason: Reason) -> bool {
    matches!(reason, Reason::Mutex | Reason::Rwlock | Reason::Join)
}

fn is_lock(reason: Reason) -> bool {
    matches!(reason, Reason::Mutex | Reason::Rwlock)
}

/// Who waits for whom, by task.
fn edges(process: &Process) -> BTreeMap<u64, Edge> {
    let mut latest: HashMap<u64, (u64, u64)> = HashMap::new();
    let mut edges = BTreeMap::new();
    for (task, site, reason, stall) in process.stalls() {
        let (Some(site), Some(reason)) = (site, reason) else {
            continue;
        };
        if stall.owner == 0 {
            continue;
        }
        if is_lock(reason) {
            let known = latest.entry(stall.resource).or_default();
            *known = (*known).max((stall.since_ns, stall.owner));
        }
        edges.insert(
            task,
            Edge {
                task,
                owner: stall.owner,
                site,
                reason,
                stall: *stall,
            },
        );
    }
    for edge in edges.values_mut().filter(|edge| is_lock(edge.reason)) {
        edge.owner = latest[&edge.stall.resource].1;
    }
    edges
}

/// The cycles; every task waits for at most one, so each is in at most one. Each begins with its
/// least task.
fn cycles(edges: &BTreeMap<u64, Edge>) -> Vec<Vec<Edge>> {
    let mut visited: HashMap<u64, u64> = HashMap::new();
    let mut cycles = Vec::new();
    for start in edges.keys() {
        let mut task = *start;
        while let Some(edge) = edges.get(&task).filter(|_| !visited.contains_key(&task)) {
            visited.insert(task, *start);
            task = edge.owner;
        }
        if edges.contains_key(&task) && visited.get(&task) == Some(start) {
            cycles.push(cycle_through(task, edges));
        }
    }
    cycles
}

fn cycle_through(task: u64, edges: &BTreeMap<u64, Edge>) -> Vec<Edge> {
    let mut cycle = vec![edges[&task]];
    while cycle[cycle.len() - 1].owner != task {
        cycle.push(edges[&cycle[cycle.len() - 1].owner]);
    }
    let least = (0..cycle.len()).min_by_key(|place| cycle[*place].task);
    cycle.rotate_left(least.unwrap_or(0));
    cycle
}

/// Locks whose owner has ended, with all who wait for each, the first of them first.
fn lost_locks(process: &Process, edges: &BTreeMap<u64, Edge>) -> Vec<Vec<Edge>> {
    // By slot: the newest generation that is known, and since when.
    let mut newest: HashMap<u32, (u32, u64)> = HashMap::new();
    for (task, _, _, stall) in process.stalls() {
        let known = newest.entry(slot(task)).or_default();
        *known = (*known).max((generation(task), stall.since_ns));
    }
    let mut lost: BTreeMap<u64, (Vec<Edge>, bool)> = BTreeMap::new();
    for edge in edges.values().filter(|edge| is_lock(edge.reason)) {
        let (newer, there_ns) = newest.get(&slot(edge.owner)).copied().unwrap_or_default();
        let has_ended = newer > generation(edge.owner);
        if has_ended {
            let (waiting, is_sure) = lost.entry(edge.stall.resource).or_default();
            waiting.push(*edge);
            *is_sure |= edge.stall.owner == edge.owner && edge.stall.since_ns > there_ns;
        }
    }
    let mut lost: Vec<_> = lost
        .into_values()
        .filter_map(|(waiting, is_sure)| is_sure.then_some(waiting))
        .collect();
    for waiting in &mut lost {
        waiting.sort_by_key(|edge| (edge.stall.since_ns, edge.task));
    }
    lost
}

fn slot(task: u64) -> u32 {
    task as u32
}

fn generation(task: u64) -> u32 {
    (task >> 32) as u32
}

#[cfg(test)]
#[path = "deadlock_tests.rs"]
mod tests;
