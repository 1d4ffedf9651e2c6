//! The state word of a task slot, and the only code that changes it.
//!
//! ```text
//!              (1) start                    (2) park
//!   Vacant ───────────────▶ Active ───────────────────────▶ Parked
//!     ▲                     │  ▲  │                           │ │
//!     └─────────────────────┘  │  │ (6) abandon               │ │ (6)
//!              (5) end         │  └──────────▶ Abandoned ◀────│─┘
//!                              └──────────────────────────────┘
//!                                          (3) unpark
//! ```
//!
//! | edge | function | probe |
//! |---|---|---|
//! | 1 | [`StateWord::start`], by the spawner | `spawn` |
//! | 2 | [`StateWord::park`], by the worker that has left the task's stack | `park`, by the task just before |
//! | 3 | [`StateWord::unpark`], by the waker, who then owns the task and queues it | `unpark` |
//! | 5 | [`StateWord::end`], by the worker that has left the task's stack for good | `exit`, by the task just before |
//! | 6 | [`StateWord::abandon`], by the thread that ends a runtime | `exit` |
//!
//! | state | owns the stack and the record's plain fields | queued |
//! |---|---|---|
//! | Vacant | whoever took the slot from a free list | no |
//! | Active | the run queue or worker that holds the task; exactly one | if not running |
//! | Parked | nobody; the winner of edge 3 or 6 becomes the owner | no |
//! | Abandoned | nobody, for ever: stack and slot are leaked | no, or ignored there |
//!
//! Somebody who wants to look at what a parked task has on its stack marks it as *inspected*
//! ([`StateWord::inspect`]) and owns it for a moment, without waking it. A waker who comes
//! meanwhile leaves a token as for an active task, and the inspector, who finds it at the end,
//! wakes the task in the waker's stead.
//!
//! A task that is *pinned* to its thread ([`StateWord::pin`]) has a bit that says so, which it sets
//! and clears itself. Whoever wakes it, or takes it out of a queue, gives it to that thread instead
//! of running it: `sched/seat.rs`.
//!
//! Queued and running are one state on purpose: a yield, a spawn's first run and a steal
//! change no word, the queue hands the task over. An unpark of an active task leaves a
//! *token*, which its next park consumes at once (4): that park returns early, which parks
//! may do.

use crate::primitive::atomic::{AtomicU64, Ordering, fence};
use crate::primitive::thread;

const LIFE: u64 = 0b11;
const VACANT: u64 = 0;
const ACTIVE: u64 = 1;
const PARKED: u64 = 2;
const ABANDONED: u64 = 3;
const TOKEN: u64 = 0b100;
/// Only with PARKED; and only then PARKED and TOKEN may come together.
const INSPECTED: u64 = 0b1000;
/// Not with VACANT.
const PINNED: u64 = 0b1_0000;
const SEQUENCE_ONE: u64 = 1 << 8;
const SEQUENCE: u64 = 0x00ff_ffff << 8;
const GENERATION_SHIFT: u32 = 32;

/// Generation (32 bits), park sequence (24), pinned (1), inspected (1), token (1), life (2).
#[derive(Debug)]
pub(crate) struct StateWord(AtomicU64);

/// What a slot's task is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    Vacant,
    Active,
    Parked,
    Abandoned,
}

/// One reading of the word; two equal readings of a parked task enclose one park.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct View(u64);

/// What became of a park.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Parking {
    /// Published: the task belongs to whoever unparks it, the caller must not touch it.
    Parked,
    /// A token was there and is consumed: the caller still owns the task and resumes it.
    Token,
}

/// What became of an unpark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Unparking {
    /// The task was parked; the caller owns it now and must queue it.
    Queue,
    /// The same of a pinned task; the caller must call its thread.
    Call,
    /// The task is active, and will find the token; or it is inspected, and the inspector will.
    Noted,
    /// The task has ended.
    Gone,
}

impl View {
    pub(crate) fn generation(self) -> u32 {
        (self.0 >> GENERATION_SHIFT) as u32
    }

    pub(crate) fn life(self) -> Life {
        match self.0 & LIFE {
            VACANT => Life::Vacant,
            ACTIVE => Life::Active,
            PARKED => Life::Parked,
            _ => Life::Abandoned,
        }
    }

    /// Whether the task is pinned to its thread.
    pub(crate) fn is_pinned(self) -> bool {
        self.0 & PINNED != 0
    }

    /// Whether any worker that takes the task out of a queue may run it: it is neither abandoned
    /// nor pinned.
    #[inline]
    pub(crate) fn is_anyones(self) -> bool {
        self.0 & (LIFE | PINNED) == ACTIVE
    }
}

