//! The answer of `/view`: a view as plain data that can be read back. `observer top` shows it, and
//! it is the same type whether it came from a daemon or from the pipeline in this process.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::View;
use super::findings::FindingReport;
use super::view::{OtherView, ProcessView, SiteView, StalledView};
use crate::model::Counters;

/// The form that this observer writes and reads.
pub const REPORT_VERSION: u32 = 1;

/// Everything that a view says but histograms. Members are only ever added; what an older daemon
/// does not say is zero or empty.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Report {
    /// [`REPORT_VERSION`] of who wrote it.
    pub version: u32,
    /// When the view was made, in milliseconds since 1970; 0 before the first.
    pub unix_ms: u64,
    /// The observer that wrote it.
    pub observer: ObserverReport,
    /// Every process that was heard.
    pub processes: Vec<ProcessReport>,
    /// What lasts now, worst first.
    pub findings: Vec<FindingReport>,
}

/// What the observer says of itself.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct ObserverReport {
    /// Its version.
    pub version: String,
    /// Processes that carry the probes and are watched.
    pub processes: u64,
    /// What could not be examined or attached, ever.
    pub attach_errors: u64,
    /// Losses by cause, ever; those at zero are left out.
    pub lost: BTreeMap<String, u64>,
    /// Sites without series of their own, ever.
    pub sites_dropped: u64,
}

/// A process.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct ProcessReport {
    /// Base name of its executable.
    pub process: String,
    /// Its id.
    pub pid: u32,
    /// Clock ticks from boot to its start: with the pid, its identity.
    pub start_time: u64,
    /// Path of its executable.
    pub exe: String,
    /// Its container.
    pub container_id: Option<String>,
    /// Namespace, pod and container, as far as they are known.
    pub pod: BTreeMap<String, String>,
    /// Counts of all its sites.
    pub totals: CountsReport,
    /// What its monitor said last.
    pub monitor: Option<MonitorReport>,
    /// The sites with series of their own.
    pub sites: Vec<SiteReport>,
    /// The sum of its other sites.
    pub other: Option<OtherReport>,
    /// Tasks that are parked for longer than the stall period.
    pub stalled: Vec<StalledReport>,
}

/// Cumulative counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct CountsReport {
    /// Tasks that have not ended.
    pub live: u64,
    /// Tasks spawned.
    pub spawned: u64,
    /// Tasks that returned.
    pub returned: u64,
    /// Tasks that panicked.
    pub panicked: u64,
    /// Tasks that were cancelled.
    pub cancelled: u64,
    /// Tasks that ended in a way that a newer target knows.
    pub unknown: u64,
    /// Parks.
    pub parks: u64,
    /// Yields.
    pub yields: u64,
    /// Widenings of stack windows.
    pub growths: u64,
}

/// What a process's monitor says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct MonitorReport {
    /// Schema version.
    pub schema: u64,
    /// Tasks in run queues.
    pub runnable: u64,
    /// Worker threads.
    pub workers: u64,
    /// Those without work.
    pub idle_workers: u64,
    /// Bytes of open stack windows.
    pub stack_bytes: u64,
    /// Bytes of stacks that wait for reuse.
    pub stack_bytes_cached: u64,
}

/// A site.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct SiteReport {
    /// `file:line:column`.
    pub site: String,
    /// Static names of its tasks, joined by commas.
    pub name: String,
    /// Its tasks are declared to live and wait for ever.
    pub service: bool,
    /// Its counts.
    pub counts: CountsReport,
    /// Bytes of open stack windows.
    pub stack_bytes: u64,
    /// Its stacks storm.
    pub storm: bool,
    /// Bytes that its object pools retain.
    pub pool_retained_bytes: u64,
}

/// Sites without series of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct OtherReport {
    /// Tasks that have not ended.
    pub live: u64,
    /// Bytes of open stack windows.
    pub stack_bytes: u64,
}

