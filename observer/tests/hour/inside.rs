//! A source for the model that is no probe: the runtime itself, asked from inside.

use std::collections::{BTreeMap, HashMap, HashSet};

use observer::collect::{
    Counters, Fact, Gauges, Incarnation, Ledger, Parked, Source, TaskFact, TaskReport, TellsOfTask,
    Text,
};
use observer::discover::ProcessId;
use runtime::introspect::{self, Metrics, SiteCounts};
use runtime::time::Instant;
use runtime_abi::SITE_FLAG_SERVICE;

/// The process.
pub const ID: ProcessId = ProcessId {
    pid: 7,
    start_time: 0,
};

const SECOND: u64 = 1_000_000_000;
const INCARNATION: Incarnation = Incarnation {
    number: 1,
    first_heard_ns: SECOND,
};
const STALL_PERIOD_NS: u64 = 10 * SECOND;
/// A stall is named again after so many looks.
const ROTATION: u64 = 1;

/// What the process does now.
pub struct Inside {
    began: Instant,
    looks: u64,
    /// What was counted before, and the tasks that were left: other tests'.
    before: HashMap<String, SiteCounts>,
    left: HashSet<u64>,
    sites: Vec<String>,
    counts: Vec<SiteCounts>,
    metrics: Metrics,
    parks: HashMap<u64, Park>,
    /// Stalled tasks by site and reason: how many, and since when the oldest. A key stays.
    stalled: BTreeMap<(u64, u64), (u64, u64)>,
}

/// What a task was found waiting for at the last look.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Park {
    site: u64,
    reason: u64,
    resource: u64,
    owner: u64,
    since_ns: u64,
    named: bool,
}

/// One thing that is said of a task.
pub struct Report(TaskReport);

impl Inside {
    /// What happens from now on.
    pub fn new() -> Self {
        let counts = introspect::sites();
        Self {
            began: Instant::now(),
            looks: 0,
            left: introspect::tasks()
                .iter()
                .map(|task| task.id().as_u64())
                .collect(),
            before: counts
                .iter()
                .map(|counts| (label(counts), *counts))
                .collect(),
            sites: Vec::new(),
            counts,
            metrics: introspect::metrics(),
            parks: HashMap::new(),
            stalled: BTreeMap::new(),
        }
    }

    /// Boot time: the simulation's.
    pub fn now_ns(&self) -> u64 {
        let passed = (Instant::now() - self.began).as_nanos();
        INCARNATION.first_heard_ns + u64::try_from(passed).expect("less than centuries")
    }

    /// Looks at all tasks; what is to be said of single ones.
    pub fn look(&mut self) -> Vec<Report> {
        self.looks += 1;
        self.counts = introspect::sites();
        self.metrics = introspect::metrics();
        let now_ns = self.now_ns();
        let mut before = std::mem::take(&mut self.parks);
        let mut reports = Vec::new();
        for task in introspect::tasks() {
            let id = task.id().as_u64();
            let Some(park) = task.park().filter(|_| !self.left.contains(&id)) else {
                continue;
            };
            let mut new = Park {
                site: self.number(format!(
                    "{}|{}",
                    task.site(),
                    task.site().name().unwrap_or_default()
                )),
                reason: park.reason().code(),
                resource: park.resource(),
                owner: park.owner().as_u64(),
                since_ns: now_ns,
                named: false,
            };
            // A task that went on and waits again by now looks as if it had waited all the time:
            // the worse for who is to stay silent.
            if let Some(old) = before.get(&id).filter(|old| old.is_like(&new)) {
                new = *old;
                before.remove(&id);
            }
            let is_stalled = now_ns - new.since_ns >= STALL_PERIOD_NS;
            let is_idle = park.reason().class() == runtime_abi::Class::Idle;
            if is_stalled && !is_idle && (!new.named || self.looks.is_multiple_of(ROTATION)) {
                new.named = true;
                reports.push(new.report(id, now_ns, false));
            }
            self.parks.insert(id, new);
        }
        let over = before.iter().filter(|(_, park)| park.named);
        reports.extend(over.map(|(id, park)| park.report(*id, now_ns, true)));
        self.sum_up(now_ns);
        reports
    }

