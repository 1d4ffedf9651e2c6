//! The monitor: one thread per process that looks after all its runtimes and tells observers.
//!
//! It sleeps 500 ms when there is nothing to do, 100 ms while a ledger probe is armed, and 10 ms
//! only while some runtime has work waiting and all its workers busy; others bring its next look
//! forward without waking it (`alarm.rs`). Nobody else ever fires a
//! ledger probe, so a worker never traps for being watched. It starts with the first runtime and
//! lasts as long as the process: what was counted stays true when all runtimes have ended.
//!
//! | file | what |
//! |---|---|
//! | `watch.rs` | the runtimes it looks after |
//! | `alarm.rs` | when it looks next |
//! | `asleep.rs` | that no task will run again |
//! | `reporter.rs` | what to tell in a tick, within its bounds (pure) |
//! | `sites.rs`, `pools.rs`, `pairs.rs`, `names.rs` | what there is to tell of each kind |
//! | `rotation.rs` | changes first, everything again in time |
//! | `scan.rs` | finds stalls in the table of parks |
//! | `source.rs` | what the reporter reads: the process, or a model in tests |
//! | `dump.rs` | every task once, for a dump |
//! | `fire.rs` | the probes themselves |
//!
//! A child of a fork has no monitor, and its probes are disarmed for ever (`pthread_atfork`).
//! Miri and loom have none either.

mod alarm;
mod asleep;
mod dump;
mod fire;
mod names;
mod pairs;
mod pools;
mod reporter;
mod rotation;
mod scan;
mod sites;
mod source;
#[cfg(test)]
mod tests;
mod watch;

pub(crate) use alarm::Wisher;
pub(crate) use watch::{Gauges, Rest, WatchId, Watched};

use crate::introspect::Queues;
use crate::ledger::stall;
use crate::primitive::static_sync::{Arc, Mutex, Once, OnceLock};
use crate::sys::clock::{duration_ns, monotonic_ns};
use crate::sys::fork::on_fork_in_child;
use crate::{pool, probe, stack};
use alarm::Alarm;
use asleep::Asleep;
use dump::Dump;
use reporter::{Hit, Reporter, Wanted};
use runtime_abi::MAX_HITS_PER_TICK;
use source::{Process, Source};
use std::io;
use std::sync::PoisonError;
use std::time::Duration;
use watch::watches;

/// How long the monitor sleeps when there is nothing to do.
const IDLE_NS: u64 = 500_000_000;

/// The tick of the reports.
const REPORT_NS: u64 = 100_000_000;

/// How long it sleeps while work waits and all workers are busy.
const BUSY_NS: u64 = 10_000_000;

/// How often stacks and signal handlers are looked after.
const UPKEEP_NS: u64 = 1_000_000_000;

/// Stacks whose pages are given back in one upkeep, at most.
const STACKS_PER_UPKEEP: usize = 1_024;

/// How soon the monitor looks when a runtime begins to be watched closely: the first look only
/// notes what there is, the next one, [`BUSY_NS`] later, compares.
const FIRST_LOOK_NS: u64 = 5_000_000;

static ALARM: OnceLock<Alarm> = OnceLock::new();

/// Whether there is a monitor; held while it is started.
static IS_STARTED: Mutex<bool> = Mutex::new(false);

/// Starts to look after a runtime; starts the process's monitor if it is the first.
///
/// In the child of a fork nobody looks: the runtime works, without hog detection and reports.
///
/// # Errors
/// If the monitor is to be started and the system starts no thread. The next runtime tries again.
pub(crate) fn register(watched: Arc<dyn Watched>, stall_period: Duration) -> io::Result<WatchId> {
    if probe::is_disarmed() {
        return Ok(WatchId::NOBODY);
    }
    if !cfg!(any(miri, loom)) {
        start_once()?;
    }
    Ok(watches().add(watched, duration_ns(stall_period)))
}

/// Stops looking after a runtime. Once it returns, none of its functions runs or is called.
/// Not to be called from these functions.
pub(crate) fn deregister(id: WatchId) {
    if !probe::is_disarmed() {
        // Dropped after the lock: it may be the last reference to the runtime.
        let watched = watches().remove(id);
        drop(watched);
    }
}

/// The numbers of all runtimes now.
#[must_use]
pub(crate) fn gauges() -> Gauges {
    watches().gauges()
}

/// The queues of all runtimes now.
#[must_use]
pub(crate) fn queues() -> Vec<Queues> {
    watches().queues()
}

/// Makes the monitor look at once. Cheap; callable from anywhere but a signal handler.
pub(crate) fn kick() {
    if let Some(alarm) = alarm() {
        alarm.wish(0, None);
    }
}

