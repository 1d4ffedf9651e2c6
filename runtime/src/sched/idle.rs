//! Who sleeps and who searches: the shared half of the idle and wake protocol.
//!
//! The protocol, both sides as numbered steps, is in `sched/README.md`. This file holds the
//! counts and the list of sleepers; it never parks a thread and never looks into a queue.

use crate::primitive::{
    Mutex, MutexGuard,
    atomic::{AtomicU64, AtomicUsize, Ordering, fence},
};

const SEARCHING_ONE: usize = 1;
const SEARCHING: usize = 0xffff;
const SLEEPING_ONE: usize = 1 << 16;

/// Searching workers (16 bits) and sleeping ones, and which ones sleep.
#[derive(Debug)]
pub(crate) struct Idle {
    counts: AtomicUsize,
    /// When the keeper wakes by itself; `u64::MAX` if there is none. A copy for busy workers.
    keeper_until_ns: AtomicU64,
    sleepers: Mutex<Sleepers>,
}

#[derive(Debug)]
struct Sleepers {
    workers: Vec<usize>,
    /// The one that waits with a timeout, for all timers. Claimed when no other is left.
    keeper: Option<usize>,
    /// The one that waits for the descriptors of all, and is woken through one. Claimed last.
    seated: Option<usize>,
}

const NEVER: u64 = u64::MAX;

/// How a sleeper that wakes by itself leaves the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Cancelled {
    /// It was still in the list; it is counted as searching now.
    Alone,
    /// A waker had claimed it: it is counted as searching, and its permit is there or about
    /// to be; it must be consumed.
    Claimed,
}

impl Idle {
    pub(crate) fn new() -> Self {
        let sleepers = Sleepers {
            workers: Vec::new(),
            keeper: None,
            seated: None,
        };
        Self {
            counts: AtomicUsize::new(0),
            keeper_until_ns: AtomicU64::new(NEVER),
            sleepers: Mutex::new(sleepers),
        }
    }

    /// Submitter's steps 2 and 3: chooses a sleeper to wake, if one sleeps and nobody searches.
    /// The caller unparks it; it is counted as searching already.
    pub(crate) fn claim(&self) -> Option<usize> {
        // Step 2, pairs with the sleeper's step 3: either we see it sleeping, or it sees the
        // task that was queued before this fence.
        fence(Ordering::SeqCst);
        if !is_wake_wanted(self.counts.load(Ordering::Relaxed)) {
            return None;
        }
        let mut sleepers = self.lock();
        if !is_wake_wanted(self.counts.load(Ordering::Relaxed)) {
            return None;
        }
        let place = sleepers.place_to_claim()?;
        Some(self.remove(&mut sleepers, place))
    }

    /// Chooses any sleeper, whoever searches: for the end of a runtime.
    pub(crate) fn claim_any(&self) -> Option<usize> {
        let mut sleepers = self.lock();
        let place = sleepers.place_to_claim()?;
        Some(self.remove(&mut sleepers, place))
    }

    /// Sleeper's step 1: begins to search unless half of the workers do.
    #[must_use]
    pub(crate) fn start_searching(&self, workers: usize) -> bool {
        // A guess is enough: the bound saves power, nothing depends on it.
        if 2 * (self.counts.load(Ordering::Relaxed) & SEARCHING) >= workers {
            return false;
        }
        self.counts.fetch_add(SEARCHING_ONE, Ordering::SeqCst);
        true
    }

