//! Steps of the semaphore's protocol that a test from outside cannot force: who is given what,
//! and what becomes of it when a waiter leaves.

use proptest::prelude::*;

use super::*;

/// A task that has found too few permits and is about to park.
fn waiting(semaphore: &RawSemaphore, permits: usize) -> Place<'_> {
    let mut place = Place::new(semaphore, permits);
    let look = semaphore.acquire_or_wait(&mut place);
    assert!(matches!(look, Look::Wait));
    place
}

fn is_served(place: &Place<'_>) -> bool {
    let ticket = place.ticket.expect("it waits");
    place
        .semaphore
        .with_queue(|queue| !queue.waiting.holds(ticket))
}

fn take(mut place: Place<'_>) {
    let look = place.semaphore.acquire_or_wait(&mut place);
    assert!(matches!(look, Look::Acquired));
}

#[test]
fn a_large_request_is_not_overtaken_by_small_ones() {
    let semaphore = RawSemaphore::new(2);
    let (large, small) = (waiting(&semaphore, 3), waiting(&semaphore, 1));
    assert_eq!(semaphore.try_acquire(1), Err(TryAcquireError::NoPermits));
    semaphore.release(1);
    assert!(is_served(&large) && !is_served(&small));
    take(large);
    semaphore.release(1);
    take(small);
    assert_eq!(semaphore.free(), 0);
    semaphore.release(2);
    assert_eq!(semaphore.try_acquire(2), Ok(()), "nobody waits any more");
}

#[test]
fn one_release_serves_all_for_whom_it_is_enough() {
    let semaphore = RawSemaphore::new(0);
    let places = [1, 2, 3, 1].map(|permits| waiting(&semaphore, permits));
    semaphore.release(5);
    assert_eq!(places.each_ref().map(is_served), [true, true, false, false]);
    assert_eq!(semaphore.free(), 2, "they are kept for the third");
    assert_eq!(semaphore.try_acquire(1), Err(TryAcquireError::NoPermits));
}

#[test]
fn a_large_request_that_leaves_lets_those_behind_it_through() {
    let semaphore = RawSemaphore::new(2);
    let (large, small) = (waiting(&semaphore, 3), waiting(&semaphore, 2));
    drop(large);
    assert!(is_served(&small));
}

#[test]
fn a_waiter_that_leaves_with_permits_in_hand_gives_them_to_the_next() {
    let semaphore = RawSemaphore::new(0);
    let (first, second) = (waiting(&semaphore, 1), waiting(&semaphore, 1));
    semaphore.release(1);
    assert!(is_served(&first));
    drop(first);
    assert!(is_served(&second));
}

#[test]
fn the_last_waiter_that_leaves_makes_releasing_cheap_again() {
    let semaphore = RawSemaphore::new(0);
    drop(waiting(&semaphore, 1));
    assert!(!semaphore.word.give(1), "nobody waits");
}

#[test]
fn closing_ends_waits_but_takes_nothing_back() {
    let semaphore = RawSemaphore::new(0);
    let (served, mut waits) = (waiting(&semaphore, 1), waiting(&semaphore, 1));
    semaphore.release(1);
    semaphore.close();
    semaphore.release(1);
    assert!(!is_served(&waits));
    assert!(matches!(
        semaphore.acquire_or_wait(&mut waits),
        Look::Closed
    ));
    take(served);
    assert_eq!(semaphore.free(), 1);
}

#[test]
fn destroyed_permits_make_room_for_new_ones() {
    let semaphore = RawSemaphore::new(MAX_PERMITS);
    assert!(!semaphore.add(1));
    assert_eq!(semaphore.remove(1), 1);
    assert!(semaphore.add(1));
    assert_eq!(semaphore.try_acquire(MAX_PERMITS), Ok(()));
    assert!(!semaphore.add(1), "acquired permits count too");
    semaphore.forget_acquired(MAX_PERMITS);
    assert_eq!(semaphore.remove(1), 0);
    assert!(semaphore.add(5));
    assert_eq!(semaphore.free(), 5);
}

/// What a random user does.
#[derive(Clone, Debug)]
enum Step {
    Acquire(usize),
    TryAcquire(usize),
    Release(usize),
    /// The waiter at this place in the line, modulo its length, leaves.
    Leave(usize),
    Add(usize),
    Remove(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..5_usize).prop_map(Step::Acquire),
        (0..5_usize).prop_map(Step::TryAcquire),
        (0..8_usize).prop_map(Step::Release),
        (0..8_usize).prop_map(Step::Leave),
        (0..4_usize).prop_map(Step::Add),
        (0..4_usize).prop_map(Step::Remove),
    ]
}

