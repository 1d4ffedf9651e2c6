//! What a running program reports to an observer, hit by hit, against the workload's own numbers.
//!
//! See `tracer/mod.rs` for how the process is its own observer. One test, since breakpoints and
//! the monitor are the process's.

#![cfg(all(target_os = "linux", target_arch = "x86_64", not(any(miri, loom))))]

mod notes;
mod tracer;

use runtime::sync::Mutex;
use runtime::{Builder, chan, spawn};
use runtime_abi::{ProbeId, Reason, SCHEMA_VERSION, SITE_FLAG_SERVICE, SiteRecord};
use std::collections::HashMap;
use std::fs;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;
use tracer::{Hit, Tracer};

const WAITING: u64 = 300;
const SHORT: u64 = 3_000;
const PANICKING: u64 = 3;
const LEDGER_PROBES: [ProbeId; 5] = [
    ProbeId::Ledger,
    ProbeId::Parked,
    ProbeId::Stall,
    ProbeId::Unstall,
    ProbeId::Monitor,
];

/// Sites of the workload, by the static name of their tasks.
const WAITING_SITE: &str = "waiting";
const SHORT_SITE: &str = "short";
const PANICKING_SITE: &str = "panicking";
const LOCKED_SITE: &str = "locked";

#[test]
fn reports_are_exact_and_all_from_the_monitor() {
    let mut observer = Observer::default();
    let mut tracer = Tracer::start(&LEDGER_PROBES);
    let (release, gate) = chan::bounded::<()>(1);
    let (ready, is_ready) = mpsc::channel();
    let program = thread::spawn(move || {
        let stall_period = Duration::from_millis(200);
        Builder::new()
            .workers(2)
            .stall_period(stall_period)
            .run(move || workload(gate, &ready));
    });
    // The monitor's pipe is read all the time: a full one would stop it.
    observer.watch_until(&mut tracer, |observer| {
        observer.exact(WAITING_SITE, [WAITING, 0, 0])
            && observer.exact(SHORT_SITE, [SHORT, SHORT, 0])
            && observer.exact(PANICKING_SITE, [PANICKING, 0, PANICKING])
    });
    let (holder, waiter) = is_ready.recv().expect("the workload runs");
    observer.watch_until(&mut tracer, |observer| {
        observer.stalls.get(&waiter) == Some(&(Reason::Mutex.code(), holder))
            && observer.stalled(LOCKED_SITE, Reason::Mutex) == Some(1)
            && observer.stalled(WAITING_SITE, Reason::ChanRecv) == Some(WAITING)
    });

    drop(release);
    observer.watch_until(&mut tracer, |observer| {
        observer.exact(WAITING_SITE, [WAITING, WAITING, 0])
            && observer.stalled(LOCKED_SITE, Reason::Mutex) == Some(0)
            && !observer.stalls.contains_key(&waiter)
    });
    program.join().expect("the workload ends");
    // What was counted stays true when the runtime is gone.
    observer.ledger.clear();
    observer.watch_until(&mut tracer, |observer| {
        observer.exact(SHORT_SITE, [SHORT, SHORT, 0])
    });

    let threads: Vec<_> = observer.threads.keys().collect();
    assert_eq!(
        threads.len(),
        1,
        "ledger probes are fired by one thread: {threads:?}"
    );
    let name = fs::read_to_string(format!("/proc/self/task/{}/comm", threads[0]));
    assert_eq!(name.expect("the monitor lives").trim(), "monitor");
}

