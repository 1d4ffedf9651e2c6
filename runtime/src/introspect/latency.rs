//! How long tasks wait for a worker, and how long they keep it: histograms of the process, kept only
//! while somebody asked for them.
//!
//! The times are those that the `run` probe carries, so asking for either costs the same, and tasks
//! pay nothing while nobody does: the flag lies beside the probe's semaphore (`probe.rs`).

use std::cell::Cell;
use std::time::Duration;

use crate::primitive::static_atomic::{AtomicU32, AtomicU64, Ordering};
use crate::primitive::static_sync::{Mutex, MutexGuard};
use crate::probe;
use crate::sys::clock;

/// The last bucket has all from 9 minutes on.
const BUCKETS: usize = 40;

static WAKE: Recorder = Recorder::new();
static RUN: Recorder = Recorder::new();
/// Who measures.
static MEASURERS: Mutex<usize> = Mutex::new(0);
/// Odd while somebody measures: tells a turn that began then from one of before.
static EPOCH: AtomicU32 = AtomicU32::new(0);

/// Durations counted by powers of two nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Histogram {
    buckets: [u64; BUCKETS],
}

/// What [`latencies`] gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Latencies {
    /// From when a task became runnable, by its spawn or by being woken, until it ran.
    pub wake: Histogram,
    /// For how long tasks kept their worker: from when they ran until the worker had something else
    /// to do, or until their first [`blocking`](crate::blocking) call. Long ones are hogs.
    pub run: Histogram,
}

/// Latencies are measured until the last of these is dropped.
#[derive(Debug)]
#[must_use = "it is measured until this is dropped"]
pub struct Measuring(());

/// Begins to measure the latencies of all tasks of the process. While it lasts, a task that is woken
/// and run costs two readings of the clock more, and two counters that all workers share.
///
/// ```
/// use runtime::{Runtime, introspect, spawn};
/// use std::time::Duration;
///
/// Runtime::run(|| {
///     let measuring = introspect::measure();
///     (0..100).map(|_| spawn(runtime::yield_now)).for_each(|task| task.join().unwrap());
///     let wake = introspect::latencies().wake;
///     assert!(wake.count() >= 100);
///     assert!(wake.quantile(0.5).unwrap() <= wake.quantile(0.99).unwrap());
///     drop(measuring);
/// });
/// ```
pub fn measure() -> Measuring {
    change_measurers(|measurers| *measurers += 1);
    Measuring(())
}

/// What was measured so far, ever: take the difference of two for a time in between
/// ([`Histogram::since`]).
#[must_use]
pub fn latencies() -> Latencies {
    Latencies {
        wake: WAKE.read(),
        run: RUN.read(),
    }
}

impl Drop for Measuring {
    fn drop(&mut self) {
        change_measurers(|measurers| *measurers -= 1);
    }
}

fn change_measurers(change: impl FnOnce(&mut usize)) {
    let mut measurers: MutexGuard<'_, usize> = MEASURERS
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    let was_on = *measurers > 0;
    change(&mut measurers);
    let is_on = *measurers > 0;
    if is_on != was_on {
        EPOCH.fetch_add(1, Ordering::Relaxed);
        probe::time_runs(is_on);
    }
}

impl Histogram {
    /// How many durations were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// The buckets that are not empty, in order: a bound that their durations are below, and how
    /// many there are. The lower bound is half of that. The last bucket's bound is [`Duration::MAX`].
    pub fn buckets(&self) -> impl Iterator<Item = (Duration, u64)> {
        let counts = self.buckets.iter().copied().enumerate();
        counts
            .filter(|(_, count)| *count > 0)
            .map(|(bucket, count)| (bound(bucket), count))
    }

    /// A bound that this share of the durations (0 to 1) is below: at most twice as long as the
    /// longest of them. `None` if there are none.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let wanted = (self.count() as f64 * share).ceil().max(1.0) as u64;
        let mut seen = 0;
        let mut buckets = self.buckets();
        let bucket = buckets.find(|(_, count)| {
            seen += count;
            seen >= wanted
        });
        bucket.map(|(bound, _)| bound)
    }

    /// What was counted after `earlier`, an older reading of the same.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut buckets = self.buckets;
        for (bucket, before) in buckets.iter_mut().zip(earlier.buckets) {
            *bucket = bucket.saturating_sub(before);
        }
        Self { buckets }
    }
}

/// What the durations in a bucket are below.
fn bound(bucket: usize) -> Duration {
    if bucket + 1 == BUCKETS {
        Duration::MAX
    } else {
        Duration::from_nanos(1 << bucket)
    }
}

