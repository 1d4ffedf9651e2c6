//! Every metric of the observer: name, type, help and labels, in one table.
//!
//! The names are a contract with dashboards and alerts. The renderer takes them from here, the
//! tests hold its output against this table, and there is no other place that spells them.

/// How a metric's values are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Never falls while its process lives.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts by size.
    Histogram,
}

/// Whom a metric is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// A watched process: its series carry `process` and `pid` before their own labels.
    Process,
    /// The observer itself.
    Observer,
}

/// One row of the table.
#[derive(Debug, PartialEq, Eq)]
pub struct Metric {
    /// The full name.
    pub name: &'static str,
    /// The type.
    pub kind: Kind,
    /// Whom it is about.
    pub scope: Scope,
    /// What it says, and in which unit.
    pub help: &'static str,
    /// Its labels, beyond those of its scope.
    pub labels: &'static [&'static str],
}

macro_rules! catalogue {
    ($($constant:ident $name:literal $scope:ident $kind:ident [$($label:literal),*] $help:literal;)*) => {
        $(
            #[doc = $help]
            pub(super) const $constant: Metric = Metric {
                name: concat!("parkwatch_", $name),
                kind: Kind::$kind,
                scope: Scope::$scope,
                help: $help,
                labels: &[$($label),*],
            };
        )*

        /// The table.
        pub const CATALOGUE: &[Metric] = &[$($constant),*];
    };
}

catalogue! {
    TASKS_LIVE "tasks_live" Process Gauge ["site"]
        "Live tasks by the source line that spawned them.";
    TASKS_SPAWNED "tasks_spawned_total" Process Counter ["site"]
        "Tasks spawned.";
    TASKS_EXITED "tasks_exited_total" Process Counter ["site", "outcome"]
        "Tasks that ended, by outcome.";
    TASKS_PARKS "tasks_parks_total" Process Counter ["site"]
        "Times a task stopped running until someone unparked it.";
    TASKS_YIELDS "tasks_yields_total" Process Counter ["site"]
        "Times a task gave up its worker and stayed runnable.";
    STACK_GROWTHS "stack_growths_total" Process Counter ["site"]
        "Widenings of stack windows; a reused wide stack is none.";
    PROCESS_TASKS_LIVE "process_tasks_live" Process Gauge []
        "Live tasks of the whole process, sites without a series of their own included.";
    PROCESS_TASKS_SPAWNED "process_tasks_spawned_total" Process Counter []
        "Tasks spawned in the whole process.";
    PROCESS_TASKS_EXITED "process_tasks_exited_total" Process Counter ["outcome"]
        "Tasks of the whole process that ended, by outcome.";
    TASKS_STALLED "tasks_stalled" Process Gauge ["site", "reason"]
        "Tasks that have been parked for longer than the runtime's stall period.";
    PARK_OLDEST "park_oldest_seconds" Process Gauge ["site", "reason"]
        "How long the oldest stalled task has been parked.";
    TASKS_STUCK "tasks_stuck" Process Gauge ["site", "reason"]
        "Tasks that have been blocked by someone for longer than the observer's threshold.";
    STALLS_UNNAMED "stalls_unnamed" Process Gauge []
        "Stalled tasks that are counted but not named; above zero, names are a sample.";
    TASKS_RUNNABLE "tasks_runnable" Process Gauge []
        "Tasks that wait for a worker.";
    PARK_DURATION "park_duration_seconds" Process Histogram ["reason"]
        "How long parks lasted (events mode).";
    WAKE_LATENCY "wake_latency_seconds" Process Histogram []
        "From runnable to running (events mode).";
    STACK_BYTES "stack_bytes" Process Gauge ["site"]
        "Bytes of open stack windows.";
    PROCESS_STACK_BYTES "process_stack_bytes" Process Gauge ["state"]
        "Bytes of stacks of the whole process: in use, or cached for reuse.";
    STORMS "stack_growth_storms_total" Process Counter ["site"]
        "Stack growth storms that began.";
    STORM_ACTIVE "stack_growth_storm_active" Process Gauge ["site"]
        "1 while a stack growth storm lasts.";
    POOL_RETAINED "pool_retained_bytes" Process Gauge ["site"]
        "Bytes that object pools retain.";
    POOL_HITS "pool_hits_total" Process Counter ["site"]
        "Objects taken from pools.";
    POOL_MISSES "pool_misses_total" Process Counter ["site"]
        "Objects that had to be made because a pool was empty.";
    FINDINGS "findings" Process Gauge ["detector", "state", "severity", "site"]
        "1 while a finding lasts.";
    WORKERS "workers" Process Gauge ["state"]
        "Worker threads, busy or idle.";
    HANDOFFS "worker_handoffs_total" Process Counter []
        "Processors handed to another worker.";
    STEALS "worker_steals_total" Process Counter []
        "Steals between processors.";
    PROCESS_INFO "process_info" Process Gauge ["exe", "schema", "container_id"]
        "1 for every watched process.";
    SITE_INFO "site_info" Process Gauge ["site", "name", "service"]
        "1 for every site with series of its own: its static name, and whether its tasks are services.";

    BUILD_INFO "observer_build_info" Observer Gauge ["version"]
        "1: the version of this observer.";
    PROCESSES "observer_processes" Observer Gauge []
        "Processes that carry the probes and are watched.";
    PROCESSES_UNATTACHED "observer_processes_unattached" Observer Gauge []
        "Those of them that could not be attached: nothing is seen of them.";
    ATTACH_ERRORS "observer_attach_errors_total" Observer Counter []
        "Processes or files that could not be examined or attached.";
    ATTACH_SECONDS "observer_attach_seconds" Observer Histogram []
        "How long attaching one file took.";
    EVENTS_LOST "observer_events_lost_total" Observer Counter ["map"]
        "Hits of probes that were lost, by cause: mostly a map that was full.";
    MAP_ENTRIES "observer_map_entries" Observer Gauge ["map"]
        "Entries of kernel maps.";
    MAP_CAPACITY "observer_map_capacity" Observer Gauge ["map"]
        "Entries that fit into kernel maps.";
    SITES_DROPPED "observer_sites_dropped_total" Observer Counter []
        "Sites that had no room for series of their own.";
    SERIES "observer_series" Observer Gauge []
        "Series of watched processes.";
    SCRAPE_SECONDS "observer_scrape_seconds" Observer Gauge []
        "How long rendering the previous scrape took.";
    PROBE_SECONDS "observer_probe_seconds_total" Observer Counter ["probe"]
        "Estimated time spent in probe programs: hits times the mean of the timed ones.";
    GOVERNOR_STATE "observer_governor_state" Observer Gauge []
        "Which measure against the observer's own cost is in force: 0 none, 1 event probes of some executable are detached.";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_distinct_and_follow_the_conventions() {
        let names: HashSet<_> = CATALOGUE.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), CATALOGUE.len());
        for metric in CATALOGUE {
            let total = metric.name.ends_with("_total");
            assert_eq!(total, metric.kind == Kind::Counter, "{}", metric.name);
            assert!(metric.help.ends_with('.'), "{}", metric.name);
            let observers = metric.name.starts_with("parkwatch_observer_");
            assert_eq!(
                observers,
                metric.scope == Scope::Observer,
                "{}",
                metric.name
            );
        }
    }
}
