//! Pinned tasks: they stay on their thread, nobody else runs there, and everybody else goes on.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};
use std::thread;
use std::time::Duration;

use runtime::{Builder, Reason, TaskId, blocking, chan, park, sleep, spawn, task, yield_now};

thread_local! {
    /// Whether the thread belongs to a pinned task.
    static IS_TAKEN: Cell<bool> = const { Cell::new(false) };
}

#[inline(never)]
fn is_taken() -> bool {
    IS_TAKEN.get()
}

/// Takes the thread for a pinned task, and gives it back on drop: on the same one.
struct Taken(thread::ThreadId);

impl Taken {
    fn new() -> Self {
        assert!(!IS_TAKEN.replace(true), "two pinned tasks on one thread");
        Self(here())
    }

    fn check(&self) {
        assert_eq!(self.0, here(), "it has moved");
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.check();
        IS_TAKEN.set(false);
    }
}

#[inline(never)]
fn here() -> thread::ThreadId {
    thread::current().id()
}

/// A task that runs wherever it may, and nowhere that is taken, until it is told to stop.
fn wanderer(stop: &Arc<AtomicBool>) -> runtime::JoinHandle<usize> {
    let stop = Arc::clone(stop);
    spawn(move || {
        let mut turns = 0;
        while !stop.load(Ordering::Relaxed) {
            assert!(!is_taken(), "a pinned task's thread");
            turns += 1;
            yield_now();
        }
        turns
    })
}

#[test]
fn a_pinned_task_has_its_thread_to_itself_whatever_it_does() {
    for workers in 1..=3 {
        Builder::new().workers(workers).run(|| {
            let stop = Arc::new(AtomicBool::new(false));
            let wanderers: Vec<_> = (0..4).map(|_| wanderer(&stop)).collect();
            let (sender, receiver) = chan::rendezvous();
            let pinned = task::spawn_pinned(move || {
                let taken = Taken::new();
                for round in 0..20 {
                    assert_eq!(receiver.recv().unwrap(), round);
                    taken.check();
                    yield_now();
                    taken.check();
                    sleep(Duration::from_micros(20));
                    taken.check();
                    blocking(|| thread::sleep(Duration::from_micros(20)));
                    taken.check();
                    assert_eq!(spawn(move || round + 1).join().unwrap(), round + 1);
                    taken.check();
                }
            });
            (0..20).for_each(|round| sender.send(round).unwrap());
            pinned.join().unwrap();
            stop.store(true, Ordering::Relaxed);
            for wanderer in wanderers {
                assert!(wanderer.join().unwrap() > 0);
            }
        });
    }
}

#[test]
fn more_pinned_tasks_than_workers_pass_a_message_round() {
    const TASKS: usize = 12;
    Builder::new().workers(2).run(|| {
        let (first, mut inbox) = chan::bounded(1);
        let mut tasks = Vec::new();
        for _ in 0..TASKS {
            let (next, outbox) = chan::bounded(1);
            tasks.push(task::spawn_pinned(move || {
                let taken = Taken::new();
                while let Ok(hops) = inbox.recv() {
                    taken.check();
                    next.send(hops + 1_usize).unwrap();
                }
            }));
            inbox = outbox;
        }
        let mut hops = 0;
        for _ in 0..20 {
            first.send(hops).unwrap();
            hops = inbox.recv().unwrap();
        }
        assert_eq!(hops, 20 * TASKS);
        drop(first);
        tasks.into_iter().for_each(|task| task.join().unwrap());
    });
}

#[test]
fn the_last_guard_ends_the_pin() {
    Builder::new().workers(1).run(|| {
        let stop = Arc::new(AtomicBool::new(false));
        let wanderer = wanderer(&stop);
        let (first, second) = (task::pin(), task::pin());
        let taken = Taken::new();
        drop(first);
        yield_now();
        drop(taken);
        // In a blocking call, which the task is in all the same.
        blocking(move || drop(second));
        let again = task::pin();
        let taken = Taken::new();
        yield_now();
        drop((taken, again));
        stop.store(true, Ordering::Relaxed);
        wanderer.join().unwrap();
    });
}

#[test]
fn a_guard_made_while_unwinding_pins_as_any_other() {
    struct PinsOnDrop<'a>(&'a RefCell<Option<(Taken, task::Pinned)>>);
    impl Drop for PinsOnDrop<'_> {
        fn drop(&mut self) {
            let pinned = task::pin();
            *self.0.borrow_mut() = Some((Taken::new(), pinned));
        }
    }
    Builder::new().workers(1).run(|| {
        let stop = Arc::new(AtomicBool::new(false));
        let wanderer = wanderer(&stop);
        let kept = RefCell::new(None);
        let unwound = catch_unwind(AssertUnwindSafe(|| {
            let _pins = PinsOnDrop(&kept);
            resume_unwind(Box::new(7));
        }));
        assert!(unwound.is_err());
        for _ in 0..10 {
            yield_now();
            kept.borrow().as_ref().unwrap().0.check();
        }
        kept.take();
        stop.store(true, Ordering::Relaxed);
        wanderer.join().unwrap();
    });
}

#[test]
fn a_pinned_task_that_panics_or_forgets_its_guard_gives_its_thread_back() {
    Builder::new().workers(1).run(|| {
        let panics = task::spawn_pinned(|| resume_unwind(Box::new("told to")));
        assert!(panics.join().unwrap_err().is_panic());
        let forgets = spawn(|| {
            std::mem::forget(task::pin());
            yield_now();
        });
        forgets.join().unwrap();
        for number in 0..100 {
            assert_eq!(spawn(move || number).join().unwrap(), number);
        }
    });
}

#[test]
fn a_pinned_hog_is_worked_around_and_gets_a_processor_again() {
    Builder::new().workers(1).run(|| {
        let ran = Arc::new(AtomicUsize::new(0));
        let hog = {
            let ran = Arc::clone(&ran);
            task::spawn_pinned(move || {
                let taken = Taken::new();
                let before = ran.load(Ordering::Acquire);
                // Until another worker has run the other task.
                while ran.load(Ordering::Acquire) == before {
                    std::hint::spin_loop();
                }
                yield_now();
                taken.check();
                sleep(Duration::from_micros(50));
                taken.check();
            })
        };
        let other = {
            let ran = Arc::clone(&ran);
            spawn(move || {
                while Arc::strong_count(&ran) > 2 {
                    ran.fetch_add(1, Ordering::Release);
                    yield_now();
                }
            })
        };
        hog.join().unwrap();
        other.join().unwrap();
    });
}

#[test]
fn a_runtime_that_ends_leaves_a_pinned_task_behind_wherever_it_waits() {
    for yields in [false, true] {
        let finished = Builder::new().workers(1).try_run(move || {
            let (started, is_started) = chan::bounded(1);
            task::spawn_pinned(move || {
                started.send(()).unwrap();
                loop {
                    if yields {
                        yield_now();
                    } else {
                        park(Reason::Other, 0, TaskId::NONE);
                    }
                }
            });
            is_started.recv().unwrap();
        });
        let leftover = finished.unwrap().leftover;
        assert_eq!(leftover.iter().map(|site| site.tasks()).sum::<u64>(), 1);
    }
}

#[test]
fn a_guard_on_a_thread_that_runs_no_task_does_nothing() {
    drop(task::pin());
    Builder::new().workers(1).run(|| {
        blocking(|| drop(task::pin()));
        assert_eq!(spawn(|| 7).join().unwrap(), 7);
    });
}
