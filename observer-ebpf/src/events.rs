//! Handlers of the event probes (events mode): counts per site, and histograms per process and
//! processor.
//!
//! The one thing kept per task is the reason of its park, a byte by slot, because `unpark`
//! does not repeat it.

use crate::cost::add;
use crate::faults;
use crate::hit::Hit;
use crate::loss;
use crate::maps::{COUNTS, HISTOGRAMS, REASONS};
use aya_ebpf::bindings::BPF_NOEXIST;
use observer_ebpf_abi::{
    DEEP_STACK_BYTES, EventCounts, HISTOGRAM_BUCKETS, HISTOGRAM_PARK, HISTOGRAM_WAKE, Histogram,
    HistogramKey, Loss, REASON_UNKNOWN, REASONS_PER_CHUNK, ReasonChunk, ReasonKey,
    histogram_bucket,
};
use runtime_abi::task_slot;

/// What entries are made with; a chunk is too large for a program's stack.
static NO_COUNTS: EventCounts = EventCounts {
    spawned: 0,
    exited: [0; 4],
    parks: 0,
    unparks: 0,
    runs: 0,
    growths: 0,
    deep_growths: 0,
};
static NO_DURATIONS: Histogram = Histogram {
    sum_ns: 0,
    buckets: [0; HISTOGRAM_BUCKETS],
};
static NO_REASONS: ReasonChunk = ReasonChunk {
    reasons: [0; REASONS_PER_CHUNK],
};

/// `spawn`: a task was created.
#[inline(always)]
pub fn spawn(hit: &Hit<'_>) {
    if let Some(counts) = counts(hit, hit.argument::<1>()) {
        // SAFETY: a value of the map, valid while the program runs.
        add(unsafe { &raw mut (*counts).spawned }, 1);
    }
}

/// `run`: a task begins to run on a worker.
#[inline(always)]
pub fn run(hit: &Hit<'_>) {
    if let Some(counts) = counts(hit, hit.argument::<1>()) {
        // SAFETY: a value of the map, valid while the program runs.
        add(unsafe { &raw mut (*counts).runs }, 1);
    }
    let runnable_ns = hit.argument::<3>();
    if runnable_ns != 0 {
        record_duration(hit, HISTOGRAM_WAKE, 0, runnable_ns);
    }
}

/// `park`: a task stops running.
#[inline(always)]
pub fn park(hit: &Hit<'_>) {
    if let Some(counts) = counts(hit, hit.argument::<1>()) {
        // SAFETY: a value of the map, valid while the program runs.
        add(unsafe { &raw mut (*counts).parks }, 1);
    }
    if let Some(place) = reason_place(hit, true) {
        let reason = hit.argument::<2>().min(u64::from(u8::MAX) - 1);
        // SAFETY: a byte of a value of the map; the slot's task is the only one to write it.
        unsafe { *place = reason as u8 + 1 };
    }
}

/// `unpark`: a parked task was made runnable.
#[inline(always)]
pub fn unpark(hit: &Hit<'_>) {
    if let Some(counts) = counts(hit, hit.argument::<1>()) {
        // SAFETY: a value of the map, valid while the program runs.
        add(unsafe { &raw mut (*counts).unparks }, 1);
    }
    let (reason, parked_ns) = (take_reason(hit), hit.argument::<2>());
    // 0: the park began before anyone listened, so nobody knows.
    if parked_ns != 0 {
        record_duration(hit, HISTOGRAM_PARK, reason, parked_ns);
    }
}

/// `exit`: a task ended.
#[inline(always)]
pub fn exit(hit: &Hit<'_>) {
    if let Some(counts) = counts(hit, hit.argument::<1>()) {
        // SAFETY: a value of the map, valid while the program runs.
        let exited: *mut u64 = unsafe { &raw mut (*counts).exited }.cast();
        let outcome = hit.argument::<2>().min(3) as usize;
        // SAFETY: there are four outcomes.
        add(unsafe { exited.add(outcome & 3) }, 1);
    }
}

