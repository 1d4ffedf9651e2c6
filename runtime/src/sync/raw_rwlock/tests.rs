//! Steps of the lock's protocol that a test from outside cannot force: who comes after whom, and
//! what becomes of the lock when a waiter leaves.

use proptest::prelude::*;

use super::Mode::{Read, Write};
use super::*;

/// A task that has found the lock taken and is about to park.
fn waiting(lock: &RawRwLock, mode: Mode) -> Place<'_> {
    let mut place = Place::new(lock, mode);
    assert!(matches!(lock.take_or_wait(&mut place), Take::Held(_)));
    place
}

fn is_in(place: &Place<'_>) -> bool {
    let ticket = place.ticket.expect("it waits");
    place
        .lock
        .with_queues(|queues| !queues.line(place.mode).holds(ticket))
}

/// A waiter that was let in notices it; it has the lock from then on.
fn enter(mut place: Place<'_>) {
    assert_eq!(place.lock.take_or_wait(&mut place), Take::Taken);
}

#[test]
fn a_writer_that_waits_stops_new_readers_who_come_right_after_it() {
    let lock = RawRwLock::new();
    lock.lock(Read);
    let writer = waiting(&lock, Write);
    assert!(!lock.try_lock(Read));
    let (reader, next_writer) = (waiting(&lock, Read), waiting(&lock, Write));
    let late_reader = waiting(&lock, Read);
    lock.unlock(Read);
    assert!(is_in(&writer) && !is_in(&reader));
    enter(writer);
    lock.unlock(Write);
    assert!(is_in(&reader) && is_in(&late_reader) && !is_in(&next_writer));
    enter(reader);
    enter(late_reader);
    lock.unlock(Read);
    assert!(!is_in(&next_writer));
    lock.unlock(Read);
    assert!(is_in(&next_writer));
    enter(next_writer);
    lock.unlock(Write);
    assert_eq!(lock.word.holders(), Holders::Nobody);
    assert!(lock.try_lock(Write), "nobody waits any more");
}

#[test]
fn a_writer_that_gives_up_lets_the_readers_behind_it_in() {
    let lock = RawRwLock::new();
    lock.lock(Read);
    let (writer, reader) = (waiting(&lock, Write), waiting(&lock, Read));
    drop(writer);
    assert!(is_in(&reader));
    enter(reader);
    assert!(lock.try_lock(Read));
}

#[test]
fn a_waiter_that_leaves_with_the_lock_in_hand_gives_it_to_the_next() {
    let lock = RawRwLock::new();
    lock.lock(Write);
    let (reader, writer) = (waiting(&lock, Read), waiting(&lock, Write));
    let last = waiting(&lock, Write);
    lock.unlock(Write);
    assert!(is_in(&reader));
    drop(reader);
    assert!(is_in(&writer));
    drop(writer);
    assert!(is_in(&last));
    drop(last);
    assert!(lock.try_lock(Write));
}

#[test]
fn a_downgraded_writer_lets_readers_in_and_keeps_writers_out() {
    let lock = RawRwLock::new();
    lock.lock(Write);
    let (writer, reader) = (waiting(&lock, Write), waiting(&lock, Read));
    lock.downgrade();
    assert!(is_in(&reader) && !is_in(&writer));
    assert!(!lock.try_lock(Read), "a writer waits");
    enter(reader);
    lock.unlock(Read);
    assert!(!is_in(&writer));
    lock.unlock(Read);
    assert!(is_in(&writer));
}

#[test]
fn the_last_waiter_that_leaves_makes_leaving_cheap_again() {
    let lock = RawRwLock::new();
    lock.lock(Write);
    drop(waiting(&lock, Read));
    drop(waiting(&lock, Write));
    assert_eq!(lock.word.leave_write(), Leave::Done);
}

/// What a random user does; numbers choose among those who wait or have the lock, modulo.
#[derive(Clone, Copy, Debug)]
enum Step {
    Lock(bool),
    TryLock(bool),
    Unlock,
    Downgrade,
    GiveUp(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => any::<bool>().prop_map(Step::Lock),
        1 => any::<bool>().prop_map(Step::TryLock),
        4 => Just(Step::Unlock),
        1 => Just(Step::Downgrade),
        2 => (0..8_usize).prop_map(Step::GiveUp),
    ]
}

/// The lock that one would write on paper.
#[derive(Default)]
struct Model {
    readers: usize,
    writer: bool,
    /// Who waits, in the order of arrival.
    line: Vec<Mode>,
}

impl Model {
    fn takes(&mut self, mode: Mode) -> bool {
        let takes = match mode {
            Read => !self.writer && self.line.is_empty(),
            Write => !self.writer && self.readers == 0 && self.line.is_empty(),
        };
        if takes {
            self.add(mode);
        }
        takes
    }

    fn add(&mut self, mode: Mode) {
        match mode {
            Read => self.readers += 1,
            Write => self.writer = true,
        }
    }

    /// Who comes in after a phase of `ended`; their places in the line.
    fn settle(&mut self, ended: Option<Mode>) -> Vec<usize> {
        let places = |line: &[Mode], mode: Mode| -> Vec<usize> {
            (0..line.len()).filter(|at| line[*at] == mode).collect()
        };
        let (readers, writers) = (places(&self.line, Read), places(&self.line, Write));
        let readers_come = !self.writer && (writers.is_empty() || ended == Some(Write));
        let come = if readers_come && !readers.is_empty() {
            readers
        } else if !self.writer && self.readers == 0 {
            writers.into_iter().take(1).collect()
        } else {
            Vec::new()
        };
        for at in come.iter().rev() {
            let mode = self.line.remove(*at);
            self.add(mode);
        }
        come
    }
}