    /// A searcher found a task. Whether it was the last one: then it must look for more work
    /// and wake another, because submitters relied on it.
    #[must_use]
    pub(crate) fn stop_searching(&self) -> bool {
        let before = self.counts.fetch_sub(SEARCHING_ONE, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        before & SEARCHING == 1
    }

    /// Sleeper's steps 2 and 3: enters the list, and stops searching in the same change.
    /// What the caller reads of the queues afterwards is ordered after it.
    pub(crate) fn register(&self, worker: usize, searching: bool) {
        let mut sleepers = self.lock();
        sleepers.workers.push(worker);
        let searched = if searching { SEARCHING_ONE } else { 0 };
        self.counts
            .fetch_add(SLEEPING_ONE.wrapping_sub(searched), Ordering::SeqCst);
        drop(sleepers);
        // Step 3, pairs with the submitter's step 2.
        fence(Ordering::SeqCst);
    }

    /// Sleeper's step 5: leaves the list by itself, as a searcher.
    pub(crate) fn cancel(&self, worker: usize) -> Cancelled {
        let mut sleepers = self.lock();
        let Some(place) = sleepers
            .workers
            .iter()
            .position(|sleeper| *sleeper == worker)
        else {
            return Cancelled::Claimed;
        };
        self.remove(&mut sleepers, place);
        Cancelled::Alone
    }

    /// Sleeper's step 4: offers to wake at `until_ns` for all timers. Whether it is to; if
    /// not, another sleeper wakes no later, or the caller has been claimed.
    pub(crate) fn offer_to_keep(&self, worker: usize, until_ns: u64) -> bool {
        let mut sleepers = self.lock();
        let is_wanted = until_ns < self.keeper_until_ns() && sleepers.workers.contains(&worker);
        if is_wanted {
            sleepers.keeper = Some(worker);
            self.keeper_until_ns.store(until_ns, Ordering::Relaxed);
        }
        is_wanted
    }

    /// A sleeper waits in the poller from now on: others are to be woken before it is.
    pub(crate) fn note_seat(&self, worker: usize) {
        self.lock().seated = Some(worker);
    }

    /// When the keeper wakes by itself.
    pub(crate) fn keeper_until_ns(&self) -> u64 {
        self.keeper_until_ns.load(Ordering::Relaxed)
    }

    /// A worker that ends while it searches.
    pub(crate) fn forget_searcher(&self) {
        self.counts.fetch_sub(SEARCHING_ONE, Ordering::SeqCst);
    }

    /// Workers that sleep; a guess.
    pub(crate) fn sleeping(&self) -> usize {
        self.counts.load(Ordering::Relaxed) / SLEEPING_ONE
    }

    /// Whether nobody sleeps and nobody searches; a guess, ordered by the caller's fence.
    pub(crate) fn is_nobody_idle(&self) -> bool {
        self.counts.load(Ordering::Relaxed) == 0
    }

    /// Whether a new task should wake a worker; a guess without a fence, for callers that
    /// ask again later.
    pub(crate) fn may_wake(&self) -> bool {
        is_wake_wanted(self.counts.load(Ordering::Relaxed))
    }

    /// Takes a sleeper out of the list and counts it as searching.
    fn remove(&self, sleepers: &mut Sleepers, place: usize) -> usize {
        let worker = sleepers.workers.swap_remove(place);
        if sleepers.keeper == Some(worker) {
            sleepers.keeper = None;
            self.keeper_until_ns.store(NEVER, Ordering::Relaxed);
        }
        if sleepers.seated == Some(worker) {
            sleepers.seated = None;
        }
        self.counts
            .fetch_add(SEARCHING_ONE.wrapping_sub(SLEEPING_ONE), Ordering::SeqCst);
        worker
    }

    fn lock(&self) -> MutexGuard<'_, Sleepers> {
        self.sleepers
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Sleepers {
    /// The youngest sleeper (its caches are warmest) that is neither the keeper nor sits in the
    /// poller, else one that does not sit there, else the one that does.
    fn place_to_claim(&self) -> Option<usize> {
        let free = |worker: &usize| Some(*worker) != self.seated;
        let youngest = |wanted: &dyn Fn(&usize) -> bool| self.workers.iter().rposition(wanted);
        youngest(&|worker| free(worker) && Some(*worker) != self.keeper)
            .or_else(|| youngest(&free))
            .or(self.workers.len().checked_sub(1))
    }
}

fn is_wake_wanted(counts: usize) -> bool {
    counts & SEARCHING == 0 && counts >= SLEEPING_ONE
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn wakes_one_sleeper_at_a_time() {
        let idle = Idle::new();
        idle.register(0, false);
        idle.register(1, false);
        assert_eq!(idle.claim(), Some(1));
        assert_eq!(idle.claim(), None, "one searches");
        assert!(idle.stop_searching());
        assert_eq!(idle.claim(), Some(0));
        assert_eq!(idle.sleeping(), 0);
    }

    #[test]
    fn a_claimed_sleeper_cannot_cancel() {
        let idle = Idle::new();
        idle.register(0, false);
        assert_eq!(idle.claim(), Some(0));
        assert_eq!(idle.cancel(0), Cancelled::Claimed);
        idle.register(0, true);
        assert_eq!(idle.cancel(0), Cancelled::Alone);
    }

    #[test]
    fn the_keeper_is_claimed_late_and_who_sits_in_the_poller_last() {
        let idle = Idle::new();
        (0..3).for_each(|worker| idle.register(worker, false));
        assert!(idle.offer_to_keep(1, 7));
        idle.note_seat(2);
        let claimed: Vec<_> = std::iter::from_fn(|| idle.claim_any()).collect();
        assert_eq!(claimed, [0, 1, 2]);
        idle.register(2, false);
        idle.register(0, false);
        assert_eq!(idle.claim_any(), Some(0), "the seat was left");
    }

    #[test]
    fn half_of_the_workers_search() {
        let idle = Idle::new();
        assert!(idle.start_searching(4));
        assert!(idle.start_searching(4));
        assert!(!idle.start_searching(4));
        assert!(!idle.stop_searching());
        assert!(idle.stop_searching());
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use crate::primitive::{Arc, thread};
    use crate::sched::park::ThreadParker;

    /// A runtime reduced to its wake protocol: a counter for all queues.
    struct Model {
        idle: Idle,
        queued: AtomicUsize,
        done: AtomicUsize,
        parkers: [ThreadParker; 2],
        total: usize,
    }

    impl Model {
        fn new(total: usize) -> Arc<Self> {
            Arc::new(Self {
                idle: Idle::new(),
                queued: AtomicUsize::new(0),
                done: AtomicUsize::new(0),
                parkers: [ThreadParker::new(), ThreadParker::new()],
                total,
            })
        }

        fn submit(&self) {
            self.queued.fetch_add(1, Ordering::Release);
            self.wake();
        }

        fn wake(&self) {
            if let Some(sleeper) = self.idle.claim() {
                self.parkers[sleeper].unpark();
            }
        }

        fn take(&self) -> bool {
            let queued = self.queued.load(Ordering::Acquire);
            queued > 0
                && self
                    .queued
                    .compare_exchange(queued, queued - 1, Ordering::AcqRel, Ordering::Relaxed)
                    .is_ok()
        }

        /// A worker as in `worker.rs`, until all is done; a lost wake-up is a deadlock.
        fn work(&self, worker: usize) {
            let mut searching = self.idle.start_searching(4);
            loop {
                if searching && self.take() {
                    if self.idle.stop_searching() && self.queued.load(Ordering::Relaxed) > 0 {
                        self.wake();
                    }
                    if self.done.fetch_add(1, Ordering::AcqRel) + 1 == self.total {
                        return;
                    }
                    searching = self.idle.start_searching(4);
                    continue;
                }
                self.idle.register(worker, searching);
                let wakes_itself = self.queued.load(Ordering::Relaxed) > 0
                    && self.idle.cancel(worker) == Cancelled::Alone;
                if !wakes_itself {
                    self.parkers[worker].park();
                }
                searching = true;
            }
        }
    }

    /// At most three preemptions: without a bound the locks alone take hours.
    fn bounded(model: impl Fn() + Sync + Send + 'static) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(3);
        builder.check(model);
    }

    #[test]
    fn loom_a_task_queued_while_the_worker_falls_asleep_is_run() {
        bounded(|| {
            let model = Model::new(2);
            let worker = {
                let model = Arc::clone(&model);
                thread::spawn(move || model.work(0))
            };
            model.submit();
            model.submit();
            worker.join().unwrap();
            assert_eq!(model.queued.load(Ordering::Relaxed), 0);
        });
    }

    #[test]
    fn loom_two_submitters_do_not_rely_on_a_searcher_that_leaves() {
        bounded(|| {
            let model = Model::new(2);
            let worker = {
                let model = Arc::clone(&model);
                thread::spawn(move || model.work(0))
            };
            let submitter = {
                let model = Arc::clone(&model);
                thread::spawn(move || model.submit())
            };
            model.submit();
            submitter.join().unwrap();
            worker.join().unwrap();
        });
    }
}
