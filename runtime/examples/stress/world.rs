//! What the tasks of a program share, and what must hold of it.
//!
//! Nobody waits for ever here: receivers drain the channels and hold no lock; locks are held
//! together in their order only, and their holders wait for nothing but receivers and time; what
//! is made once is made by the main task at the latest.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use runtime::cancel::Until;
use runtime::sync::{OnceLock, RateLimiter};
use runtime::{Handle, Pool, blocking};

use crate::accounts::{Accounts, Messages};
use crate::buffers::{self, Buffer, Buffers};
use crate::locks::Lock;
use crate::program::{Mode, Program};

/// Things that are made once, in each program.
const ONCES: usize = 2;

/// What all tasks of a program share.
pub struct World {
    pub accounts: Arc<Accounts>,
    pub handle: Handle,
    pub locks: Vec<Lock>,
    pub pool: Pool<Buffer>,
    pub limiter: RateLimiter,
    /// Answers of tasks that were asked.
    pub answers: Arc<Messages>,
    onces: [Once; ONCES],
    buffers: Arc<Buffers>,
    is_simulated: bool,
    next_id: AtomicU64,
}

/// Something that is made once, and how often it was.
#[derive(Default)]
struct Once {
    value: OnceLock<u64>,
    made: AtomicU64,
}

impl World {
    /// In a task of the program's runtime.
    pub fn new(program: &Program, accounts: &Arc<Accounts>) -> Self {
        let (pool, buffers) = buffers::pool(accounts);
        Self {
            accounts: Arc::clone(accounts),
            handle: Handle::current().expect("the main function is a task"),
            locks: program.locks.iter().copied().map(Lock::new).collect(),
            pool,
            limiter: RateLimiter::new(10, Duration::from_micros(100), 10),
            answers: Arc::default(),
            onces: std::array::from_fn(|_| Once::default()),
            buffers,
            is_simulated: program.mode == Mode::Simulated,
            next_id: AtomicU64::new(1),
        }
    }

    /// A number of an actor, from 1.
    pub fn next_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// Whether threads other than the runtime's may take part.
    pub fn has_threads(&self) -> bool {
        !self.is_simulated
    }

    /// A call that blocks its thread for so long; in a simulation, a sleep.
    pub fn block(&self, time: Duration) {
        if self.is_simulated {
            runtime::sleep(time);
        } else {
            blocking(|| std::thread::sleep(time));
        }
    }

    /// Makes what is made once, unless somebody has; `while_making` may panic.
    pub fn make_once(&self, number: u8, while_making: impl FnOnce()) {
        let once = Program::pick(&self.onces, number);
        let value = *once.value.get_or_init(|| {
            while_making();
            once.made.fetch_add(1, Ordering::Relaxed) + 1
        });
        self.check_once(value);
    }

    /// Waits until it is made.
    pub fn await_once(&self, number: u8, until: Until<'_>) {
        if let Ok(value) = Program::pick(&self.onces, number).value.wait_until(until) {
            self.check_once(*value);
        }
    }

    fn check_once(&self, value: u64) {
        let story = || format!("what is made once was made {value} times");
        self.accounts.check(value == 1, story);
    }

    /// By the main task: what others may be waiting for.
    pub fn make_all(&self) {
        (0..ONCES).for_each(|number| self.make_once(number as u8, || ()));
    }

    /// After the end of all tasks.
    pub fn check(self) {
        let accounts = &self.accounts;
        for (number, lock) in self.locks.into_iter().enumerate() {
            lock.check(number, accounts);
        }
        for once in &self.onces {
            let made = once.made.load(Ordering::Relaxed);
            accounts.check(made == 1, || {
                format!("what is made once was made {made} times")
            });
        }
        self.answers.check("answers", accounts);
        buffers::check(&self.pool, &self.buffers, accounts);
    }
}
