//! What one round reports: a line of JSON.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

use crate::contestant::{Bench, Contestant, Load};
use crate::memory;

/// Objects that pools have made in this round.
static MADE: AtomicU64 = AtomicU64::new(0);

/// A pool had none to use again.
pub fn count_made() {
    MADE.fetch_add(1, Ordering::Relaxed);
}

/// What a workload took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Figure {
    /// Time, for all of its operations.
    Time(Duration),
    /// Memory, for all of its tasks.
    Bytes(u64),
    /// A share of one core.
    Share(f64),
}

/// Time and processor time from some moment on.
pub struct Watch {
    begun: Instant,
    used: Duration,
}

impl Watch {
    /// Begins now.
    pub fn start() -> Self {
        Self {
            used: used(),
            begun: Instant::now(),
        }
    }

    /// The time since then.
    pub fn elapsed(&self) -> Figure {
        Figure::Time(self.begun.elapsed())
    }

    /// The processor time of all threads since then.
    pub fn used(&self) -> Figure {
        Figure::Time(used() - self.used)
    }

    /// The share of a core that was used since then.
    pub fn share(&self) -> Figure {
        let elapsed = self.begun.elapsed();
        Figure::Share((used() - self.used).as_secs_f64() / elapsed.as_secs_f64())
    }
}

/// The processor time that this process has used.
fn used() -> Duration {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(used).expect("time is not negative")
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
    /// Of the bench `alive_1m`.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_per_task: Option<f64>,
    /// Of the bench `idle`: the share of a core.
    #[serde(skip_serializing_if = "Option::is_none")]
    share: Option<f64>,
    peak_rss_bytes: u64,
    /// Of the bench `pool`: the share of objects that were used again.
    #[serde(skip_serializing_if = "Option::is_none")]
    reused: Option<f64>,
    /// Of the bench `sleepers_1m` on ours: what the second and the memory alone would take.
    #[serde(skip_serializing_if = "Option::is_none")]
    floor_ns_per_op: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<&'static str>,
}

impl Report {
    pub fn measured(runtime: Contestant, load: &Load, figure: Figure) -> Self {
        let count = load.count as f64;
        let empty = Self::empty(runtime, load);
        match figure {
            Figure::Time(elapsed) => Self {
                ns_per_op: Some(elapsed.as_nanos() as f64 / count),
                elapsed_ns: Some(u64::try_from(elapsed.as_nanos()).expect("under 500 years")),
                reused: (load.bench == Bench::Pool).then(|| reused(load.count)),
                ..empty
            },
            Figure::Bytes(bytes) => Self {
                bytes_per_task: Some(bytes as f64 / count),
                ..empty
            },
            Figure::Share(share) => Self {
                share: Some(share),
                ..empty
            },
        }
    }

    /// The same with the least that the round could have taken.
    pub fn above(mut self, floor: Duration) -> Self {
        self.floor_ns_per_op = Some(floor.as_nanos() as f64 / self.count as f64);
        self
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
            bytes_per_task: None,
            share: None,
            reused: None,
            floor_ns_per_op: None,
            peak_rss_bytes: memory::peak_resident_bytes(),
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
