//! The run queue of a processor: a bounded ring and, before it, the next slot.
//!
//! The owner pushes at the tail and pops at the head, thieves take half from the head. The
//! algorithm is that of Go's `runqput`, `runqget` and `runqgrab`: slots are atomics, a taker
//! copies them first and then moves the head by one compare-exchange, which fails if anyone
//! took in between.
//!
//! The next slot holds the task that was made runnable last: it shares the waker's cache.
//! Only the owner puts a task in; owner and thieves take it out. It never allocates, never
//! waits and never wakes a worker: that is the caller's part.

use std::ptr;

use crossbeam_utils::CachePadded;

use crate::primitive::atomic::{AtomicPtr, AtomicU32, Ordering};

/// Tasks that the ring holds.
#[cfg(not(loom))]
pub(crate) const CAPACITY: usize = 256;
/// Small enough to be modelled.
#[cfg(loom)]
pub(crate) const CAPACITY: usize = 4;

const MASK: u32 = CAPACITY as u32 - 1;

/// Tasks that one steal or one overflow moves at most.
pub(crate) const HALF: usize = CAPACITY / 2;

/// A ring of references and a next slot. See the file's description for who may do what.
#[derive(Debug)]
pub(crate) struct RunQueue<T: 'static> {
    head: CachePadded<AtomicU32>,
    tail: CachePadded<AtomicU32>,
    next: AtomicPtr<T>,
    slots: Box<[AtomicPtr<T>]>,
}

/// Tasks that did not fit: half of the ring and the one that was pushed.
#[derive(Debug)]
pub(crate) struct Overflow<T: 'static>(pub(crate) Vec<&'static T>);

