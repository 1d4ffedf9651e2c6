//! A dump: while the `task` probe is armed, every task is reported once for every listener that
//! comes, with what the other ledger probes leave of the tick's hits.

use crate::probe;

/// How far the dump has come.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Dump {
    /// Listeners at the last tick.
    listeners: u16,
    next_slot: u32,
    /// Whether slots are left to report.
    running: bool,
    /// Whether to begin again when this pass ends: a listener came in its midst.
    again: bool,
}

impl Dump {
    /// Reports as many tasks as `budget` allows; `fire` says whether there was one in the slot.
    pub(super) fn tick(&mut self, slots: u32, budget: usize, fire: impl FnMut(u32) -> bool) {
        self.tick_with(probe::task_listeners(), slots, budget, fire);
    }

    fn tick_with(
        &mut self,
        listeners: u16,
        slots: u32,
        mut budget: usize,
        mut fire: impl FnMut(u32) -> bool,
    ) {
        self.notice(listeners);
        while self.running && budget > 0 {
            if self.next_slot >= slots {
                self.next_slot = 0;
                self.running = std::mem::take(&mut self.again);
                continue;
            }
            budget -= usize::from(fire(self.next_slot));
            self.next_slot += 1;
        }
    }

    fn notice(&mut self, listeners: u16) {
        if listeners == 0 {
            *self = Self::default();
        } else if listeners > self.listeners {
            self.again = self.running;
            self.running = true;
        }
        self.listeners = listeners;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ticks with ten slots, of which the odd ones hold a task.
    fn tick(dump: &mut Dump, listeners: u16) -> Vec<u32> {
        let mut fired = Vec::new();
        dump.tick_with(listeners, 10, 3, |slot| {
            let task = slot % 2 == 1;
            fired.extend(task.then_some(slot));
            task
        });
        fired
    }

    #[test]
    fn every_task_is_reported_once_within_the_budget() {
        let mut dump = Dump::default();
        assert!(tick(&mut dump, 0).is_empty());
        assert_eq!(tick(&mut dump, 1), [1, 3, 5]);
        assert_eq!(tick(&mut dump, 1), [7, 9]);
        assert!(tick(&mut dump, 1).is_empty());
    }

    #[test]
    fn a_listener_who_comes_later_gets_every_task_too() {
        let mut dump = Dump::default();
        tick(&mut dump, 1);
        let second: Vec<u32> = (0..4).flat_map(|_| tick(&mut dump, 2)).collect();
        assert_eq!(second, [7, 9, 1, 3, 5, 7, 9]);
    }

    #[test]
    fn a_dump_after_all_listeners_left_begins_anew() {
        let mut dump = Dump::default();
        tick(&mut dump, 1);
        tick(&mut dump, 0);
        assert_eq!(tick(&mut dump, 1), [1, 3, 5]);
    }
}