struct Pair<'a> {
    lock: &'a RawRwLock,
    line: Vec<Place<'a>>,
    model: Model,
}

impl Pair<'_> {
    fn step(&mut self, step: Step) {
        let mut ended = None;
        match step {
            Step::Lock(write) => {
                let mode = if write { Write } else { Read };
                let mut place = Place::new(self.lock, mode);
                let taken = self.lock.take_or_wait(&mut place) == Take::Taken;
                assert_eq!(taken, self.model.takes(mode));
                if !taken {
                    self.line.push(place);
                    self.model.line.push(mode);
                }
            }
            Step::TryLock(write) => {
                let mode = if write { Write } else { Read };
                assert_eq!(self.lock.try_lock(mode), self.model.takes(mode));
            }
            Step::Unlock if self.model.writer => {
                self.lock.unlock(Write);
                self.model.writer = false;
                ended = Some(Write);
            }
            Step::Unlock if self.model.readers > 0 => {
                self.lock.unlock(Read);
                self.model.readers -= 1;
            }
            Step::Downgrade if self.model.writer => {
                self.lock.downgrade();
                (self.model.writer, self.model.readers) = (false, 1);
                ended = Some(Write);
            }
            Step::GiveUp(place) if !self.line.is_empty() => {
                let place = place % self.line.len();
                drop(self.line.remove(place));
                self.model.line.remove(place);
            }
            Step::Unlock | Step::Downgrade | Step::GiveUp(_) => {}
        }
        self.compare(ended);
    }

    fn compare(&mut self, ended: Option<Mode>) {
        let come = self.model.settle(ended);
        for (number, place) in self.line.iter().enumerate() {
            assert_eq!(is_in(place), come.contains(&number));
        }
        for at in come.into_iter().rev() {
            enter(self.line.remove(at));
        }
        let is_writer = matches!(self.lock.word.holders(), Holders::Writer(_));
        let is_read = self.lock.word.holders() == Holders::Readers;
        assert_eq!(is_writer, self.model.writer);
        assert_eq!(is_read, self.model.readers > 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 512 }))]
    #[test]
    fn behaves_like_phases_on_paper(steps in prop::collection::vec(step(), 1..60)) {
        let lock = RawRwLock::new();
        let mut pair = Pair { lock: &lock, line: Vec::new(), model: Model::default() };
        for step in steps {
            pair.step(step);
        }
    }
}

/// Tasks whose runtime ends while they wait, beside a thread that waits behind them.
mod leftover {
    use super::*;
    use crate::spawn;
    use crate::task::place::trial::{leave_one, stop, until, until_parked};
    use std::sync::Arc;
    use std::thread;

    /// A task that wants the lock, and is not to get so far.
    fn task(lock: &Arc<RawRwLock>, mode: Mode) {
        let locked = Arc::clone(lock);
        let task = spawn(move || locked.lock(mode)).id();
        until_parked(task, lock.address());
    }

    /// A thread that takes the lock when it can; lined up already.
    fn thread(lock: &Arc<RawRwLock>, mode: Mode) -> thread::JoinHandle<()> {
        let locked = Arc::clone(lock);
        let waiting = |lock: &RawRwLock| lock.with_queues(|queues| queues.line(mode).len());
        let before = waiting(lock);
        let thread = thread::spawn(move || {
            locked.lock(mode);
            locked.unlock(mode);
        });
        until(|| waiting(lock) > before);
        thread
    }

    #[test]
    #[cfg_attr(
        miri,
        ignore = "a whole runtime may take minutes there; see the mutex's"
    )]
    fn a_writer_that_waits_is_forgotten_and_stops_no_reader() {
        let lock = Arc::new(RawRwLock::new());
        lock.lock(Read);
        let shared = Arc::clone(&lock);
        let behind = leave_one(move || {
            task(&shared, Write);
            thread(&shared, Read)
        });
        behind.join().unwrap();
        lock.unlock(Read);
        assert!(lock.try_lock(Write));
    }

    #[test]
    #[cfg_attr(
        miri,
        ignore = "a whole runtime may take minutes there; see the mutex's"
    )]
    fn a_writer_that_was_let_in_and_has_not_run_passes_the_lock_on() {
        let lock = Arc::new(RawRwLock::new());
        let behind = leave_one(move || {
            lock.lock(Read);
            task(&lock, Write);
            let behind = thread(&lock, Read);
            stop();
            lock.unlock(Read);
            behind
        });
        behind.join().unwrap();
    }

    #[test]
    #[cfg_attr(
        miri,
        ignore = "a whole runtime may take minutes there; see the mutex's"
    )]
    fn a_reader_that_was_let_in_and_has_not_run_leaves() {
        let lock = Arc::new(RawRwLock::new());
        let behind = leave_one(move || {
            lock.lock(Write);
            task(&lock, Read);
            let behind = thread(&lock, Write);
            stop();
            lock.unlock(Write);
            behind
        });
        behind.join().unwrap();
    }
}