impl<T: Sync + 'static> RunQueue<T> {
    pub(crate) fn new() -> Self {
        Self {
            head: CachePadded::new(AtomicU32::new(0)),
            tail: CachePadded::new(AtomicU32::new(0)),
            next: AtomicPtr::new(ptr::null_mut()),
            slots: (0..CAPACITY)
                .map(|_| AtomicPtr::new(ptr::null_mut()))
                .collect(),
        }
    }

    /// Owner: puts a task into the next slot; returns the one that was there.
    #[inline]
    pub(crate) fn replace_next(&self, task: &'static T) -> Option<&'static T> {
        // An empty slot stays empty: only this thread fills it. So no swap is needed.
        if self.next.load(Ordering::Relaxed).is_null() {
            self.next.store(pointer(task), Ordering::Release);
            return None;
        }
        reference(self.next.swap(pointer(task), Ordering::AcqRel))
    }

    /// Owner: takes the task of the next slot.
    #[inline]
    pub(crate) fn take_next(&self) -> Option<&'static T> {
        if self.next.load(Ordering::Relaxed).is_null() {
            return None;
        }
        reference(self.next.swap(ptr::null_mut(), Ordering::Acquire))
    }

    /// Thief: takes the task of the next slot.
    pub(crate) fn steal_next(&self) -> Option<&'static T> {
        self.take_next()
    }

    /// Whether the next slot holds a task; a guess for all but the owner.
    pub(crate) fn has_next(&self) -> bool {
        !self.next.load(Ordering::Relaxed).is_null()
    }

    /// Tasks in the ring; a guess for all but the owner.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        let head = self.head.load(Ordering::Acquire);
        let tail = self.tail.load(Ordering::Acquire);
        (tail.wrapping_sub(head) as usize).min(CAPACITY)
    }

    /// Owner: appends a task; a full ring gives back half of itself and the task.
    #[inline]
    pub(crate) fn push_back(&self, task: &'static T) -> Result<(), Overflow<T>> {
        loop {
            // Acquire: pairs with a taker's release, whose copy of a slot must come before
            // our reuse of it.
            let head = self.head.load(Ordering::Acquire);
            let tail = self.tail.load(Ordering::Relaxed);
            if (tail.wrapping_sub(head) as usize) < CAPACITY {
                self.slot(tail).store(pointer(task), Ordering::Relaxed);
                // Release: the slot and the task before it, for takers' acquire.
                self.tail.store(tail.wrapping_add(1), Ordering::Release);
                return Ok(());
            }
            if let Some(overflow) = self.take_half_for_overflow(head, task) {
                return Err(overflow);
            }
        }
    }

    /// Owner: takes the oldest task.
    #[inline]
    pub(crate) fn pop(&self) -> Option<&'static T> {
        let mut head = self.head.load(Ordering::Acquire);
        loop {
            if head == self.tail.load(Ordering::Relaxed) {
                return None;
            }
            let task = self.slot(head).load(Ordering::Relaxed);
            let next = head.wrapping_add(1);
            match self
                .head
                .compare_exchange_weak(head, next, Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(_) => return reference(task),
                Err(seen) => head = seen,
            }
        }
    }

    /// Thief: moves half of this ring into `thief`'s, whose owner the caller is and which
    /// must be empty; returns one of the tasks to run at once.
    pub(crate) fn steal_half_into(&self, thief: &Self) -> Option<&'static T> {
        let thief_tail = thief.tail.load(Ordering::Relaxed);
        debug_assert_eq!(thief.len(), 0);
        let taken = self.copy_half(thief, thief_tail)?;
        let last = thief_tail.wrapping_add(taken - 1);
        let task = reference(thief.slot(last).load(Ordering::Relaxed));
        thief.tail.store(last, Ordering::Release);
        task
    }

    /// Copies half of the ring behind `thief_tail` and claims it; `None` if it is empty.
    fn copy_half(&self, thief: &Self, thief_tail: u32) -> Option<u32> {
        loop {
            let head = self.head.load(Ordering::Acquire);
            let tail = self.tail.load(Ordering::Acquire);
            let length = tail.wrapping_sub(head);
            if length == 0 {
                return None;
            }
            let taken = length - length / 2;
            if taken as usize > HALF {
                // Head and tail are from different times.
                continue;
            }
            for offset in 0..taken {
                let task = self.slot(head.wrapping_add(offset)).load(Ordering::Relaxed);
                thief
                    .slot(thief_tail.wrapping_add(offset))
                    .store(task, Ordering::Relaxed);
            }
            let next = head.wrapping_add(taken);
            // Release: our copies come before the owner's reuse of the slots.
            let claim = self
                .head
                .compare_exchange(head, next, Ordering::AcqRel, Ordering::Relaxed);
            if claim.is_ok() {
                return Some(taken);
            }
        }
    }

    #[cold]
    fn take_half_for_overflow(&self, head: u32, task: &'static T) -> Option<Overflow<T>> {
        let mut tasks = Vec::with_capacity(HALF + 1);
        for offset in 0..HALF as u32 {
            let slot = self.slot(head.wrapping_add(offset));
            tasks.extend(reference(slot.load(Ordering::Relaxed)));
        }
        let next = head.wrapping_add(HALF as u32);
        let claim = self
            .head
            .compare_exchange(head, next, Ordering::AcqRel, Ordering::Relaxed);
        claim.ok()?;
        tasks.push(task);
        Some(Overflow(tasks))
    }

    fn slot(&self, index: u32) -> &AtomicPtr<T> {
        &self.slots[(index & MASK) as usize]
    }
}

fn pointer<T>(task: &'static T) -> *mut T {
    ptr::from_ref(task).cast_mut()
}

