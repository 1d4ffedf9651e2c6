//! The probes of our contract as a source of the model: the maps, and records of the ring.

use observer_ebpf_abi::{
    LedgerValue, MonitorValue, ParkedKey, ParkedValue, PoolValue, RECORD_STALL, RECORD_UNSTALL,
    Record, SiteKey, incarnation_first_ns,
};

use super::source::{
    Fact, Gauges, Incarnation, Ledger, Parked, PoolReport, Source, TaskFact, TaskReport,
    TellsOfTask,
};
use super::{Counters, Snapshot};

impl Source for Snapshot {
    fn lives(&self, hear: &mut dyn FnMut(u32, Incarnation)) {
        for (tgid, kernel_side) in &self.processes {
            hear(*tgid, incarnation(kernel_side.incarnation));
        }
    }

    fn facts(&self, hear: &mut dyn FnMut(u64, Fact)) {
        for (key, value) in &self.ledgers {
            if let Some(fact) = ledger(key, value) {
                hear(key.incarnation, fact);
            }
        }
        for (key, value) in &self.parked {
            if let Some(fact) = parked(key, value) {
                hear(key.incarnation, fact);
            }
        }
        for (key, value) in &self.pools {
            if let Some(fact) = pool(key, value) {
                hear(key.incarnation, fact);
            }
        }
        for (incarnation, value) in &self.monitors {
            if let Some(fact) = gauges(value) {
                hear(*incarnation, fact);
            }
        }
        for (key, counts) in &self.counts {
            let (site, counters) = (key.site, Counters::from(counts));
            hear(key.incarnation, Fact::Events { site, counters });
        }
        for (key, value) in &self.faults {
            let (site, pc, growths) = (key.site, key.pc, value.growths);
            hear(key.incarnation, Fact::Fault { site, pc, growths });
        }
        for (key, histogram) in &self.histograms {
            let (key, histogram) = (*key, *histogram);
            hear(key.incarnation, Fact::Durations { key, histogram });
        }
    }
}

impl TellsOfTask for Record {
    fn task_report(&self) -> Option<TaskReport> {
        let what = match self.kind {
            RECORD_STALL => TaskFact::Stalled {
                parked_ns: self.parked_ns,
                resource: self.resource,
                owner: self.owner,
            },
            RECORD_UNSTALL => TaskFact::Unstalled,
            _ => return None,
        };
        (self.incarnation != 0 && self.site != 0).then_some(TaskReport {
            tgid: self.tgid,
            incarnation: incarnation(self.incarnation),
            at_ns: self.boot_ns,
            task: self.task,
            site: self.site,
            reason: self.reason,
            what,
        })
    }
}

fn incarnation(number: u64) -> Incarnation {
    Incarnation {
        number,
        first_heard_ns: incarnation_first_ns(number),
    }
}

// A torn value says nothing.

fn ledger(key: &SiteKey, value: &LedgerValue) -> Option<Fact> {
    (value.sequence == value.sequence_end).then(|| {
        Fact::Ledger(Ledger {
            site: key.site,
            at_ns: value.sequence,
            counters: Counters::from(value),
            // A sum of differences may be below zero for an instant.
            stack_bytes: i64::try_from(value.stack_bytes).map_or(0, i64::unsigned_abs),
        })
    })
}

fn parked(key: &ParkedKey, value: &ParkedValue) -> Option<Fact> {
    (value.sequence == value.sequence_end).then_some(Fact::Parked(Parked {
        site: key.site,
        reason: key.reason,
        at_ns: value.sequence,
        tasks: value.stalled,
        oldest_ns: value.oldest_ns,
    }))
}

fn pool(key: &SiteKey, value: &PoolValue) -> Option<Fact> {
    (value.sequence == value.sequence_end).then_some(Fact::Pool(PoolReport {
        site: key.site,
        at_ns: value.sequence,
        retained_bytes: value.retained_bytes,
        hits: value.hits,
        misses: value.misses,
    }))
}

fn gauges(value: &MonitorValue) -> Option<Fact> {
    (value.sequence == value.sequence_end).then_some(Fact::Gauges(Gauges {
        at_ns: value.sequence,
        schema: value.schema,
        live: value.live,
        runnable: value.runnable,
        workers: value.workers,
        idle_workers: value.idle_workers,
        handoffs: value.handoffs,
        steals: value.steals,
        stack_bytes: value.stack_bytes,
        stack_bytes_cached: value.stack_bytes_cached,
        stall_period_ns: value.stall_period_ns,
    }))
}
