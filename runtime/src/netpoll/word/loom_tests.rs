//! The park word by loom, with a flag for the kernel: whatever becomes ready is taken, by a task
//! that parks at any moment, gives up, has company, or belongs to the next descriptor.

use super::*;
use crate::netpoll::direction::Direction;
use crate::primitive::{Arc, atomic::AtomicU32, thread};
use crate::sched::park::ThreadParker;

/// A descriptor, and the parkers of the tasks in its slots.
struct Model {
    direction: Direction,
    /// What is there to be read: the kernel's.
    bytes: AtomicU32,
    tasks: [ThreadParker; 2],
}

impl Model {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            direction: Direction::new(),
            bytes: AtomicU32::new(0),
            tasks: [(); 2].map(|()| ThreadParker::new()),
        })
    }

    /// A peer sends, and somebody polls.
    fn send(&self, bytes: u32) {
        self.bytes.fetch_add(bytes, Ordering::Release);
        self.poll();
    }

    fn poll(&self) {
        self.direction
            .note(false, |slot| self.tasks[slot as usize].unpark());
    }

    /// A system call for one byte.
    fn read(&self) -> bool {
        let less_one = |bytes: u32| bytes.checked_sub(1);
        self.bytes
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, less_one)
            .is_ok()
    }

    /// Reads a byte as a task does; a lost wake-up is a deadlock.
    fn receive(&self, slot: u32) {
        loop {
            let seen = self.direction.look();
            if self.read() {
                return;
            }
            if let Some(stay) = self.direction.enter(seen, slot) {
                self.tasks[slot as usize].park();
                self.direction.leave(stay);
            }
        }
    }
}

fn bounded(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

fn start(model: &Arc<Model>, run: impl FnOnce(&Model) + Send + 'static) -> thread::JoinHandle<()> {
    let model = Arc::clone(model);
    thread::spawn(move || run(&model))
}

#[test]
fn loom_a_task_that_waits_around_an_event_reads_what_it_is_about() {
    bounded(|| {
        let model = Model::new();
        let reader = start(&model, |model| {
            model.receive(0);
            model.receive(0);
        });
        model.send(1);
        model.send(1);
        reader.join().unwrap();
        assert_eq!(model.bytes.load(Ordering::Relaxed), 0);
    });
}

#[test]
fn loom_one_event_for_two_who_wait_serves_both() {
    bounded(|| {
        let model = Model::new();
        let readers = [0, 1].map(|slot| start(&model, move |model| model.receive(slot)));
        model.send(2);
        for reader in readers {
            reader.join().unwrap();
        }
        assert_eq!(model.bytes.load(Ordering::Relaxed), 0);
    });
}

#[test]
fn loom_who_gives_up_takes_no_others_wake_up() {
    bounded(|| {
        let model = Model::new();
        // Gives up at once, as one whose time is over.
        let hasty = start(&model, |model| {
            let seen = model.direction.look();
            if let Some(stay) = model.direction.enter(seen, 0) {
                model.direction.leave(stay);
            }
        });
        let reader = start(&model, |model| model.receive(1));
        model.send(1);
        hasty.join().unwrap();
        reader.join().unwrap();
    });
}

#[test]
fn loom_two_who_poll_wake_a_task_once_for_each_event() {
    bounded(|| {
        let word = Arc::new(ParkWord::new());
        let seen = word.look();
        assert_eq!(word.wait(seen, 0), Waiting::Waits);
        let other = {
            let word = Arc::clone(&word);
            thread::spawn(move || word.note(false).waiter.is_some())
        };
        let ours = word.note(false).waiter.is_some();
        assert_ne!(other.join().unwrap(), ours);
    });
}

/// An event of a descriptor that is closed meanwhile, and whose place is used again: at worst the
/// next one's task looks in vain; it neither loses an event nor keeps one that it did not see.
#[test]
fn loom_a_stale_event_does_not_disturb_the_next_descriptor() {
    bounded(|| {
        let model = Model::new();
        let stale = start(&model, |model| model.poll());
        model.direction.begin_again();
        let reader = start(&model, |model| model.receive(0));
        model.send(1);
        stale.join().unwrap();
        reader.join().unwrap();
    });
}
