//! Holds any number of tasks, each parked, and lets the oldest go. A task knows its ticket,
//! so that nothing is lost whether it is released before or after it parks.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use runtime::{Reason, TaskId, park};

/// Where tasks wait until a command releases them.
#[derive(Default)]
pub struct Gate {
    tickets: AtomicU64,
    released: AtomicU64,
    held: Mutex<VecDeque<TaskId>>,
}

/// A gate that lives as long as the process, like the tasks that wait at it.
impl Default for &'static Gate {
    fn default() -> Self {
        Box::leak(Box::default())
    }
}

/// A task's right to wait at a gate.
#[derive(Clone, Copy)]
pub struct Hold {
    gate: &'static Gate,
    ticket: u64,
    reason: Reason,
}

impl Gate {
    /// Spawns a task that is held: `spawn` must spawn exactly one task, which calls
    /// [`Hold::wait`] on what it is given.
    pub fn hold(&'static self, reason: Reason, spawn: impl FnOnce(Hold) -> TaskId) {
        // Under the lock, so that the queue has the order of the tickets.
        let mut held = self.held.lock().expect("no holder panics");
        let ticket = self.tickets.fetch_add(1, Ordering::Relaxed);
        held.push_back(spawn(Hold {
            gate: self,
            ticket,
            reason,
        }));
    }

    /// Lets the `count` oldest tasks go; how many there were.
    pub fn release(&self, count: u64) -> u64 {
        let mut held = self.held.lock().expect("no holder panics");
        let count = count.min(held.len() as u64);
        self.released.fetch_add(count, Ordering::Release);
        let released: Vec<_> = held.drain(..count as usize).collect();
        drop(held);
        for task in released {
            task.unpark();
        }
        count
    }

    /// Wakes the `count` oldest tasks, which park again; how many there were.
    pub fn wake(&self, count: u64) -> u64 {
        let held = self.held.lock().expect("no holder panics");
        let woken: Vec<_> = held.iter().take(count as usize).copied().collect();
        drop(held);
        for task in &woken {
            task.unpark();
        }
        woken.len() as u64
    }
}

impl Hold {
    /// Parks until this ticket is released.
    pub fn wait(self) {
        // Acquire: pairs with the release in `Gate::release`.
        while self.gate.released.load(Ordering::Acquire) <= self.ticket {
            park(
                self.reason,
                std::ptr::from_ref(self.gate).addr(),
                TaskId::NONE,
            );
        }
    }
}