/// `stack_grow`: a task's stack window was widened. In ledger mode too, for a process of which a
/// stack growth storm lasts.
#[inline(always)]
pub fn stack_grow(hit: &Hit<'_>) {
    faults::remember(hit);
    if let Some(counts) = counts(hit, hit.argument::<1>()) {
        // SAFETY: a value of the map, valid while the program runs.
        add(unsafe { &raw mut (*counts).growths }, 1);
        if hit.argument::<3>() > DEEP_STACK_BYTES {
            // SAFETY: as above.
            add(unsafe { &raw mut (*counts).deep_growths }, 1);
        }
    }
}

/// The site's counts, made at its first event.
#[inline(always)]
fn counts(hit: &Hit<'_>, site: u64) -> Option<*mut EventCounts> {
    let key = hit.site_key(site);
    if let Some(counts) = COUNTS.get_ptr_mut(key) {
        return Some(counts);
    }
    let _ = COUNTS.insert(key, &NO_COUNTS, u64::from(BPF_NOEXIST));
    let counts = COUNTS.get_ptr_mut(key);
    if counts.is_none() {
        loss::count(hit.context, Loss::Counts);
    }
    counts
}

/// Counts a duration in a histogram of this processor, made at its first.
#[inline(always)]
fn record_duration(hit: &Hit<'_>, kind: u32, reason: u32, duration_ns: u64) {
    let key = HistogramKey {
        incarnation: hit.incarnation,
        kind,
        reason,
    };
    let Some(histogram) = histogram(&key) else {
        loss::count(hit.context, Loss::Histogram);
        return;
    };
    // SAFETY: a value of the map, valid while the program runs.
    add(unsafe { &raw mut (*histogram).sum_ns }, duration_ns);
    // SAFETY: as above.
    let buckets: *mut u64 = unsafe { &raw mut (*histogram).buckets }.cast();
    // SAFETY: `histogram_bucket` is below the number of buckets.
    add(unsafe { buckets.add(histogram_bucket(duration_ns)) }, 1);
}

#[inline(always)]
fn histogram(key: &HistogramKey) -> Option<*mut Histogram> {
    if let Some(histogram) = HISTOGRAMS.get_ptr_mut(key) {
        return Some(histogram);
    }
    let _ = HISTOGRAMS.insert(key, &NO_DURATIONS, u64::from(BPF_NOEXIST));
    HISTOGRAMS.get_ptr_mut(key)
}

/// The reason of the task's park, which is over; unknown if it began before the attach.
#[inline(always)]
fn take_reason(hit: &Hit<'_>) -> u32 {
    let Some(place) = reason_place(hit, false) else {
        return REASON_UNKNOWN;
    };
    // SAFETY: a byte of a value of the map.
    let stored = unsafe { *place };
    // SAFETY: as above; the slot's task is the only one to write it.
    unsafe { *place = 0 };
    u32::from(stored).wrapping_sub(1)
}

/// Where the reason of the hit's task is kept; `create` makes the chunk of its slot.
#[inline(always)]
fn reason_place(hit: &Hit<'_>, create: bool) -> Option<*mut u8> {
    let slot = task_slot(hit.argument::<0>()) as usize;
    let key = ReasonKey {
        incarnation: hit.incarnation,
        chunk: (slot / REASONS_PER_CHUNK) as u64,
    };
    let mut chunk = REASONS.get_ptr_mut(key);
    if chunk.is_none() && create {
        let _ = REASONS.insert(key, &NO_REASONS, u64::from(BPF_NOEXIST));
        chunk = REASONS.get_ptr_mut(key);
        if chunk.is_none() {
            loss::count(hit.context, Loss::Reasons);
        }
    }
    let reasons: *mut u8 = chunk?.cast();
    // SAFETY: the remainder is below the number of reasons in a chunk.
    Some(unsafe { reasons.add(slot % REASONS_PER_CHUNK) })
}
