//! Everything that a scrape shows, at one time: plain data, built once, never changed.

use std::sync::Arc;

use observer_ebpf_abi::{HISTOGRAM_WAKE, Histogram};
use runtime_abi::Reason;

use super::findings::FindingSeries;
use super::pod::PodLabels;
use super::select::{Chosen, Families, Selection};
use crate::collect::{Gauges, MapUse};
use crate::detect::{Detection, Finding, Storm};
use crate::discover::ProcessId;
use crate::kubernetes::PodNames;
use crate::model::{Counters, Model, Pool, Process, Stalled};

/// The label of all sites without series of their own.
pub(super) const OTHER: &str = "~other";
/// The label of codes of a newer target.
const UNKNOWN: &str = "unknown";

/// Everything that a scrape shows.
#[derive(Clone, Debug, Default)]
pub struct View {
    pub(super) processes: Vec<ProcessView>,
    pub(super) findings: Vec<Finding>,
    pub(super) finding_series: FindingSeries,
    pub(super) observer: ObserverView,
}

/// What the observer says of itself.
#[derive(Clone, Debug, Default)]
pub struct ObserverView {
    /// Processes that carry the probes.
    pub processes: u64,
    /// Those of them of which nothing is attached.
    pub unattached: u64,
    /// What could not be examined or attached.
    pub attach_errors: u64,
    /// How long attaching took.
    pub attach_times: AttachTimes,
    /// Losses by cause.
    pub lost: Vec<(&'static str, u64)>,
    /// How full the kernel's maps are.
    pub maps: Vec<MapUse>,
    /// Estimated seconds by probe.
    pub probe_seconds: Vec<(&'static str, f64)>,
    /// Which measure against the observer's own cost is in force; 0 is none.
    pub governor_state: u8,
    /// Sites without room.
    pub sites_dropped: u64,
    /// When this was said, in milliseconds since 1970.
    pub unix_ms: u64,
    /// What to add to a boot time for a time since 1970, both in nanoseconds.
    pub unix_offset_ns: u64,
}

/// How long attaching took, by size.
#[derive(Clone, Debug, Default)]
pub struct AttachTimes {
    /// Counts, not cumulative, by [`AttachTimes::BOUNDS`]; the last is of all longer ones.
    pub(super) buckets: [u64; AttachTimes::BOUNDS.len() + 1],
    pub(super) sum_seconds: f64,
}

impl AttachTimes {
    /// Upper bounds of the buckets in seconds.
    pub(super) const BOUNDS: [f64; 9] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0];

    /// Adds one.
    pub fn add(&mut self, seconds: f64) {
        self.buckets[Self::BOUNDS.partition_point(|bound| *bound < seconds)] += 1;
        self.sum_seconds += seconds;
    }
}

#[derive(Clone, Debug)]
pub(super) struct ProcessView {
    pub(super) name: Arc<str>,
    pub(super) id: ProcessId,
    pub(super) exe: Arc<str>,
    pub(super) container_id: Option<Arc<str>>,
    pub(super) pod: Option<PodLabels>,
    pub(super) monitor: Option<Gauges>,
    pub(super) totals: Counters,
    pub(super) stalls_unnamed: u64,
    pub(super) sites: Vec<SiteView>,
    pub(super) other: Option<OtherView>,
    pub(super) stalled: Vec<StalledView>,
    pub(super) parks: Vec<(&'static str, Histogram)>,
    pub(super) wakes: Option<Histogram>,
}

#[derive(Clone, Debug)]
pub(super) struct SiteView {
    pub(super) label: Arc<str>,
    pub(super) name: String,
    pub(super) service: bool,
    pub(super) families: Families,
    pub(super) counters: Counters,
    pub(super) stack_bytes: u64,
    pub(super) storm: Storm,
    pub(super) pool: Pool,
}

/// Gauges of the sites without series of their own.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct OtherView {
    pub(super) live: u64,
    pub(super) stack_bytes: u64,
    pub(super) pool_retained_bytes: u64,
}

#[derive(Clone, Debug)]
pub(super) struct StalledView {
    pub(super) site: Arc<str>,
    pub(super) reason: &'static str,
    pub(super) stalled: Stalled,
    /// Only of blocked reasons.
    pub(super) stuck: Option<u64>,
}

impl View {
    /// Puts together what the model, the detectors and the selection say. A process that was
    /// never heard (a fork without exec) has no series.
    #[must_use]
    pub fn new(
        model: &Model,
        detection: &Detection,
        selection: &Selection,
        observer: ObserverView,
    ) -> Self {
        let processes = model
            .processes()
            .filter_map(|process| Some((process, selection.of(process)?)))
            .map(|(process, chosen)| ProcessView::new(process, detection, chosen))
            .collect();
        Self {
            processes,
            findings: detection.findings.clone(),
            finding_series: FindingSeries::new(&detection.findings),
            observer,
        }
    }

