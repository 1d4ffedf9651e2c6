//! Hogs and surplus: what happens when a worker does not come back to the scheduler.
//!
//! Ownership of a hog's processor never moves. (That of a processor whose worker is in a
//! declared blocking call does: `blocking.rs`.) The monitor, in its thread:
//!
//! 1. sees a processor whose tick has not changed for two looks, 10 ms apart, while tasks are
//!    queued there or for all, or a timer is overdue;
//! 2. if a worker sleeps, wakes it: it steals the ring, and the next slot, as the tick stands;
//! 3. else, if the hog's thread has used CPU since, or the kernel says that it sleeps in a
//!    system call, claims a spare processor, starts a worker on it, and then marks the hog as
//!    replaced. A thread that only waits for a core is left alone: one more would not help.
//!
//! The hog, when it comes back:
//!
//! 4. finds that it was replaced and ends that: its worker ends, what is left in its queue goes
//!    to the others, and the spare worker stays in its place. So the number of workers
//!    returns to the configured one, by exactly one exchange per spare.
//!
//! The spare worker is started before the hog is marked, so a spare that cannot be had leaves
//! nothing to undo: a mark that is taken back may have been acted upon. A hog that is already
//! on its way out when it is to be marked (it was replaced before, has come back, and has not
//! yet left its processor) cannot be: then the spare is marked in its place, and ends.

#[cfg(all(test, loom))]
mod model;
#[cfg(all(test, not(any(loom, miri))))]
mod tests;

use crate::introspect::{AllAsleep, Queues};
use crate::monitor::{Gauges, Rest, Watched};
use crate::primitive::{
    atomic::{AtomicBool, Ordering},
    static_sync::Mutex,
};
use crate::sched::{
    close_watch::Calm,
    ownership::Release,
    polling::PollLook,
    processor::Processor,
    shared::{Settings, Shared},
    sleep::FAR_NS,
    worker::Worker,
    workers::Job,
};
use crate::sys::{clock::ThreadClock, thread::ThreadId};

/// CPU time on one task by which a worker is a hog.
const HOG_NS: u64 = 10_000_000;
/// Time between two looks that count; others, after a kick, do not.
const LOOK_NS: u64 = 8_000_000;
/// Looks without a change after which the kernel is asked whether the thread is blocked.
const BLOCKED_LOOKS: u32 = 2;

/// A runtime as the monitor sees it.
pub(crate) struct WatchedRuntime {
    shared: &'static Shared,
    thread_name: String,
    on_all_asleep: Option<fn(&AllAsleep)>,
    looks: Mutex<Vec<Look>>,
    calm: Mutex<Calm>,
    /// At the last look there were timers for which no sleeper would wake.
    was_keeper_missing: AtomicBool,
    polls: Mutex<PollLook>,
}

/// What the last look at a processor saw.
#[derive(Clone, Copy, Debug, Default)]
struct Look {
    tick: u64,
    /// CPU time of the thread when the tick was first seen.
    cpu_ns: u64,
    /// When it was seen first, or counted last.
    counted_ns: u64,
    /// Looks since that count.
    unchanged: u32,
    /// The release for which a successor was sent.
    succeeded: Option<Release>,
}

/// What a look at any processor compares with.
#[derive(Clone, Copy, Debug)]
struct Scene {
    now_ns: u64,
    /// A task that any worker may take is queued, or a timer overdue.
    waits_for_all: bool,
    /// A successor would find something to do.
    is_work_or_timer_waiting: bool,
}

impl WatchedRuntime {
    pub(crate) fn new(shared: &'static Shared, settings: &Settings) -> Self {
        let looks = vec![Look::default(); shared.processors().len()];
        Self {
            shared,
            thread_name: settings.thread_name.clone(),
            on_all_asleep: settings.on_all_asleep,
            looks: Mutex::new(looks),
            calm: Mutex::default(),
            was_keeper_missing: AtomicBool::new(false),
            polls: Mutex::default(),
        }
    }

    /// Sees to a poller that nobody looks at; whether nobody waits in it.
    fn look_at_poller(&self, now_ns: u64) -> bool {
        let mut look = self
            .polls
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        look.attend(self.shared, now_ns)
    }

    /// Timers for which no sleeper would wake; whether there are any. If one is near, or it was so at
    /// the last look, a sleeper is woken, which computes its wait.
    fn look_at_timers(&self, now_ns: u64) -> bool {
        let is_missing = self.shared.is_keeper_missing();
        let was_missing = self.was_keeper_missing.swap(is_missing, Ordering::Relaxed);
        let is_near = || self.shared.next_deadline_ns() < now_ns.saturating_add(FAR_NS);
        if is_missing && (was_missing || is_near()) {
            // Not `wake_one`: that may kick this very thread.
            self.shared.wake_sleeper();
        }
        is_missing
    }

    /// Ends the close watch when nothing has waited for some looks, or begins it.
    fn decide_on_close_watch(&self, is_waiting: bool) {
        let mut calm = self
            .calm
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let watch = &self.shared.close_watch;
        // A worker that left its timers just before has relied on it.
        if watch.note_look(&mut calm, is_waiting) && self.shared.is_keeper_missing() {
            watch.raise();
        }
    }

    /// One look at one processor; whether something waits behind its running task.
    fn look(&self, index: usize, look: &mut Look, scene: Scene) -> bool {
        let processor = self.shared.processor(index);
        if let Some(release) = processor.ownership.released() {
            return self.look_at_released(index, release, look, scene);
        }
        let tick = processor.tick.load(Ordering::Relaxed);
        if look.tick != tick || look.cpu_ns == 0 {
            *look = Look {
                tick,
                cpu_ns: cpu_ns(processor),
                counted_ns: scene.now_ns,
                unchanged: 0,
                succeeded: None,
            };
        } else if scene.now_ns.saturating_sub(look.counted_ns) >= LOOK_NS {
            look.counted_ns = scene.now_ns;
            look.unchanged += 1;
        }
        let is_owned = processor.ownership.is_in_use();
        let is_waiting = is_owned && (scene.waits_for_all || processor.queued() > 0);
        if is_waiting && look.unchanged > 0 {
            self.help(processor, look);
        }
        is_waiting
    }

