//! What one round reports: a line of JSON.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;

use crate::contestant::{Bench, Contestant, Load};

/// Objects that pools have made in this round.
static MADE: AtomicU64 = AtomicU64::new(0);

/// A pool had none to use again.
pub fn count_made() {
    MADE.fetch_add(1, Ordering::Relaxed);
}

/// One round, or why there was none.
#[derive(Serialize)]
pub struct Report {
    runtime: Contestant,
    bench: Bench,
    workers: usize,
    count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ns_per_op: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    elapsed_ns: Option<u64>,
    peak_rss_bytes: u64,
    /// Of the bench `pool`: the share of objects that were used again.
    #[serde(skip_serializing_if = "Option::is_none")]
    reused: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<&'static str>,
}

impl Report {
    pub fn measured(runtime: Contestant, load: &Load, elapsed: Duration) -> Self {
        let elapsed_ns = u64::try_from(elapsed.as_nanos()).expect("a round of under 500 years");
        Self {
            ns_per_op: Some(elapsed_ns as f64 / load.count as f64),
            elapsed_ns: Some(elapsed_ns),
            reused: (load.bench == Bench::Pool).then(|| reused(load.count)),
            ..Self::empty(runtime, load)
        }
    }

    pub fn skipped(runtime: Contestant, load: &Load, reason: &'static str) -> Self {
        Self {
            skipped: Some(reason),
            ..Self::empty(runtime, load)
        }
    }

    fn empty(runtime: Contestant, load: &Load) -> Self {
        Self {
            runtime,
            bench: load.bench,
            workers: load.workers,
            count: load.count,
            ns_per_op: None,
            elapsed_ns: None,
            reused: None,
            peak_rss_bytes: peak_rss_bytes(),
            skipped: None,
        }
    }
}

/// Before a round: what the rounds before made is not this one's.
pub fn begin() {
    MADE.store(0, Ordering::Relaxed);
}

fn reused(count: u64) -> f64 {
    1.0 - MADE.load(Ordering::Relaxed) as f64 / count as f64
}

/// The largest resident set that this process has had; 0 if the kernel does not say.
fn peak_rss_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = peak.and_then(|text| text.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}
