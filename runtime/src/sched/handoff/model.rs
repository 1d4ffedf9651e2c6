//! The hand-off by loom: a hog, the monitor and the spare worker that it starts, with the
//! queues and flags as they run.

use crate::primitive::{Arc, thread};
use crate::sched::{global_queue::GlobalQueue, handoff::settle_surplus, processor::Processor};

static TASKS: [usize; 3] = [0, 1, 2];

/// Three processors with real queues and flags; threads and clocks are left out. A hog owns
/// the first processor, the others are spare.
struct Model {
    processors: [Processor<usize>; 3],
    global: GlobalQueue<usize>,
}

impl Model {
    /// A task in the hog's ring and one in its next slot.
    fn new() -> Arc<Self> {
        let model = Self {
            processors: [(); 3].map(|()| Processor::new()),
            global: GlobalQueue::new(),
        };
        model.global.open(1);
        assert!(model.processors[0].claim());
        model.processors[0].queue.push_back(&TASKS[0]).unwrap();
        assert!(model.processors[0].queue.replace_next(&TASKS[1]).is_none());
        Arc::new(model)
    }

    /// The monitor's step 3, and the spare worker, which goes on in the same thread.
    fn replace_the_hog(&self) -> Vec<usize> {
        let [hog, spares @ ..] = &self.processors;
        let mut taken = Vec::new();
        if hog.is_replaced() {
            return taken;
        }
        let Some(spare) = spares.iter().find(|spare| spare.claim()) else {
            return taken;
        };
        let _ = settle_surplus(hog, spare);
        taken.extend(hog.queue.steal_half_into(&spare.queue));
        taken.extend(hog.queue.steal_next());
        taken.extend(spare.queue.pop());
        taken.extend(self.global.pop_batch(|_| 0, |_| {}));
        taken
    }

    /// The hog comes back with one more task, for two scheduling points; whether it ended.
    fn come_back(&self, taken: &mut Vec<usize>) -> bool {
        let hog = &self.processors[0];
        hog.queue.push_back(&TASKS[2]).unwrap();
        for _ in 0..2 {
            // As `is_surplus_after_hog` and `retire`.
            if hog.is_replaced() && hog.end_replacement() {
                hog.give_tasks_to(&self.global);
                hog.ownership.leave();
                return true;
            }
            taken.extend(hog.queue.take_next().or_else(|| hog.queue.pop()));
        }
        false
    }

    /// What is still queued after both have stopped.
    fn leftover(&self) -> Vec<usize> {
        let queues = self.processors.iter().map(|processor| &processor.queue);
        let mut left: Vec<usize> = queues
            .flat_map(|queue| {
                let next = queue.take_next().into_iter();
                next.chain(std::iter::from_fn(|| queue.pop())).copied()
            })
            .collect();
        left.extend(self.global.close());
        left
    }

    /// A look that found the hog in use, as `WatchedRuntime::look`; it steals nothing.
    fn look_again(&self) {
        let [hog, spares @ ..] = &self.processors;
        if hog.ownership.is_in_use()
            && !hog.is_replaced()
            && let Some(spare) = spares.iter().find(|spare| spare.claim())
        {
            let _ = settle_surplus(hog, spare);
        }
    }

    /// Workers, less those that are to end at their next scheduling point.
    fn lasting_workers(&self) -> usize {
        let owned = |p: &&Processor<usize>| p.ownership.is_in_use() && !p.is_replaced();
        self.processors.iter().filter(owned).count()
    }
}

#[test]
fn loom_a_hog_that_was_replaced_loses_no_task_and_one_worker_retires() {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(|| {
        let model = Model::new();
        let monitor = {
            let model = Arc::clone(&model);
            thread::spawn(move || model.replace_the_hog())
        };
        let mut taken = Vec::new();
        let has_ended = model.come_back(&mut taken);
        taken.extend(monitor.join().unwrap());
        assert_eq!(model.lasting_workers(), 1);
        assert_eq!(has_ended, !model.processors[0].ownership.is_in_use());
        taken.extend(model.leftover());
        taken.sort_unstable();
        assert_eq!(taken, TASKS, "each task once");
    });
}

#[test]
fn loom_a_hog_that_is_leaving_is_not_replaced_again() {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(|| {
        let model = Model::new();
        let mut taken = model.replace_the_hog();
        let monitor = {
            let model = Arc::clone(&model);
            thread::spawn(move || model.look_again())
        };
        assert!(model.come_back(&mut taken), "the hog is surplus");
        monitor.join().unwrap();
        assert_eq!(model.lasting_workers(), 1);
        assert!(model.processors[0].claim(), "it is free");
        assert!(!model.processors[0].is_replaced(), "no mark is left");
    });
}

#[test]
fn loom_two_looks_replace_a_hog_once() {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(|| {
        let model = Model::new();
        let looks = [(); 2].map(|()| {
            let model = Arc::clone(&model);
            thread::spawn(move || model.replace_the_hog())
        });
        let mut taken: Vec<usize> = Vec::new();
        for look in looks {
            taken.extend(look.join().unwrap());
        }
        assert_eq!(model.lasting_workers(), 1);
        assert!(model.come_back(&mut taken), "the hog is surplus");
        assert_eq!(model.lasting_workers(), 1);
        taken.extend(model.leftover());
        taken.sort_unstable();
        assert_eq!(taken, TASKS, "each task once");
    });
}