/// The semaphore that one would write on paper: a number and a line.
#[derive(Default)]
struct Model {
    free: usize,
    acquired: usize,
    line: Vec<usize>,
}

impl Model {
    /// Those in front who are served now; how many.
    fn settle(&mut self) -> usize {
        let mut served = 0;
        while self.line.first().is_some_and(|wanted| *wanted <= self.free) {
            let wanted = self.line.remove(0);
            self.free -= wanted;
            self.acquired += wanted;
            served += 1;
        }
        served
    }

    fn takes(&mut self, permits: usize) -> bool {
        let takes = permits == 0 || (self.line.is_empty() && permits <= self.free);
        if takes {
            self.free -= permits;
            self.acquired += permits;
        }
        takes
    }
}

/// The semaphore, its users who wait, and the model.
struct Pair<'a> {
    semaphore: &'a RawSemaphore,
    line: Vec<Place<'a>>,
    model: Model,
}

impl Pair<'_> {
    fn step(&mut self, step: &Step) {
        match *step {
            Step::Acquire(permits) => {
                let mut place = Place::new(self.semaphore, permits);
                let acquired = matches!(self.semaphore.acquire_or_wait(&mut place), Look::Acquired);
                assert_eq!(acquired, self.model.takes(permits));
                if !acquired {
                    self.line.push(place);
                    self.model.line.push(permits);
                }
            }
            Step::TryAcquire(permits) => {
                let acquired = self.semaphore.try_acquire(permits).is_ok();
                assert_eq!(acquired, self.model.takes(permits));
            }
            Step::Release(permits) => {
                let permits = permits.min(self.model.acquired);
                self.semaphore.release(permits);
                self.model.acquired -= permits;
                self.model.free += permits;
            }
            Step::Leave(_) if self.line.is_empty() => {}
            Step::Leave(place) => {
                let place = place % self.line.len();
                drop(self.line.remove(place));
                self.model.line.remove(place);
            }
            Step::Add(permits) => {
                assert!(self.semaphore.add(permits));
                self.model.free += permits;
            }
            Step::Remove(permits) => {
                let removed = permits.min(self.model.free);
                assert_eq!(self.semaphore.remove(permits), removed);
                self.model.free -= removed;
            }
        }
        self.compare();
    }

    fn compare(&mut self) {
        let served = self.model.settle();
        for (number, place) in self.line.iter().enumerate() {
            assert_eq!(is_served(place), number < served);
        }
        self.line.drain(..served).for_each(take);
        assert_eq!(self.semaphore.free(), self.model.free);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 512 }))]
    #[test]
    fn behaves_like_a_number_and_a_line(
        permits in 0..6_usize,
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let semaphore = RawSemaphore::new(permits);
        let mut pair = Pair {
            semaphore: &semaphore,
            line: Vec::new(),
            model: Model { free: permits, ..Model::default() },
        };
        for step in &steps {
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

    fn acquire(semaphore: &RawSemaphore, permits: usize) {
        semaphore.acquire(permits, Until::FOREVER).unwrap();
    }

    /// A task that waits for permits, and is not to get so far.
    fn task(semaphore: &Arc<RawSemaphore>, permits: usize) {
        let acquired = Arc::clone(semaphore);
        let task = spawn(move || acquire(&acquired, permits)).id();
        until_parked(task, semaphore.address());
    }

    /// A thread that waits for one permit; lined up already.
    fn thread(semaphore: &Arc<RawSemaphore>) -> thread::JoinHandle<()> {
        let acquired = Arc::clone(semaphore);
        let waiting = |semaphore: &RawSemaphore| semaphore.with_queue(|queue| queue.waiting.len());
        let before = waiting(semaphore);
        let thread = thread::spawn(move || acquire(&acquired, 1));
        until(|| waiting(semaphore) > before);
        thread
    }

    #[test]
    #[cfg_attr(
        miri,
        ignore = "a whole runtime may take minutes there; see the mutex's"
    )]
    fn one_that_wants_much_is_forgotten_and_holds_nobody_up() {
        let semaphore = Arc::new(RawSemaphore::new(1));
        let behind = leave_one(move || {
            task(&semaphore, 2);
            thread(&semaphore)
        });
        behind.join().unwrap();
    }

    #[test]
    #[cfg_attr(
        miri,
        ignore = "a whole runtime may take minutes there; see the mutex's"
    )]
    fn one_that_was_given_permits_and_has_not_run_passes_them_on() {
        let semaphore = Arc::new(RawSemaphore::new(0));
        let behind = leave_one(move || {
            task(&semaphore, 1);
            let behind = thread(&semaphore);
            stop();
            semaphore.release(1);
            behind
        });
        behind.join().unwrap();
    }
}