    /// A processor whose worker is in a blocking call: sends a successor if there is something
    /// to do that nobody else is free for.
    fn look_at_released(
        &self,
        index: usize,
        release: Release,
        look: &mut Look,
        scene: Scene,
    ) -> bool {
        let is_sent = look.succeeded == Some(release);
        *look = Look {
            succeeded: look.succeeded,
            ..Look::default()
        };
        if !scene.is_work_or_timer_waiting {
            return false;
        }
        if self.shared.idle.is_nobody_idle() {
            if !is_sent && self.start(index, Some(release)) {
                look.succeeded = Some(release);
            }
        } else if self.shared.is_work_visible() {
            self.shared.wake_sleeper();
        }
        self.shared.is_work_visible()
    }

    /// Steps 2 and 3.
    fn help(&self, hog: &Processor, look: &Look) {
        if self.shared.idle.sleeping() > 0 {
            self.shared.wake_sleeper();
            return;
        }
        let used_ns = cpu_ns(hog).saturating_sub(look.cpu_ns);
        let is_hogging = used_ns >= HOG_NS || look.unchanged >= BLOCKED_LOOKS && is_blocked(hog);
        if is_hogging
            && !self.shared.simulation.is_on()
            && !hog.is_replaced()
            && let Some(spare) = self.start_spare()
            && settle_surplus(hog, spare)
        {
            self.shared.handoffs.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A spare processor with a worker on it.
    fn start_spare(&self) -> Option<&'static Processor> {
        let mut processors = self.shared.processors().iter();
        let index = processors.position(Processor::claim)?;
        let spare = self.shared.processor(index);
        if self.start(index, None) {
            return Some(spare);
        }
        spare.ownership.leave();
        None
    }

    /// Gives a thread a processor to work on; whether there is one.
    fn start(&self, index: usize, release: Option<Release>) -> bool {
        let shared = self.shared;
        let job = Job { index, release };
        !shared.is_stopping() && shared.threads.start(shared, job, &self.thread_name).is_ok()
    }
}

/// What is left of step 3, with the spare worker started: says which of the two is to end.
/// Whether that is the hog.
fn settle_surplus<T: Sync>(hog: &Processor<T>, spare: &Processor<T>) -> bool {
    let is_replaced = hog.replace();
    if !is_replaced {
        // If the spare is leaving already, because the runtime stops, nothing is surplus.
        let _ = spare.replace();
    }
    is_replaced
}

/// CPU time of the owner's thread, at least 1.
fn cpu_ns(processor: &Processor) -> u64 {
    let clock = processor.thread().and_then(|thread| thread.clock);
    clock.and_then(ThreadClock::cpu_ns).unwrap_or(0).max(1)
}

fn is_blocked(processor: &Processor) -> bool {
    processor
        .thread()
        .and_then(|thread| thread.id)
        .is_some_and(ThreadId::is_blocked)
}

impl Watched for WatchedRuntime {
    fn gauges(&self) -> Gauges {
        let processors = self.shared.processors();
        let owned = processors
            .iter()
            .filter(|p| p.ownership.is_in_use())
            .count();
        let queued: usize = processors.iter().map(Processor::queued).sum();
        let steals = processors
            .iter()
            .map(|p| p.steals.load(Ordering::Relaxed))
            .sum();
        Gauges {
            runnable: (queued + self.shared.global.len()) as u64,
            workers: owned as u64,
            idle_workers: self.shared.idle.sleeping() as u64,
            handoffs: self.shared.handoffs.load(Ordering::Relaxed),
            steals,
        }
    }

    fn work_is_waiting_and_all_busy(&self) -> bool {
        self.shared.close_watch.is_on()
    }

    fn queues(&self) -> Queues {
        let processors = self.shared.processors().iter();
        let in_use = processors.filter(|processor| processor.ownership.is_in_use());
        Queues {
            global: self.shared.global.len(),
            processors: in_use.map(Processor::queued).collect(),
        }
    }

    fn on_all_asleep(&self) -> Option<fn(&AllAsleep)> {
        self.on_all_asleep
    }

    fn rest(&self) -> Option<Rest> {
        self.shared.rest()
    }

    fn tick(&self, now_ns: u64) {
        let is_overdue = self.shared.next_deadline_ns() < now_ns;
        if is_overdue {
            // Not `wake_one`: that may kick this very thread.
            self.shared.wake_sleeper();
        }
        let scene = Scene {
            now_ns,
            waits_for_all: is_overdue || self.shared.global.len() > 0,
            is_work_or_timer_waiting: self.shared.is_work_or_timer_waiting(),
        };
        let mut looks = self
            .looks
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let mut is_waiting = self.look_at_poller(now_ns) | self.look_at_timers(now_ns);
        for (index, look) in looks.iter_mut().enumerate() {
            is_waiting |= self.look(index, look, scene);
        }
        drop(looks);
        self.decide_on_close_watch(is_waiting);
    }
}

impl Worker {
    /// Step 4, at every scheduling point: one load of a line that is the worker's own.
    #[inline]
    pub(super) fn is_surplus_after_hog(&self) -> bool {
        self.processor.is_replaced() && self.leave_to_the_spare()
    }

    #[cold]
    fn leave_to_the_spare(&self) -> bool {
        self.processor.end_replacement()
    }
}