/// The place of a duration: bucket 0 is nothing at all, bucket n from 2^(n-1) ns to below 2^n.
fn bucket_of(duration_ns: u64) -> usize {
    let bits = u64::BITS - duration_ns.leading_zeros();
    (bits as usize).min(BUCKETS - 1)
}

/// A histogram that all workers add to.
struct Recorder([AtomicU64; BUCKETS]);

impl Recorder {
    const fn new() -> Self {
        Self([const { AtomicU64::new(0) }; BUCKETS])
    }

    fn add(&self, duration_ns: u64) {
        self.0[bucket_of(duration_ns)].fetch_add(1, Ordering::Relaxed);
    }

    fn read(&self) -> Histogram {
        let read = |bucket: &AtomicU64| bucket.load(Ordering::Relaxed);
        Histogram {
            buckets: self.0.each_ref().map(read),
        }
    }
}

/// The turn of the task that a worker runs.
pub(crate) struct Turn {
    /// 0 if it is not measured.
    began_ns: Cell<u64>,
    epoch: Cell<u32>,
}

impl Turn {
    pub(crate) const fn new() -> Self {
        Self {
            began_ns: Cell::new(0),
            epoch: Cell::new(0),
        }
    }

    /// A task begins to run, which was runnable for so long (0 if that is not known). Called only
    /// while times are taken.
    pub(crate) fn begin(&self, now_ns: u64, runnable_ns: u64) {
        self.end_at(now_ns);
        let epoch = EPOCH.load(Ordering::Relaxed);
        let is_measured = epoch % 2 == 1;
        if is_measured && runnable_ns > 0 {
            WAKE.add(runnable_ns);
        }
        self.began_ns.set(if is_measured { now_ns } else { 0 });
        self.epoch.set(epoch);
    }

    /// The worker has nothing to run, or its task blocks.
    #[inline]
    pub(crate) fn end(&self) {
        if self.began_ns.get() != 0 {
            self.end_at(clock::monotonic_ns());
        }
    }

    #[cold]
    fn end_at(&self, now_ns: u64) {
        let began_ns = self.began_ns.replace(0);
        let is_current = self.epoch.get() == EPOCH.load(Ordering::Relaxed);
        if began_ns != 0 && is_current {
            RUN.add(now_ns.saturating_sub(began_ns));
        }
    }
}

#[cfg(all(test, not(any(loom, miri))))]
mod tests {
    use super::*;
    use crate::{Builder, spawn, yield_now};

    #[test]
    fn a_duration_is_below_its_buckets_bound_and_not_below_half_of_it() {
        for duration_ns in [1, 2, 3, 4, 1_000, 1 << 20, (1 << 20) - 1] {
            let bound = bound(bucket_of(duration_ns));
            let duration = Duration::from_nanos(duration_ns);
            assert!(duration < bound && duration * 2 >= bound, "{duration_ns}");
        }
        assert_eq!(bound(bucket_of(u64::MAX)), Duration::MAX);
    }

    #[test]
    fn a_quantile_is_the_bound_of_the_bucket_that_reaches_it() {
        let recorder = Recorder::new();
        assert_eq!(recorder.read().quantile(0.5), None);
        (0..99).for_each(|_| recorder.add(100));
        let before = recorder.read();
        recorder.add(5_000);
        let all = recorder.read();
        assert_eq!(all.quantile(0.99), Some(Duration::from_nanos(128)));
        assert_eq!(all.quantile(1.0), Some(Duration::from_nanos(8_192)));
        let after = all.since(&before);
        assert_eq!((after.count(), after.quantile(0.0)), (1, all.quantile(1.0)));
    }

    #[test]
    fn turns_are_measured_while_somebody_asked_for_it() {
        Builder::new().workers(1).run(|| {
            let measuring = measure();
            let before = latencies();
            // Twice as long as any bucket's error.
            let hog = spawn(|| {
                let begin = clock::monotonic_ns();
                while clock::monotonic_ns() - begin < 4_000_000 {
                    std::hint::spin_loop();
                }
            });
            let behind = spawn(yield_now);
            hog.join().unwrap();
            behind.join().unwrap();
            let (run, wake) = (
                latencies().run.since(&before.run),
                latencies().wake.since(&before.wake),
            );
            assert!(run.quantile(1.0).unwrap() >= Duration::from_millis(4));
            // Spawns and unparks: two tasks began, and the main task was woken.
            assert!(wake.count() >= 3, "{wake:?}");
            drop(measuring);
        });
    }
}