    /// What lasts now, worst first.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Puts names where a node has ids only.
    pub fn name_pods(&mut self, names: &PodNames) {
        for process in &mut self.processes {
            let uid = process.pod.as_ref().map(|pod| &*pod.pod);
            if let Some(name) = names.of(uid, process.container_id.as_deref()) {
                process.pod = Some(PodLabels::named(name, process.pod.take()));
            }
        }
    }

    pub(super) fn pod_of(&self, id: ProcessId) -> Option<&PodLabels> {
        let process = self.processes.iter().find(|process| process.id == id);
        process.and_then(|process| process.pod.as_ref())
    }

    /// Findings among these that have no series: their process has too many.
    #[must_use]
    pub fn findings_without_series(&self) -> u64 {
        self.finding_series.left_out
    }
}

impl ProcessView {
    fn new(process: &Process, detection: &Detection, chosen: &Chosen) -> Self {
        let meta = process.meta();
        let mut view = Self {
            name: meta.name.clone(),
            id: process.id(),
            exe: meta.exe.clone(),
            container_id: meta.container_id.clone(),
            pod: meta.pod.as_deref().map(PodLabels::of),
            monitor: process.monitor().copied(),
            totals: *process.totals(),
            stalls_unnamed: process.stalls_unnamed(),
            sites: Vec::with_capacity(chosen.sites().len()),
            other: None,
            stalled: Vec::new(),
            parks: Vec::new(),
            wakes: None,
        };
        view.take_sites(process, detection, chosen);
        view.take_stalled(process, detection, chosen);
        for ((kind, reason), histogram) in process.histograms() {
            if *kind == HISTOGRAM_WAKE {
                view.wakes = Some(*histogram);
            } else {
                view.parks.push((reason_name(*reason), *histogram));
            }
        }
        view
    }

    fn take_sites(&mut self, process: &Process, detection: &Detection, chosen: &Chosen) {
        for (index, site) in process.sites().iter().enumerate() {
            let pool = process.pools().get(&index).copied().unwrap_or_default();
            let Some(families) = chosen.families(index) else {
                if chosen.is_open() {
                    let other = self.other.get_or_insert_default();
                    other.live = other.live.saturating_add(site.counters().live());
                    other.stack_bytes = other.stack_bytes.saturating_add(site.stack_bytes());
                    other.pool_retained_bytes = other
                        .pool_retained_bytes
                        .saturating_add(pool.retained_bytes);
                }
                continue;
            };
            let storm = detection.storms.get(&(process.id(), index)).copied();
            self.sites.push(SiteView {
                label: site.label().clone(),
                name: site.name(),
                service: site.is_service(),
                families,
                counters: *site.counters(),
                stack_bytes: site.stack_bytes(),
                storm: storm.unwrap_or_default(),
                pool,
            });
        }
    }

    fn take_stalled(&mut self, process: &Process, detection: &Detection, chosen: &Chosen) {
        let other_label: Arc<str> = OTHER.into();
        for ((site, reason), stalled) in process.stalled() {
            let stuck = reason
                .and_then(|reason| detection.stuck.get(&(process.id(), *site, reason)))
                .copied();
            let own = chosen.has_stalled(*site, *reason);
            if !own && !chosen.is_open() {
                continue;
            }
            let label = if own {
                process.sites()[*site].label()
            } else {
                &other_label
            };
            self.add_stalled(label, reason_name(*reason), *stalled, stuck);
        }
    }

    fn add_stalled(
        &mut self,
        site: &Arc<str>,
        reason: &'static str,
        stalled: Stalled,
        stuck: Option<u64>,
    ) {
        let same = |known: &&mut StalledView| known.site == *site && known.reason == reason;
        if &**site == OTHER
            && let Some(known) = self.stalled.iter_mut().find(same)
        {
            known.stalled.tasks += stalled.tasks;
            known.stalled.oldest_ns = known.stalled.oldest_ns.max(stalled.oldest_ns);
            known.stuck = known.stuck.map(|sum| sum + stuck.unwrap_or(0)).or(stuck);
            return;
        }
        self.stalled.push(StalledView {
            site: site.clone(),
            reason,
            stalled,
            stuck,
        });
    }
}

fn reason_name(reason: Option<Reason>) -> &'static str {
    reason.map_or(UNKNOWN, Reason::name)
}