impl StateWord {
    /// A vacant slot of generation 1, so that no task has the id 0.
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(1 << GENERATION_SHIFT | VACANT))
    }

    /// Acquire: pairs with the releases of every transition.
    #[inline]
    pub(crate) fn read(&self) -> View {
        View(self.0.load(Ordering::Acquire))
    }

    /// The end of a read of what lies beside the word: whether it belongs to this view. Acquire
    /// fence: pairs with the release of each store of such data, see `wait_fields.rs`.
    #[inline]
    pub(crate) fn is_still(&self, before: View) -> bool {
        fence(Ordering::Acquire);
        // Relaxed: the fence has ordered it behind what was read.
        View(self.0.load(Ordering::Relaxed)) == before
    }

    /// Edge 1. Returns the task's generation. No race: the caller took the slot from a free
    /// list, and stale wakers compare the generation, which [`StateWord::end`] has moved on.
    #[inline]
    pub(crate) fn start(&self) -> u32 {
        let word = self.0.load(Ordering::Relaxed);
        debug_assert_eq!(word & (LIFE | TOKEN), VACANT);
        self.0.store(word | ACTIVE, Ordering::Release);
        (word >> GENERATION_SHIFT) as u32
    }

    /// Consumes a token if there is one. Acquire: pairs with edge 3's release, so that what
    /// the waker wrote is visible.
    #[inline]
    pub(crate) fn take_token(&self) -> bool {
        self.0.load(Ordering::Relaxed) & TOKEN != 0
            && self.0.fetch_and(!TOKEN, Ordering::Acquire) & TOKEN != 0
    }

    /// Edges 2 and 4. Release: the saved stack and the wait fields become visible to the
    /// waker. Acquire on the token's side, as in [`StateWord::take_token`].
    #[inline]
    pub(crate) fn park(&self) -> Parking {
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            if word & LIFE != ACTIVE {
                return Parking::Token;
            }
            let (next, outcome) = if word & TOKEN != 0 {
                (word & !TOKEN, Parking::Token)
            } else {
                (next_sequence(word) ^ (ACTIVE ^ PARKED), Parking::Parked)
            };
            match self
                .0
                .compare_exchange_weak(word, next, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) => return outcome,
                Err(seen) => word = seen,
            }
        }
    }

    /// Edge 3. Release also where the token is already there: the write of an equal value
    /// continues the release sequence, so a wake-up that coalesces is seen as well.
    #[inline]
    pub(crate) fn unpark(&self, generation: u32) -> Unparking {
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            if (word >> GENERATION_SHIFT) as u32 != generation {
                return Unparking::Gone;
            }
            let (next, outcome) = match word & LIFE {
                PARKED if word & (INSPECTED | PINNED) == 0 => {
                    (word ^ (ACTIVE ^ PARKED), Unparking::Queue)
                }
                PARKED if word & INSPECTED == 0 => (word ^ (ACTIVE ^ PARKED), Unparking::Call),
                PARKED | ACTIVE => (word | TOKEN, Unparking::Noted),
                _ => return Unparking::Gone,
            };
            match self
                .0
                .compare_exchange_weak(word, next, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) => return outcome,
                Err(seen) => word = seen,
            }
        }
    }

    /// The running task pins itself to its thread. Relaxed: whoever wakes it, or finds it in a
    /// queue, has acquired what came after.
    pub(crate) fn pin(&self) {
        self.0.fetch_or(PINNED, Ordering::Relaxed);
    }

    /// The running task may go on anywhere again. Relaxed, as above.
    pub(crate) fn unpin(&self) {
        self.0.fetch_and(!PINNED, Ordering::Relaxed);
    }

    /// Edge 5: the slot is vacant under its next generation. An exchange, although the loop
    /// below hardly ever turns: it puts every stale waker's write before the new generation.
    #[inline]
    pub(crate) fn end(&self) {
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            let generation = ((word >> GENERATION_SHIFT) as u32).wrapping_add(1).max(1);
            let next = u64::from(generation) << GENERATION_SHIFT | word & SEQUENCE | VACANT;
            match self
                .0
                .compare_exchange_weak(word, next, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) => return,
                Err(seen) => word = seen,
            }
        }
    }

    /// Makes the caller the owner of a task that is parked as it was in this view, until it calls
    /// [`StateWord::stop_inspecting`], soon. False if the task is not, or is being inspected.
    /// Acquire: for what the task left on its stack.
    #[must_use]
    pub(crate) fn inspect(&self, view: View) -> bool {
        let word = view.0;
        let is_inspectable = word & (LIFE | TOKEN | INSPECTED) == PARKED;
        is_inspectable
            && self
                .0
                .compare_exchange(word, word | INSPECTED, Ordering::AcqRel, Ordering::Relaxed)
                .is_ok()
    }

    /// Ends an inspection. Whether somebody woke the task meanwhile: then the caller owns it for
    /// good and must queue it. Acquire in that case, as in edge 3.
    #[must_use]
    pub(crate) fn stop_inspecting(&self) -> bool {
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            let is_woken = word & TOKEN != 0;
            let parked = word & !(TOKEN | INSPECTED);
            let next = if is_woken {
                parked ^ (ACTIVE ^ PARKED)
            } else {
                parked
            };
            match self
                .0
                .compare_exchange_weak(word, next, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) => return is_woken,
                Err(seen) => word = seen,
            }
        }
    }

    /// Edge 6. Whether the slot had a task to abandon. Waits for an inspection to end.
    pub(crate) fn abandon(&self) -> bool {
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            if matches!(word & LIFE, VACANT | ABANDONED) {
                return false;
            }
            if word & INSPECTED != 0 {
                thread::yield_now();
                word = self.0.load(Ordering::Relaxed);
                continue;
            }
            let next = (word & !TOKEN) | ABANDONED;
            match self
                .0
                .compare_exchange_weak(word, next, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) => return true,
                Err(seen) => word = seen,
            }
        }
    }
}