/// Stalled tasks of one site and reason.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct StalledReport {
    /// The site, or `~other`.
    pub site: String,
    /// Why they are parked.
    pub reason: String,
    /// How many.
    pub tasks: u64,
    /// How long the oldest of them has been parked.
    pub oldest_seconds: f64,
    /// How many are stuck; absent for reasons by which no task is.
    pub stuck: Option<u64>,
}

impl Report {
    /// What a view says.
    #[must_use]
    pub fn of(view: &View) -> Self {
        let observer = &view.observer;
        let lost = observer.lost.iter().filter(|(_, count)| *count > 0);
        Self {
            version: REPORT_VERSION,
            unix_ms: observer.unix_ms,
            observer: ObserverReport {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                processes: observer.processes,
                attach_errors: observer.attach_errors,
                lost: lost
                    .map(|(cause, count)| ((*cause).to_owned(), *count))
                    .collect(),
                sites_dropped: observer.sites_dropped,
            },
            processes: view.processes.iter().map(process).collect(),
            findings: view.finding_reports(),
        }
    }
}

fn process(view: &ProcessView) -> ProcessReport {
    let pod = view.pod.iter().flat_map(|pod| pod.pairs());
    ProcessReport {
        process: view.name.to_string(),
        pid: view.id.pid,
        start_time: view.id.start_time,
        exe: view.exe.to_string(),
        container_id: view.container_id.as_deref().map(ToOwned::to_owned),
        pod: pod
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        totals: counts(&view.totals),
        monitor: view.monitor.as_ref().map(|monitor| MonitorReport {
            schema: monitor.schema,
            runnable: monitor.runnable,
            workers: monitor.workers,
            idle_workers: monitor.idle_workers,
            stack_bytes: monitor.stack_bytes,
            stack_bytes_cached: monitor.stack_bytes_cached,
        }),
        sites: view.sites.iter().map(site).collect(),
        other: view.other.as_ref().map(other),
        stalled: view.stalled.iter().map(stalled).collect(),
    }
}

fn site(view: &SiteView) -> SiteReport {
    SiteReport {
        site: view.label.to_string(),
        name: view.name.clone(),
        service: view.service,
        counts: counts(&view.counters),
        stack_bytes: view.stack_bytes,
        storm: view.storm.active,
        pool_retained_bytes: view.pool.retained_bytes,
    }
}

fn counts(counters: &Counters) -> CountsReport {
    CountsReport {
        live: counters.live(),
        spawned: counters.spawned,
        returned: counters.returned,
        panicked: counters.panicked,
        cancelled: counters.cancelled,
        unknown: counters.ended_otherwise,
        parks: counters.parks,
        yields: counters.yields,
        growths: counters.growths,
    }
}

fn other(view: &OtherView) -> OtherReport {
    OtherReport {
        live: view.live,
        stack_bytes: view.stack_bytes,
    }
}

fn stalled(view: &StalledView) -> StalledReport {
    StalledReport {
        site: view.site.to_string(),
        reason: view.reason.to_owned(),
        tasks: view.stalled.tasks,
        oldest_seconds: view.stalled.oldest_ns as f64 / 1e9,
        stuck: view.stuck,
    }
}

impl CountsReport {
    /// Tasks that ended, in whatever way.
    #[must_use]
    pub fn ended(&self) -> u64 {
        [self.returned, self.panicked, self.cancelled, self.unknown]
            .into_iter()
            .fold(0, u64::saturating_add)
    }
}

impl ProcessReport {
    /// Tasks that are stuck, at all sites.
    #[must_use]
    pub fn stuck(&self) -> u64 {
        sum(self.stalled.iter().filter_map(|stalled| stalled.stuck))
    }

    /// Tasks that are stalled, at all sites.
    #[must_use]
    pub fn stalled_tasks(&self) -> u64 {
        sum(self.stalled.iter().map(|stalled| stalled.tasks))
    }

    /// What is stalled at one site.
    pub fn stalled_at<'r>(&'r self, site: &'r str) -> impl Iterator<Item = &'r StalledReport> {
        self.stalled
            .iter()
            .filter(move |stalled| stalled.site == site)
    }
}

fn sum(counts: impl Iterator<Item = u64>) -> u64 {
    counts.fold(0, u64::saturating_add)
}
