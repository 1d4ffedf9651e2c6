//! Renders a [`View`] in Prometheus' text format 0.0.4.
//!
//! No two samples of a scrape have equal labels: processes differ in pid, sites of a process in
//! their label (the model keys them by it), and everything else comes from a map's keys.

use prometheus::core::Collector as _;
use prometheus::process_collector::ProcessCollector;
use prometheus::{TextEncoder, proto};

use super::metrics::{Families, Labels};
use super::pod::PodLabels;
use super::select::Families as Optional;
use super::view::{AttachTimes, OTHER, ObserverView, ProcessView, SiteView};
use super::{View, catalogue as metric};
use observer_ebpf_abi::Histogram;

/// Renders a view. `scrape_seconds` is what the previous rendering took.
#[must_use]
pub fn render(view: &View, scrape_seconds: f64) -> String {
    let mut families = Families::default();
    view.processes
        .iter()
        .for_each(|process| process_series(&mut families, process));
    finding_series(&mut families, view);
    let series = families.series();
    observer_series(&mut families, &view.observer, series, scrape_seconds);
    let mut families = families.into_proto();
    families.extend(ProcessCollector::for_self().collect());
    encode(&families)
}

fn encode(families: &[proto::MetricFamily]) -> String {
    // Encoding into memory fails only for families without samples, and there are none.
    TextEncoder::new()
        .encode_to_string(families)
        .unwrap_or_else(|error| {
            tracing::error!(%error, "metrics could not be encoded");
            String::new()
        })
}

fn process_series(families: &mut Families, process: &ProcessView) {
    let labels = process_labels(&process.name, process.id.pid, process.pod.as_ref());
    total_series(families, &labels, process);
    process
        .sites
        .iter()
        .for_each(|site| site_series(families, &labels, site));
    stalled_series(families, &labels, process);
    if let Some(other) = &process.other {
        let at = labels.with(&[OTHER]);
        families.add(&metric::TASKS_LIVE, &at, other.live as f64);
        families.add(&metric::STACK_BYTES, &at, other.stack_bytes as f64);
        if other.pool_retained_bytes > 0 {
            families.add(
                &metric::POOL_RETAINED,
                &at,
                other.pool_retained_bytes as f64,
            );
        }
    }
    for (reason, histogram) in &process.parks {
        duration_series(
            families,
            &metric::PARK_DURATION,
            &labels.with(&[reason]),
            histogram,
        );
    }
    if let Some(histogram) = &process.wakes {
        duration_series(families, &metric::WAKE_LATENCY, &labels, histogram);
    }
}

/// The labels of a process's series: those of its pod too, where it belongs to one.
fn process_labels(name: &str, pid: u32, pod: Option<&PodLabels>) -> Labels {
    let pid = pid.to_string();
    let mut labels = vec![("process", name), ("pid", &pid)];
    labels.extend(pod.into_iter().flat_map(PodLabels::pairs));
    Labels::of(&labels)
}

fn total_series(families: &mut Families, labels: &Labels, process: &ProcessView) {
    let totals = &process.totals;
    families.add(&metric::PROCESS_TASKS_LIVE, labels, totals.live() as f64);
    families.add(
        &metric::PROCESS_TASKS_SPAWNED,
        labels,
        totals.spawned as f64,
    );
    for (outcome, count) in [
        ("returned", totals.returned),
        ("panicked", totals.panicked),
        ("cancelled", totals.cancelled),
    ] {
        families.add(
            &metric::PROCESS_TASKS_EXITED,
            &labels.with(&[outcome]),
            count as f64,
        );
    }
    if totals.ended_otherwise > 0 {
        let at = labels.with(&["unknown"]);
        families.add(
            &metric::PROCESS_TASKS_EXITED,
            &at,
            totals.ended_otherwise as f64,
        );
    }
    families.add(
        &metric::STALLS_UNNAMED,
        labels,
        process.stalls_unnamed as f64,
    );
    let schema = process
        .monitor
        .map_or_else(String::new, |monitor| monitor.schema.to_string());
    let container = process.container_id.as_deref().unwrap_or_default();
    families.add(
        &metric::PROCESS_INFO,
        &labels.with(&[&process.exe, &schema, container]),
        1.0,
    );
    monitor_series(families, labels, process);
}

fn monitor_series(families: &mut Families, labels: &Labels, process: &ProcessView) {
    let Some(monitor) = &process.monitor else {
        return;
    };
    families.add(&metric::TASKS_RUNNABLE, labels, monitor.runnable as f64);
    let idle = monitor.idle_workers.min(monitor.workers);
    families.add(
        &metric::WORKERS,
        &labels.with(&["busy"]),
        (monitor.workers - idle) as f64,
    );
    families.add(&metric::WORKERS, &labels.with(&["idle"]), idle as f64);
    families.add(&metric::HANDOFFS, labels, monitor.handoffs as f64);
    families.add(&metric::STEALS, labels, monitor.steals as f64);
    let (used, cached) = (
        monitor.stack_bytes as f64,
        monitor.stack_bytes_cached as f64,
    );
    families.add(&metric::PROCESS_STACK_BYTES, &labels.with(&["used"]), used);
    families.add(
        &metric::PROCESS_STACK_BYTES,
        &labels.with(&["cached"]),
        cached,
    );
}

