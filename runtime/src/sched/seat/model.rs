//! A pinned task whose thread, wakers and other workers meet in every order. A lost call is a
//! deadlock, two owners of the task or of a processor are a race of plain counters.

use super::*;
use crate::primitive::{
    Arc, UnsafeCell,
    atomic::{AtomicBool, Ordering},
    thread,
};
use crate::sched::ownership::Ownership;
use crate::task::state::{Parking, StateWord, Unparking};

/// The thread's processor, and the one of another worker.
const OWN: usize = 0;
const OTHER: usize = 1;

struct Model {
    state: StateWord,
    generation: u32,
    seat: Seat,
    ownership: Ownership,
    processors: [UnsafeCell<usize>; 2],
    task: UnsafeCell<usize>,
    queue: Mutex<Queue>,
    queued: Condvar,
    stopping: AtomicBool,
}

/// The queue for all, in which there is one task at most.
#[derive(Default)]
struct Queue {
    has_task: bool,
    is_closed: bool,
}

impl Model {
    fn new() -> Arc<Self> {
        let (state, ownership) = (StateWord::new(), Ownership::new());
        let generation = state.start();
        state.pin();
        assert!(ownership.claim());
        Arc::new(Self {
            state,
            generation,
            seat: Seat::new(),
            ownership,
            processors: [UnsafeCell::new(0), UnsafeCell::new(0)],
            task: UnsafeCell::new(0),
            queue: Mutex::default(),
            queued: Condvar::new(),
            stopping: AtomicBool::new(false),
        })
    }

    fn use_processor(&self, index: usize) {
        // SAFETY: the callers own the processor; loom checks that.
        self.processors[index].with_mut(|counter| unsafe { *counter += 1 });
    }

    fn use_task(&self) {
        // SAFETY: the callers own the task; loom checks that.
        self.task.with_mut(|counter| unsafe { *counter += 1 });
    }

    /// The thread parks its task, as `pinned.rs` does; on which processor it goes on.
    fn park(&self) -> Option<usize> {
        self.seat.set_comes_by_itself(true);
        if self.state.park() == Parking::Token {
            return Some(OWN);
        }
        self.wait()
    }

    /// The thread's task yields.
    fn yield_now(&self) -> Option<usize> {
        self.seat.set_comes_by_itself(true);
        self.use_processor(OWN);
        let release = self.ownership.release();
        self.queue();
        self.wait_released(release)
    }

    fn wait(&self) -> Option<usize> {
        self.use_processor(OWN);
        self.wait_released(self.ownership.release())
    }

    fn wait_released(&self, release: Release) -> Option<usize> {
        let processor = match self.seat.wait(Some(release), self) {
            Turn::Back => OWN,
            Turn::Given(processor) => processor,
            Turn::Stopped => return None,
        };
        self.use_processor(processor);
        self.use_task();
        Some(processor)
    }

    fn wake(&self) {
        match self.state.unpark(self.generation) {
            Unparking::Call => {
                self.use_task();
                self.seat.call();
            }
            Unparking::Noted => {}
            other => panic!("{other:?} of a pinned task"),
        }
    }

    /// A successor that comes at any time; whether it had the thread's processor, which it keeps
    /// until it takes the task out of the queue.
    fn succeed(&self) -> bool {
        let taken = self
            .ownership
            .released()
            .is_some_and(|release| self.ownership.take(release));
        if taken {
            self.use_processor(OWN);
            assert!(self.serve(OWN), "the thread has no other");
        }
        taken
    }

    /// A worker on this processor; whether the thread has it at the end.
    fn serve(&self, processor: usize) -> bool {
        while self.pop() {
            self.use_processor(processor);
            self.use_task();
            if self.seat.offer(processor) {
                return true;
            }
        }
        false
    }

    /// Waits for the task; false if it will not come.
    fn pop(&self) -> bool {
        let mut queue = self.queue.lock().unwrap();
        while !queue.has_task && !queue.is_closed {
            queue = self.queued.wait(queue).unwrap();
        }
        std::mem::take(&mut queue.has_task)
    }

    fn close(&self) {
        self.queue.lock().unwrap().is_closed = true;
        self.queued.notify_all();
    }
}

impl Stall for Model {
    fn take_back(&self, release: Release) -> bool {
        self.ownership.take(release)
    }

    fn queue(&self) {
        self.use_task();
        self.queue.lock().unwrap().has_task = true;
        self.queued.notify_one();
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }
}

/// At most three preemptions: without a bound the locks alone take hours.
fn bounded(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

fn start<T: 'static>(
    model: &Arc<Model>,
    body: impl FnOnce(&Model) -> T + 'static,
) -> thread::JoinHandle<T> {
    let model = Arc::clone(model);
    thread::spawn(move || body(&model))
}

#[test]
fn loom_a_pinned_task_that_is_woken_runs_on_its_thread_with_one_processor() {
    bounded(|| {
        let model = Model::new();
        let waker = start(&model, Model::wake);
        let successor = start(&model, Model::succeed);
        assert_eq!(model.park(), Some(OWN));
        waker.join().unwrap();
        successor.join().unwrap();
    });
}

#[test]
fn loom_a_pinned_task_that_yields_comes_back_or_is_given_a_processor() {
    bounded(|| {
        let model = Model::new();
        let successor = start(&model, |model| {
            let release = model.ownership.released();
            let taken = release.is_some_and(|release| model.ownership.take(release));
            if taken {
                model.use_processor(OWN);
            }
            taken
        });
        let worker = start(&model, |model| model.serve(OTHER));
        let processor = model.yield_now();
        model.close();
        let is_given = worker.join().unwrap();
        let is_taken = successor.join().unwrap();
        assert_eq!(is_given, is_taken, "as many run as before");
        assert_eq!(processor, Some(if is_given { OTHER } else { OWN }));
    });
}

#[test]
fn loom_a_thread_that_waits_for_a_pinned_task_sees_the_end() {
    bounded(|| {
        let model = Model::new();
        let waker = start(&model, Model::wake);
        let stopper = start(&model, |model| {
            model.stopping.store(true, Ordering::Relaxed);
            model.seat.wake();
        });
        let _ = model.park();
        waker.join().unwrap();
        stopper.join().unwrap();
    });
}