    /// The text of a site.
    pub fn text(&self, site: u64) -> Text {
        let (line, name) = self.sites[site as usize - 1].split_once('|').expect("both");
        let mut parts = line.rsplitn(3, ':');
        let mut number = || {
            parts
                .next()
                .and_then(|part| part.parse().ok())
                .expect("a number")
        };
        let (column, line) = (number(), number());
        let is_this = |counts: &&SiteCounts| label(counts) == self.sites[site as usize - 1];
        let service = self
            .counts
            .iter()
            .find(is_this)
            .is_some_and(|counts| counts.site().is_service());
        Text {
            file: parts.next().expect("a file").to_owned(),
            line,
            column,
            name: (!name.is_empty()).then(|| name.to_owned()),
            flags: if service { SITE_FLAG_SERVICE } else { 0 },
        }
    }

    fn number(&mut self, label: String) -> u64 {
        let known = self.sites.iter().position(|known| *known == label);
        let place = known.unwrap_or_else(|| {
            self.sites.push(label);
            self.sites.len() - 1
        });
        place as u64 + 1
    }

    fn sum_up(&mut self, now_ns: u64) {
        self.stalled.values_mut().for_each(|sum| *sum = (0, now_ns));
        for park in self.parks.values() {
            if now_ns - park.since_ns >= STALL_PERIOD_NS {
                let sum = self.stalled.entry((park.site, park.reason));
                let sum = sum.or_insert((0, now_ns));
                *sum = (sum.0 + 1, sum.1.min(park.since_ns));
            }
        }
        for counts in self.counts.clone() {
            self.number(label(&counts));
        }
    }

    fn ledger(&self, counts: &SiteCounts) -> Ledger {
        let label = label(counts);
        let since = |of: fn(&SiteCounts) -> u64| {
            of(counts).saturating_sub(self.before.get(&label).map_or(0, of))
        };
        let site = self.sites.iter().position(|known| *known == label);
        Ledger {
            site: site.expect("it has a number") as u64 + 1,
            at_ns: self.now_ns(),
            counters: Counters {
                spawned: since(|counts| counts.spawned),
                returned: since(|counts| counts.returned),
                panicked: since(|counts| counts.panicked),
                cancelled: since(|counts| counts.cancelled),
                parks: since(|counts| counts.parks),
                yields: since(|counts| counts.yields),
                growths: since(|counts| counts.growths),
                ..Counters::default()
            },
            stack_bytes: counts.stack_bytes,
        }
    }
}

impl Source for Inside {
    fn lives(&self, hear: &mut dyn FnMut(u32, Incarnation)) {
        hear(ID.pid, INCARNATION);
    }

    fn facts(&self, hear: &mut dyn FnMut(u64, Fact)) {
        let mut tell = |fact| hear(INCARNATION.number, fact);
        let now_ns = self.now_ns();
        let ledgers = self.counts.iter().map(|counts| self.ledger(counts));
        ledgers.for_each(|ledger| tell(Fact::Ledger(ledger)));
        for ((site, reason), (tasks, since_ns)) in &self.stalled {
            tell(Fact::Parked(Parked {
                site: *site,
                reason: *reason,
                at_ns: now_ns,
                tasks: *tasks,
                oldest_ns: now_ns - since_ns,
            }));
        }
        tell(Fact::Gauges(Gauges {
            at_ns: now_ns,
            schema: 1,
            live: self.metrics.live,
            runnable: self.metrics.runnable,
            workers: self.metrics.workers,
            idle_workers: self.metrics.idle_workers,
            stall_period_ns: STALL_PERIOD_NS,
            ..Gauges::default()
        }));
    }
}

impl TellsOfTask for Report {
    fn task_report(&self) -> Option<TaskReport> {
        Some(self.0)
    }
}

impl Park {
    fn is_like(&self, other: &Self) -> bool {
        (self.site, self.reason, self.resource) == (other.site, other.reason, other.resource)
    }

    fn report(&self, task: u64, at_ns: u64, is_over: bool) -> Report {
        let stalled = TaskFact::Stalled {
            parked_ns: at_ns - self.since_ns,
            resource: self.resource,
            owner: self.owner,
        };
        Report(TaskReport {
            tgid: ID.pid,
            incarnation: INCARNATION,
            at_ns,
            task,
            site: self.site,
            reason: self.reason,
            what: if is_over {
                TaskFact::Unstalled
            } else {
                stalled
            },
        })
    }
}

fn label(counts: &SiteCounts) -> String {
    format!(
        "{}|{}",
        counts.site(),
        counts.site().name().unwrap_or_default()
    )
}