/// Tells (holder, waiter) of a mutex once both are where they shall be, and ends when the gate is
/// closed.
fn workload(gate: chan::Receiver<()>, ready: &mpsc::Sender<(u64, u64)>) {
    let named = |name| runtime::task::Builder::new().name(name);
    let waiting: Vec<_> = (0..WAITING)
        .map(|_| {
            let gate = gate.clone();
            named(WAITING_SITE).spawn(move || gate.recv().is_err())
        })
        .collect();
    let short: Vec<_> = (0..SHORT)
        .map(|_| named(SHORT_SITE).spawn(runtime::yield_now))
        .collect();
    short
        .into_iter()
        .for_each(|task| task.join().expect("no panic"));
    for _ in 0..PANICKING {
        let task = named(PANICKING_SITE).spawn(|| panic!("as the test wants"));
        assert!(task.join().is_err());
    }
    let mutex = Arc::new(Mutex::new(()));
    let (locked, is_locked) = chan::bounded(1);
    let held = Arc::clone(&mutex);
    let holder = spawn(move || {
        let guard = held.lock();
        locked.send(()).expect("the root waits");
        assert!(gate.recv().is_err(), "nobody sends");
        drop(guard);
    });
    is_locked.recv().expect("the holder locks");
    let waiter = named(LOCKED_SITE).spawn(move || drop(mutex.lock()));
    ready
        .send((holder.id().as_u64(), waiter.id().as_u64()))
        .expect("the test waits");
    for task in [holder, waiter] {
        task.join().expect("no panic");
    }
    for task in waiting {
        assert!(task.join().expect("no panic"), "the gate was closed");
    }
}

/// What the hits so far say.
#[derive(Default)]
struct Observer {
    /// By the site's static name: the arguments after the site.
    ledger: HashMap<String, [u64; 8]>,
    parked: HashMap<(String, u64), u64>,
    /// By task: reason and owner.
    stalls: HashMap<u64, (u64, u64)>,
    threads: HashMap<u64, u64>,
}

impl Observer {
    fn watch_until(&mut self, tracer: &mut Tracer, satisfied: impl Fn(&Self) -> bool) {
        while !satisfied(self) {
            self.take(tracer.next());
        }
    }

    fn take(&mut self, hit: Hit) {
        *self.threads.entry(hit.thread).or_default() += 1;
        let [first, second, third, ..] = hit.arguments;
        match hit.probe {
            ProbeId::Ledger => self.take_ledger(&hit),
            ProbeId::Parked => {
                self.parked.insert((site_name(first), second), third);
            }
            ProbeId::Stall => {
                assert!(hit.arguments[5] > 200_000_000, "not yet a stall: {hit:?}");
                self.stalls.insert(first, (third, hit.arguments[4]));
            }
            ProbeId::Unstall => {
                self.stalls.remove(&first);
            }
            _ => {
                assert_eq!(first, SCHEMA_VERSION);
                assert_eq!(hit.arguments[9], 200_000_000, "the stall period");
            }
        }
    }

    fn take_ledger(&mut self, hit: &Hit) {
        let counters: [u64; 8] = hit.arguments[1..9].try_into().expect("eight counters");
        let exits: u64 = counters[1..4].iter().sum();
        assert!(exits <= counters[0], "live is negative: {hit:?}");
        let before = self.ledger.insert(site_name(hit.arguments[0]), counters);
        for (now, before) in counters.iter().zip(before.unwrap_or_default()).take(7) {
            assert!(*now >= before, "a counter fell to {hit:?} from {before:?}");
        }
    }

    /// Whether a site has exactly this many tasks spawned, returned, panicked, none cancelled.
    fn exact(&self, name: &str, [spawned, returned, panicked]: [u64; 3]) -> bool {
        let counters = self.ledger.get(name);
        counters.is_some_and(|now| now[..4] == [spawned, returned, panicked, 0])
    }

    fn stalled(&self, name: &str, reason: Reason) -> Option<u64> {
        self.parked.get(&(name.to_owned(), reason.code())).copied()
    }
}

/// The static name in a site record; its line and column if it has none.
fn site_name(site: u64) -> String {
    // SAFETY: the probe says that here is a record, and records are never freed.
    let record = unsafe { &*(site as *const SiteRecord) };
    assert_eq!(record.flags & !SITE_FLAG_SERVICE, 0);
    if record.name.is_null() {
        return format!("{}:{}", record.line, record.column);
    }
    // SAFETY: the record's strings are never freed.
    let bytes = unsafe { std::slice::from_raw_parts(record.name, record.name_len as usize) };
    std::str::from_utf8(bytes).expect("UTF-8").to_owned()
}
