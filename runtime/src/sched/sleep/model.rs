//! Timers and sleepers by loom: no timer is left to a time when nobody wakes for it.
//!
//! The steps, the counts and the timer heaps are those that run; a clock that the model moves
//! stands for time. A worker that never comes back to the scheduler before the last timer has
//! fired makes every lost wake-up, and every sleeper that wakes too late, a deadlock.

use super::*;
use crate::primitive::{
    Arc, Condvar, Mutex,
    atomic::{AtomicBool, AtomicU64},
    thread,
};
use crate::sched::park::ThreadParker;
use crate::task::TaskId;
use crate::time::{NEVER, Timer, Timers};

/// What a timer's task does. The value is the timer's sequence.
const NOTHING: u32 = 1;
/// Keeps its worker until the end.
const HOG: u32 = 2;
/// Ends the runtime.
const END: u32 = 3;

/// A parker whose timeouts are those of the model's clock.
struct Bed {
    state: Mutex<(bool, u64)>,
    changed: Condvar,
}

impl Bed {
    fn new() -> Self {
        Self {
            state: Mutex::new((false, 0)),
            changed: Condvar::new(),
        }
    }

    fn park_until(&self, deadline_ns: u64) -> bool {
        let mut state = self.state.lock().unwrap();
        while !state.0 && state.1 < deadline_ns {
            state = self.changed.wait(state).unwrap();
        }
        std::mem::take(&mut state.0)
    }

    fn change(&self, change: impl FnOnce(&mut (bool, u64))) {
        change(&mut self.state.lock().unwrap());
        self.changed.notify_one();
    }
}

/// A runtime reduced to its timers and the tasks that they fire.
struct Model {
    idle: Idle,
    /// Those of two processors.
    timers: [Timers; 2],
    beds: [Bed; 2],
    now_ns: AtomicU64,
    /// Fired and not yet run: a bit for each task. For all queues.
    ready: AtomicU64,
    stop: AtomicBool,
    ended: [ThreadParker; 3],
}

impl Workplace for Model {
    fn idle(&self) -> &Idle {
        &self.idle
    }

    fn next_deadline_ns(&self) -> u64 {
        let deadlines = self.timers.iter().map(Timers::next_ns);
        deadlines.min().unwrap_or(NEVER)
    }

    fn is_work_visible(&self) -> bool {
        self.ready.load(Ordering::Relaxed) != 0
    }

    fn is_left_to_monitor(&self, _deadline_ns: u64) -> bool {
        // There is none: whoever leaves a timer wakes somebody.
        false
    }

    fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn wake_one(&self) {
        if let Some(sleeper) = self.idle.claim() {
            self.beds[sleeper].change(|state| state.0 = true);
        }
    }

    fn park(&self, worker: usize) {
        assert!(self.beds[worker].park_until(NEVER));
    }

    fn park_until(&self, worker: usize, deadline_ns: u64) -> bool {
        self.beds[worker].park_until(deadline_ns)
    }
}

impl Model {
    fn new(now_ns: u64, timers: &[(usize, u64, u32)]) -> Arc<Self> {
        let model = Self {
            idle: Idle::new(),
            timers: [(); 2].map(|()| Timers::new()),
            beds: [(); 2].map(|()| Bed::new()),
            now_ns: AtomicU64::new(0),
            ready: AtomicU64::new(0),
            stop: AtomicBool::new(false),
            ended: [(); 3].map(|()| ThreadParker::new()),
        };
        for (processor, deadline_ns, task) in timers {
            let _ = model.arm(*processor, *deadline_ns, *task);
        }
        model.set_clock(now_ns);
        Arc::new(model)
    }

    fn set_clock(&self, now_ns: u64) {
        self.now_ns.store(now_ns, Ordering::Release);
        for bed in &self.beds {
            bed.change(|state| state.1 = now_ns);
        }
    }

    fn arm(&self, processor: usize, deadline_ns: u64, task: u32) -> bool {
        self.timers[processor].insert(Timer {
            deadline_ns,
            task: TaskId::NONE,
            sequence: task,
        })
    }

    /// As `Worker::wait_for_work`, for as long as the runtime lasts.
    fn work(&self, worker: usize) {
        let mut searching = self.idle.start_searching(4);
        loop {
            if searching && let Some(task) = self.search() {
                leave_search(self);
                self.run(task, worker);
                searching = self.idle.start_searching(4);
                continue;
            }
            if self.is_stopping() {
                return;
            }
            sleep(self, worker, searching);
            searching = true;
        }
    }

    /// As `Worker::search`: fires what is due, and takes one task. The earlier ones go first,
    /// so what is left behind a hog is for others.
    fn search(&self) -> Option<u32> {
        let now_ns = self.now_ns.load(Ordering::Acquire);
        for timer in self
            .timers
            .iter()
            .flat_map(|timers| timers.take_due(now_ns))
        {
            self.ready.fetch_or(1 << timer.sequence, Ordering::Relaxed);
        }
        let ready = self.ready.load(Ordering::Relaxed);
        let task = (ready != 0).then(|| ready.trailing_zeros())?;
        let before = self.ready.fetch_and(!(1 << task), Ordering::Relaxed);
        (before & 1 << task != 0).then_some(task)
    }

    fn run(&self, task: u32, worker: usize) {
        match task {
            HOG => self.ended[worker].park(),
            END => self.end(),
            _ => assert_eq!(task, NOTHING),
        }
    }

    /// As `Shared::stop`.
    fn end(&self) {
        self.stop.store(true, Ordering::SeqCst);
        while let Some(sleeper) = self.idle.claim_any() {
            self.beds[sleeper].change(|state| state.0 = true);
        }
        self.ended.iter().for_each(ThreadParker::unpark);
    }

    fn start_worker(this: &Arc<Self>, worker: usize) -> thread::JoinHandle<()> {
        let model = Arc::clone(this);
        thread::spawn(move || model.work(worker))
    }

    /// As a busy worker: a task arms a timer on processor 1 and parks, another one hogs.
    fn arm_and_hog(&self, deadline_ns: u64) {
        if self.arm(1, deadline_ns, END) {
            announce_timers(self);
        }
        self.ended[2].park();
    }
}

fn bounded(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(model);
}

/// Two workers, two timers: the keeper fires the first one, and hogs.
#[test]
fn loom_a_keeper_that_leaves_to_run_a_task_is_succeeded() {
    bounded(2, || {
        let model = Model::new(0, &[(0, 1, HOG), (0, 2, END)]);
        let workers = [0, 1].map(|worker| Model::start_worker(&model, worker));
        model.set_clock(1);
        model.set_clock(2);
        for worker in workers {
            worker.join().unwrap();
        }
        assert_eq!(model.next_deadline_ns(), NEVER);
    });
}

/// The sleeper waits for a timer that is far away, or is about to.
#[test]
fn loom_a_sleeper_learns_of_an_earlier_timer_whose_worker_goes_on() {
    bounded(3, || {
        let model = Model::new(1, &[(0, 9, NOTHING)]);
        let worker = Model::start_worker(&model, 0);
        model.arm_and_hog(1);
        worker.join().unwrap();
    });
}

/// The timer that the keeper waits for is earlier than the new one; it leaves, fires it, and
/// falls asleep again at any moment.
#[test]
fn loom_a_later_timer_is_kept_when_the_earlier_one_has_fired() {
    for processor in [0, 1] {
        bounded(3, move || {
            let model = Model::new(0, &[(processor, 1, NOTHING)]);
            let worker = Model::start_worker(&model, 0);
            model.set_clock(2);
            model.arm_and_hog(2);
            worker.join().unwrap();
        });
    }
}