fn site_series(families: &mut Families, process: &Labels, site: &SiteView) {
    let labels = process.with(&[&site.label]);
    let counters = &site.counters;
    families.add(&metric::TASKS_LIVE, &labels, counters.live() as f64);
    families.add(&metric::TASKS_SPAWNED, &labels, counters.spawned as f64);
    families.add(
        &metric::TASKS_EXITED,
        &labels.with(&["returned"]),
        counters.returned as f64,
    );
    families.add(&metric::STACK_BYTES, &labels, site.stack_bytes as f64);
    let service = if site.service { "true" } else { "false" };
    families.add(
        &metric::SITE_INFO,
        &labels.with(&[&site.name, service]),
        1.0,
    );
    let mut optional = |family, metric, labels: &Labels, value: u64| {
        if site.families.has(family) {
            families.add(metric, labels, value as f64);
        }
    };
    optional(
        Optional::PARKS,
        &metric::TASKS_PARKS,
        &labels,
        counters.parks,
    );
    optional(
        Optional::YIELDS,
        &metric::TASKS_YIELDS,
        &labels,
        counters.yields,
    );
    optional(
        Optional::GROWTHS,
        &metric::STACK_GROWTHS,
        &labels,
        counters.growths,
    );
    optional(
        Optional::GROWTHS,
        &metric::STORMS,
        &labels,
        site.storm.begun,
    );
    optional(
        Optional::GROWTHS,
        &metric::STORM_ACTIVE,
        &labels,
        site.storm.active.into(),
    );
    optional(
        Optional::POOL,
        &metric::POOL_RETAINED,
        &labels,
        site.pool.retained_bytes,
    );
    optional(Optional::POOL, &metric::POOL_HITS, &labels, site.pool.hits);
    optional(
        Optional::POOL,
        &metric::POOL_MISSES,
        &labels,
        site.pool.misses,
    );
    for (family, outcome, count) in [
        (Optional::PANICKED, "panicked", counters.panicked),
        (Optional::CANCELLED, "cancelled", counters.cancelled),
        (Optional::OTHERWISE, "unknown", counters.ended_otherwise),
    ] {
        optional(
            family,
            &metric::TASKS_EXITED,
            &labels.with(&[outcome]),
            count,
        );
    }
}

fn stalled_series(families: &mut Families, process: &Labels, view: &ProcessView) {
    for stalled in &view.stalled {
        let labels = process.with(&[&stalled.site, stalled.reason]);
        families.add(
            &metric::TASKS_STALLED,
            &labels,
            stalled.stalled.tasks as f64,
        );
        families.add(
            &metric::PARK_OLDEST,
            &labels,
            seconds(stalled.stalled.oldest_ns),
        );
        if let Some(stuck) = stalled.stuck {
            families.add(&metric::TASKS_STUCK, &labels, stuck as f64);
        }
    }
}

fn finding_series(families: &mut Families, view: &View) {
    for index in &view.finding_series.shown {
        let finding = &view.findings[*index];
        let process = process_labels(&finding.process, finding.id.pid, view.pod_of(finding.id));
        let (detector, state) = (finding.detector.name(), finding.state.name());
        let severity = finding.severity.name();
        let labels = process.with(&[detector, state, severity, &finding.site]);
        families.add(&metric::FINDINGS, &labels, 1.0);
    }
}

fn observer_series(
    families: &mut Families,
    observer: &ObserverView,
    series: usize,
    scrape_seconds: f64,
) {
    let none = Labels::default();
    let version = none.with(&[env!("CARGO_PKG_VERSION")]);
    families.add(&metric::BUILD_INFO, &version, 1.0);
    families.add(&metric::PROCESSES, &none, observer.processes as f64);
    let unattached = observer.unattached as f64;
    families.add(&metric::PROCESSES_UNATTACHED, &none, unattached);
    families.add(&metric::ATTACH_ERRORS, &none, observer.attach_errors as f64);
    let times = &observer.attach_times;
    families.add_histogram(
        &metric::ATTACH_SECONDS,
        &none,
        AttachTimes::BOUNDS.into_iter().zip(times.buckets),
        times.buckets.iter().sum(),
        times.sum_seconds,
    );
    for (cause, count) in &observer.lost {
        families.add(&metric::EVENTS_LOST, &none.with(&[cause]), *count as f64);
    }
    for map in &observer.maps {
        families.add(
            &metric::MAP_ENTRIES,
            &none.with(&[map.map]),
            map.entries as f64,
        );
        families.add(
            &metric::MAP_CAPACITY,
            &none.with(&[map.map]),
            map.capacity as f64,
        );
    }
    for (probe, seconds) in &observer.probe_seconds {
        families.add(&metric::PROBE_SECONDS, &none.with(&[probe]), *seconds);
    }
    families.add(&metric::SITES_DROPPED, &none, observer.sites_dropped as f64);
    families.add(&metric::SERIES, &none, series as f64);
    families.add(&metric::SCRAPE_SECONDS, &none, scrape_seconds);
    families.add(
        &metric::GOVERNOR_STATE,
        &none,
        observer.governor_state.into(),
    );
}

fn duration_series(
    families: &mut Families,
    metric: &'static super::Metric,
    labels: &Labels,
    histogram: &Histogram,
) {
    let (last, bounded) = (
        histogram.buckets.len() - 1,
        histogram.buckets.iter().copied(),
    );
    let bounds = (0..last).map(|bucket| seconds(1 << (bucket + 10)));
    let count = histogram.buckets.iter().sum();
    families.add_histogram(
        metric,
        labels,
        bounds.zip(bounded),
        count,
        seconds(histogram.sum_ns),
    );
}

fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

#[cfg(test)]
#[path = "render_tests.rs"]
mod tests;