fn reference<T>(task: *mut T) -> Option<&'static T> {
    // SAFETY: a pointer here is null or was made from a `&'static T` by `pointer`.
    unsafe { task.as_ref() }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    static NUMBERS: [usize; CAPACITY + 1] = {
        let mut numbers = [0; CAPACITY + 1];
        let mut number = 0;
        while number <= CAPACITY {
            numbers[number] = number;
            number += 1;
        }
        numbers
    };

    fn task(number: usize) -> &'static usize {
        &NUMBERS[number]
    }

    #[test]
    fn pops_in_the_order_of_pushes() {
        let queue = RunQueue::new();
        for number in 0..10 {
            queue.push_back(task(number)).unwrap();
        }
        let popped: Vec<usize> = std::iter::from_fn(|| queue.pop().copied()).collect();
        assert_eq!(popped, (0..10).collect::<Vec<_>>());
    }

    #[test]
    fn a_full_ring_gives_back_its_older_half_and_the_new_task() {
        let queue = RunQueue::new();
        for number in 0..CAPACITY {
            queue.push_back(task(number)).unwrap();
        }
        let overflow = queue.push_back(task(CAPACITY)).unwrap_err().0;
        let numbers: Vec<usize> = overflow.into_iter().copied().collect();
        let expected: Vec<usize> = (0..HALF).chain([CAPACITY]).collect();
        assert_eq!(numbers, expected);
        assert_eq!(queue.len(), CAPACITY - HALF);
    }

    #[test]
    fn a_thief_takes_the_older_half_rounded_up() {
        let (victim, thief) = (RunQueue::new(), RunQueue::new());
        for number in 0..5 {
            victim.push_back(task(number)).unwrap();
        }
        assert_eq!(victim.steal_half_into(&thief), Some(&2));
        assert_eq!((victim.len(), thief.len()), (2, 2));
        assert_eq!(thief.pop(), Some(&0));
        assert_eq!(victim.pop(), Some(&3));
    }

    #[test]
    fn the_next_slot_holds_one_task() {
        let queue = RunQueue::new();
        assert_eq!(queue.replace_next(task(1)), None);
        assert_eq!(queue.replace_next(task(2)), Some(&1));
        assert_eq!(queue.steal_next(), Some(&2));
        assert_eq!(queue.take_next(), None);
    }

    #[test]
    fn indices_may_wrap() {
        let queue = RunQueue::new();
        let start = u32::MAX - 2;
        queue.head.store(start, Ordering::Relaxed);
        queue.tail.store(start, Ordering::Relaxed);
        for number in 0..8 {
            queue.push_back(task(number)).unwrap();
        }
        let popped: Vec<usize> = std::iter::from_fn(|| queue.pop().copied()).collect();
        assert_eq!(popped, (0..8).collect::<Vec<_>>());
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use crate::primitive::{Arc, thread};

    static TASKS: [usize; 8] = [0, 1, 2, 3, 4, 5, 6, 7];

    fn drain(queue: &RunQueue<usize>, taken: &mut Vec<usize>) {
        taken.extend(std::iter::from_fn(|| queue.pop().copied()));
    }

    fn assert_each_once(mut taken: Vec<usize>, count: usize) {
        taken.sort_unstable();
        assert_eq!(taken, (0..count).collect::<Vec<_>>());
    }

    #[test]
    fn loom_owner_and_thief_share_the_ring_without_loss_or_double() {
        loom::model(|| {
            let victim = Arc::new(RunQueue::new());
            victim.push_back(&TASKS[0]).unwrap();
            victim.push_back(&TASKS[1]).unwrap();
            let thief = {
                let victim = Arc::clone(&victim);
                thread::spawn(move || {
                    let own = RunQueue::new();
                    let mut taken: Vec<usize> =
                        victim.steal_half_into(&own).into_iter().copied().collect();
                    drain(&own, &mut taken);
                    taken
                })
            };
            let mut taken: Vec<usize> = victim.pop().into_iter().copied().collect();
            victim.push_back(&TASKS[2]).unwrap();
            drain(&victim, &mut taken);
            taken.extend(thief.join().unwrap());
            assert_each_once(taken, 3);
        });
    }

    #[test]
    fn loom_an_overflow_races_with_a_thief() {
        loom::model(|| {
            let victim = Arc::new(RunQueue::new());
            for task in &TASKS[..CAPACITY] {
                victim.push_back(task).unwrap();
            }
            let thief = {
                let victim = Arc::clone(&victim);
                thread::spawn(move || {
                    let own = RunQueue::new();
                    let mut taken: Vec<usize> =
                        victim.steal_half_into(&own).into_iter().copied().collect();
                    drain(&own, &mut taken);
                    taken
                })
            };
            let mut taken = Vec::new();
            if let Err(overflow) = victim.push_back(&TASKS[CAPACITY]) {
                taken.extend(overflow.0.into_iter().copied());
            }
            drain(&victim, &mut taken);
            taken.extend(thief.join().unwrap());
            assert_each_once(taken, CAPACITY + 1);
        });
    }

    #[test]
    fn loom_the_next_slot_goes_to_one_taker() {
        loom::model(|| {
            let queue = Arc::new(RunQueue::new());
            assert!(queue.replace_next(&TASKS[0]).is_none());
            let thief = {
                let queue = Arc::clone(&queue);
                thread::spawn(move || queue.steal_next().copied())
            };
            let mut taken: Vec<usize> =
                queue.replace_next(&TASKS[1]).into_iter().copied().collect();
            taken.extend(queue.take_next());
            taken.extend(thief.join().unwrap());
            assert_each_once(taken, 2);
        });
    }
}