fn next_sequence(word: u64) -> u64 {
    (word & !SEQUENCE) | (word.wrapping_add(SEQUENCE_ONE) & SEQUENCE)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn started() -> (StateWord, u32) {
        let word = StateWord::new();
        let generation = word.start();
        (word, generation)
    }

    #[test]
    fn an_unpark_before_the_park_makes_it_return_at_once() {
        let (word, generation) = started();
        assert_eq!(word.unpark(generation), Unparking::Noted);
        assert_eq!(word.unpark(generation), Unparking::Noted);
        assert_eq!(word.park(), Parking::Token);
        assert_eq!(word.park(), Parking::Parked);
    }

    #[test]
    fn one_unpark_of_a_parked_task_owns_it() {
        let (word, generation) = started();
        assert_eq!(word.park(), Parking::Parked);
        assert_eq!(word.unpark(generation), Unparking::Queue);
        assert_eq!(word.unpark(generation), Unparking::Noted);
        assert!(word.take_token());
        assert!(!word.take_token());
    }

    #[test]
    fn who_wakes_a_pinned_task_calls_its_thread() {
        let (word, generation) = started();
        word.pin();
        assert!(!word.read().is_anyones());
        assert_eq!(word.park(), Parking::Parked);
        assert_eq!(word.unpark(generation), Unparking::Call);
        assert!(word.read().is_pinned());
        word.unpin();
        assert!(word.read().is_anyones());
        assert_eq!(word.park(), Parking::Parked);
        assert_eq!(word.unpark(generation), Unparking::Queue);
        word.pin();
        word.end();
        word.start();
        assert!(word.read().is_anyones(), "the next task of the slot");
    }

    #[test]
    fn a_stale_id_wakes_nobody() {
        let (word, generation) = started();
        word.end();
        assert_eq!(word.unpark(generation), Unparking::Gone);
        let next = word.start();
        assert_eq!(next, generation + 1);
        assert_eq!(word.unpark(generation), Unparking::Gone);
        assert!(!word.take_token());
    }

    #[test]
    fn every_park_has_its_own_view() {
        let (word, generation) = started();
        assert_eq!(word.park(), Parking::Parked);
        let first = word.read();
        assert_eq!(word.unpark(generation), Unparking::Queue);
        assert_eq!(word.park(), Parking::Parked);
        assert_ne!(word.read(), first);
        assert_eq!(word.read().life(), Life::Parked);
    }

    #[test]
    fn an_inspector_passes_on_a_wake_up_that_came_meanwhile() {
        let (word, generation) = started();
        assert!(!word.inspect(word.read()), "it is active");
        assert_eq!(word.park(), Parking::Parked);
        let view = word.read();
        assert!(word.inspect(view));
        assert!(!word.inspect(view) && !word.inspect(word.read()));
        assert_eq!(word.read().life(), Life::Parked);
        assert!(!word.stop_inspecting());
        assert!(word.read() == view, "nothing has changed");
        assert!(word.inspect(view));
        assert_eq!(word.unpark(generation), Unparking::Noted);
        assert!(word.stop_inspecting());
        assert_eq!(word.park(), Parking::Parked, "the token is used up");
    }

    #[test]
    fn an_abandoned_task_is_never_woken() {
        let (word, generation) = started();
        assert_eq!(word.park(), Parking::Parked);
        assert!(word.abandon());
        assert!(!word.abandon());
        assert_eq!(word.unpark(generation), Unparking::Gone);
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use crate::primitive::{Arc, UnsafeCell, thread};

    struct Model {
        word: StateWord,
        stack: UnsafeCell<u32>,
        message: UnsafeCell<u32>,
    }
    // SAFETY: the model checks every access of the cells itself.
    unsafe impl Sync for Model {}
    // SAFETY: as above.
    unsafe impl Send for Model {}

    fn model() -> Arc<Model> {
        Arc::new(Model {
            word: StateWord::new(),
            stack: UnsafeCell::new(0),
            message: UnsafeCell::new(0),
        })
    }

    /// Touches the stack as its owner; loom reports a second owner.
    fn own_stack(model: &Model) {
        // SAFETY: the state word gives the stack to one thread at a time; loom checks it.
        model.stack.with_mut(|stack| unsafe { *stack += 1 });
    }

    #[test]
    fn loom_a_parked_stack_has_one_owner_and_no_wake_up_is_lost() {
        loom::model(|| {
            let model = model();
            let generation = model.word.start();
            let waker = {
                let model = Arc::clone(&model);
                thread::spawn(move || {
                    // SAFETY: read only after the wake-up below; loom checks it.
                    model.message.with_mut(|message| unsafe { *message = 7 });
                    let outcome = model.word.unpark(generation);
                    if outcome == Unparking::Queue {
                        own_stack(&model);
                    }
                    outcome
                })
            };
            own_stack(&model);
            let parking = model.word.park();
            if parking == Parking::Token {
                own_stack(&model);
                // SAFETY: the token came after the write; loom checks it.
                assert_eq!(model.message.with(|message| unsafe { *message }), 7);
            }
            let outcome = waker.join().unwrap();
            match parking {
                Parking::Token => assert_eq!(outcome, Unparking::Noted),
                Parking::Parked => assert_eq!(outcome, Unparking::Queue),
            }
        });
    }

    #[test]
    fn loom_a_parked_stack_has_one_owner_also_while_it_is_inspected() {
        loom::model(|| {
            let model = model();
            let generation = model.word.start();
            own_stack(&model);
            assert_eq!(model.word.park(), Parking::Parked);
            let view = model.word.read();
            let inspector = {
                let model = Arc::clone(&model);
                thread::spawn(move || {
                    if !model.word.inspect(view) {
                        return false;
                    }
                    own_stack(&model);
                    let is_woken = model.word.stop_inspecting();
                    if is_woken {
                        own_stack(&model);
                    }
                    is_woken
                })
            };
            let outcome = model.word.unpark(generation);
            if outcome == Unparking::Queue {
                own_stack(&model);
            }
            let inspector_queues = inspector.join().unwrap();
            assert_eq!(inspector_queues, outcome == Unparking::Noted);
            assert_eq!(model.word.read().life(), Life::Active);
        });
    }

    #[test]
    fn loom_an_inspected_task_is_abandoned_afterwards() {
        loom::model(|| {
            let model = model();
            model.word.start();
            assert_eq!(model.word.park(), Parking::Parked);
            let view = model.word.read();
            let inspector = {
                let model = Arc::clone(&model);
                thread::spawn(move || {
                    if model.word.inspect(view) {
                        own_stack(&model);
                        assert!(!model.word.stop_inspecting());
                    }
                })
            };
            assert!(model.word.abandon());
            own_stack(&model);
            inspector.join().unwrap();
        });
    }

    #[test]
    fn loom_a_wake_up_that_coalesces_is_seen_when_the_token_is_taken() {
        loom::model(|| {
            let model = model();
            let generation = model.word.start();
            // The token is there already: what follows coalesces with it.
            assert_eq!(model.word.unpark(generation), Unparking::Noted);
            let flag = Arc::new(AtomicU64::new(0));
            let waker = {
                let (model, flag) = (Arc::clone(&model), Arc::clone(&flag));
                thread::spawn(move || {
                    // SAFETY: read only after the wake-up was seen; loom checks it.
                    model.message.with_mut(|message| unsafe { *message = 7 });
                    let outcome = model.word.unpark(generation);
                    // Relaxed: carries no order of its own.
                    flag.store(1, Ordering::Relaxed);
                    outcome
                })
            };
            let woken = flag.load(Ordering::Relaxed) == 1;
            let took = model.word.take_token();
            if woken && took {
                // SAFETY: the token carries the coalesced wake-up's order; loom checks it.
                assert_eq!(model.message.with(|message| unsafe { *message }), 7);
            }
            assert_eq!(waker.join().unwrap(), Unparking::Noted);
        });
    }

    #[test]
    fn loom_an_unpark_races_with_the_end() {
        loom::model(|| {
            let model = model();
            let generation = model.word.start();
            let waker = {
                let model = Arc::clone(&model);
                thread::spawn(move || model.word.unpark(generation))
            };
            model.word.end();
            let next = model.word.start();
            assert_ne!(next, generation);
            assert_ne!(waker.join().unwrap(), Unparking::Queue);
            assert!(
                !model.word.take_token(),
                "a stale wake-up reached the next task"
            );
        });
    }
}