/// Lets the monitor look within some milliseconds, unless the wish is taken back. Wakes nobody: one
/// system call.
pub(crate) fn look_soon(now_ns: u64, wisher: Wisher) {
    if let Some(alarm) = alarm() {
        alarm.wish(now_ns + FIRST_LOOK_NS, Some(wisher));
    }
}

/// Takes the last [`look_soon`] back. If others wished, too, the monitor looks all the same.
pub(crate) fn need_not_look(wisher: Wisher) {
    if let Some(alarm) = alarm() {
        alarm.take_back(wisher);
    }
}

/// Whether there is a monitor that looks after runtimes: not in the child of a fork.
pub(crate) fn is_running() -> bool {
    alarm().is_some()
}

/// The child of a fork must leave its parent's alone.
fn alarm() -> Option<&'static Alarm> {
    ALARM.get().filter(|_| !probe::is_disarmed())
}

fn start_once() -> io::Result<()> {
    let mut is_started = IS_STARTED.lock().unwrap_or_else(PoisonError::into_inner);
    if !*is_started {
        start()?;
        *is_started = true;
    }
    Ok(())
}

fn start() -> io::Result<()> {
    static FORK: Once = Once::new();
    probe::keep();
    FORK.call_once(|| on_fork_in_child(disarm));
    stall::publish_tick(monotonic_ns());
    let alarm = match ALARM.get() {
        Some(alarm) => alarm,
        None => {
            let alarm = Alarm::new()?;
            ALARM.get_or_init(|| alarm)
        }
    };
    let thread = std::thread::Builder::new()
        .name("monitor".into())
        .stack_size(256 << 10);
    thread.spawn(|| run(alarm)).map(drop)
}

extern "C" fn disarm() {
    probe::disarm();
}

fn run(alarm: &Alarm) {
    // Without its monitor a process would lie to its observers: better none.
    let _abort = AbortOnPanic;
    let mut monitor = Monitor::default();
    loop {
        let now_ns = monotonic_ns();
        let sleep_ns = monitor.look(now_ns);
        stall::publish_tick(now_ns + sleep_ns);
        alarm.sleep_until(monotonic_ns() + sleep_ns);
    }
}

/// Dropped only when the monitor's thread panics (the message is out by then).
struct AbortOnPanic;

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        std::process::abort();
    }
}

/// The state of the monitor's thread.
#[derive(Default)]
struct Monitor {
    asleep: Asleep,
    reporter: Option<Box<Reporter>>,
    dump: Dump,
    hits: Vec<Hit>,
    next_report_ns: u64,
    next_upkeep_ns: u64,
}

impl Monitor {
    /// Does all that is due now; returns for how long there is nothing to do.
    fn look(&mut self, now_ns: u64) -> u64 {
        let busy = watches().tick(now_ns);
        self.asleep.look();
        if now_ns >= self.next_upkeep_ns {
            self.next_upkeep_ns = now_ns + UPKEEP_NS;
            stack::watch_signal_handlers();
            stack::give_back(STACKS_PER_UPKEEP);
            pool::trim_all();
        }
        let report_ns = self.look_for_observers(now_ns);
        if busy {
            report_ns.min(BUSY_NS)
        } else {
            report_ns
        }
    }

    /// Reports if it is time and somebody listens; returns for how long there is no need to.
    fn look_for_observers(&mut self, now_ns: u64) -> u64 {
        let wanted = Wanted {
            sums: probe::ledger_armed() || probe::monitor_armed(),
            pools: probe::pool_armed(),
            stalls: probe::parked_armed() || probe::stall_armed() || probe::unstall_armed(),
        };
        if wanted == Wanted::default() && !probe::task_armed() {
            self.reporter = None;
            self.dump = Dump::default();
            return IDLE_NS;
        }
        if now_ns >= self.next_report_ns {
            // On a grid of ticks, so that a late one does not delay all that follow.
            let late_ns = now_ns - self.next_report_ns;
            let on_grid = now_ns - if late_ns < REPORT_NS { late_ns } else { 0 };
            self.next_report_ns = on_grid + REPORT_NS;
            self.report(now_ns, wanted);
        }
        // Firing took time: it counts as slept.
        self.next_report_ns.saturating_sub(monotonic_ns())
    }

    fn report(&mut self, now_ns: u64, wanted: Wanted) {
        let (gauges, stall_period_ns) = {
            let watches = watches();
            (watches.gauges(), watches.stall_period_ns())
        };
        self.hits.clear();
        let reporter = self.reporter.get_or_insert_default();
        reporter.tick(now_ns, stall_period_ns, wanted, &Process, &mut self.hits);
        for &hit in &self.hits {
            fire::fire(hit, &gauges, stall_period_ns);
        }
        let budget = MAX_HITS_PER_TICK - self.hits.len();
        self.dump.tick(Process.slots(), budget, fire::fire_task);
    }
}
