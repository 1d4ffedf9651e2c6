//! What really happened, per spawn site: counted by the tasks themselves.
//!
//! Every task of the target is spawned by [`spawn`] and its neighbours, which count it at their
//! caller's line. A task counts its start as its first act and its end as its last, so at
//! rest these numbers are exact; while tasks come and go, the runtime's may be a task ahead.

use std::collections::BTreeMap;
use std::panic::Location;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use runtime::task::Builder;
use runtime::{Handle, JoinHandle};
use serde_json::{Value, json};

type Key = (&'static str, u32, u32);

static SITES: Mutex<BTreeMap<Key, &'static Counts>> = Mutex::new(BTreeMap::new());

#[derive(Default)]
struct Counts {
    spawned: AtomicU64,
    started: AtomicU64,
    returned: AtomicU64,
    panicked: AtomicU64,
}

/// Counts the end of a task as it is dropped.
struct Ending(&'static Counts);

/// Spawns a task and counts it at the caller's line.
#[track_caller]
pub fn spawn<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    runtime::spawn(counted(Location::caller(), body))
}

/// Spawns a task with its own settings and counts it at the caller's line.
#[track_caller]
pub fn spawn_as<T: Send + 'static>(
    builder: Builder,
    body: impl FnOnce() -> T + Send + 'static,
) -> JoinHandle<T> {
    builder.spawn(counted(Location::caller(), body))
}

/// Spawns a task from a thread that runs no task, and counts it at the caller's line.
#[track_caller]
pub fn spawn_through<T: Send + 'static>(
    handle: Handle,
    body: impl FnOnce() -> T + Send + 'static,
) -> JoinHandle<T> {
    handle.spawn(counted(Location::caller(), body))
}

/// The counts of every site that has spawned.
pub fn report() -> Value {
    let sites = SITES.lock().expect("no holder panics");
    sites.iter().map(|(key, counts)| row(key, counts)).collect()
}

fn row((file, line, column): &Key, counts: &Counts) -> Value {
    let (returned, panicked) = (counts.returned.load(Relaxed), counts.panicked.load(Relaxed));
    let spawned = counts.spawned.load(Relaxed);
    json!({
        "file": file,
        "line": line,
        "column": column,
        "spawned": spawned,
        "started": counts.started.load(Relaxed),
        "returned": returned,
        "panicked": panicked,
        "exited": returned + panicked,
        "live": spawned - returned - panicked,
    })
}

fn counted<T>(
    location: &'static Location<'static>,
    body: impl FnOnce() -> T,
) -> impl FnOnce() -> T {
    let counts = counts(location);
    counts.spawned.fetch_add(1, Relaxed);
    move || {
        counts.started.fetch_add(1, Relaxed);
        let _ending = Ending(counts);
        body()
    }
}

fn counts(location: &'static Location<'static>) -> &'static Counts {
    let key = (location.file(), location.line(), location.column());
    let mut sites = SITES.lock().expect("no holder panics");
    sites
        .entry(key)
        .or_insert_with(|| Box::leak(Box::default()))
}

impl Drop for Ending {
    fn drop(&mut self) {
        let outcome = if std::thread::panicking() {
            &self.0.panicked
        } else {
            &self.0.returned
        };
        outcome.fetch_add(1, Relaxed);
    }
}
