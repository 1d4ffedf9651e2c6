//! The stalled tasks of a process that its monitor has named.
//!
//! Level-triggered: the monitor repeats every named stall once per rotation, so a lost record
//! heals by itself. A stall is over when `unstall` says so, or when it was not repeated for
//! three rotations. A rotation is two seconds; with many stalls it is longer, because a monitor
//! fires a bounded number of probes per tick. Rotations are counted on the target's clock: a
//! stopped process reports nothing and keeps its stalls.

use std::collections::HashMap;

use runtime_abi::MAX_NAMED_STALLS;

use crate::collect::{TaskFact, TaskReport};

const ROTATION_NS: u64 = 2_000_000_000;
const ROTATIONS: u64 = 3;
/// Stalls that surely fit into one rotation of two seconds beside everything else.
const STALLS_PER_ROTATION: u64 = 2_048;

/// One stalled task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedStall {
    /// The site record's address.
    pub site: u64,
    /// The reason's code, as sent.
    pub reason: u64,
    /// Boot time of the park in nanoseconds.
    pub since_ns: u64,
    /// Boot time of the last report in nanoseconds.
    pub seen_ns: u64,
    /// The resource's address, or 0.
    pub resource: u64,
    /// The owner, or 0.
    pub owner: u64,
}

/// Named stalls by task; at most [`MAX_NAMED_STALLS`]. Beyond, `parked` counts them.
#[derive(Clone, Debug, Default)]
pub struct Stalls {
    by_task: HashMap<u64, NamedStall>,
}

impl Stalls {
    /// Takes what is said of a task. `false` if it names a stall beyond the bound.
    #[must_use]
    pub fn take(&mut self, report: &TaskReport) -> bool {
        match report.what {
            TaskFact::Stalled {
                parked_ns,
                resource,
                owner,
            } => self.begin_or_repeat(
                report.task,
                NamedStall {
                    site: report.site,
                    reason: report.reason,
                    since_ns: report.at_ns.saturating_sub(parked_ns),
                    seen_ns: report.at_ns,
                    resource,
                    owner,
                },
            ),
            TaskFact::Unstalled => {
                self.end(report);
                true
            }
        }
    }

    fn begin_or_repeat(&mut self, task: u64, stall: NamedStall) -> bool {
        if self.by_task.len() >= MAX_NAMED_STALLS && !self.by_task.contains_key(&task) {
            return false;
        }
        let known = self.by_task.entry(task).or_insert(stall);
        if known.seen_ns <= stall.seen_ns {
            *known = stall;
        }
        true
    }

    fn end(&mut self, report: &TaskReport) {
        if self
            .by_task
            .get(&report.task)
            .is_some_and(|stall| stall.seen_ns <= report.at_ns)
        {
            self.by_task.remove(&report.task);
        }
    }

    /// Ends the stalls that the monitor no longer repeats, at the time of its last report.
    pub fn expire(&mut self, heard_ns: u64) {
        let patience_ns = ROTATIONS * rotation_ns(self.by_task.len() as u64);
        self.by_task
            .retain(|_, stall| stall.seen_ns.saturating_add(patience_ns) >= heard_ns);
    }

    /// The stall of a task.
    #[must_use]
    pub fn get(&self, task: u64) -> Option<&NamedStall> {
        self.by_task.get(&task)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_task.len()
    }

    /// There is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_task.is_empty()
    }

    /// Every stall with its task, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &NamedStall)> {
        self.by_task.iter().map(|(task, stall)| (*task, stall))
    }
}

fn rotation_ns(stalls: u64) -> u64 {
    ROTATION_NS * stalls.div_ceil(STALLS_PER_ROTATION).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::TellsOfTask as _;
    use crate::model::model::fixtures::{stall, unstall};
    use observer_ebpf_abi::Record;
    use proptest::prelude::*;

    const SECOND: u64 = 1_000_000_000;

    fn tell(stalls: &mut Stalls, record: &Record) -> bool {
        stalls.take(&record.task_report().expect("it is about a task"))
    }

    fn tasks(stalls: &Stalls) -> Vec<(u64, u64)> {
        let mut tasks: Vec<_> = stalls
            .iter()
            .map(|(task, stall)| (task, stall.since_ns))
            .collect();
        tasks.sort_unstable();
        tasks
    }

    #[test]
    fn a_stall_is_over_when_unstall_says_so() {
        let mut stalls = Stalls::default();
        tell(&mut stalls, &stall(7, 2, 12 * SECOND, 10 * SECOND));
        tell(&mut stalls, &unstall(7, 2, 13 * SECOND));
        assert!(stalls.is_empty());
    }

    #[test]
    fn a_stall_that_is_not_repeated_for_three_rotations_is_over() {
        let mut stalls = Stalls::default();
        tell(&mut stalls, &stall(7, 2, 12 * SECOND, 10 * SECOND));
        stalls.expire(18 * SECOND);
        assert_eq!(stalls.len(), 1);
        stalls.expire(18 * SECOND + 1);
        assert!(stalls.is_empty());
    }

    #[test]
    fn many_stalls_make_a_rotation_longer() {
        let mut stalls = Stalls::default();
        for task in 0..4_096 {
            tell(&mut stalls, &stall(task, 2, 12 * SECOND, 10 * SECOND));
        }
        stalls.expire(24 * SECOND);
        assert_eq!(stalls.len(), 4_096);
        stalls.expire(24 * SECOND + 1);
        assert!(stalls.is_empty());
    }

    #[test]
    fn names_are_bounded() {
        let mut stalls = Stalls::default();
        let most = MAX_NAMED_STALLS as u64;
        let mut take = |task| tell(&mut stalls, &stall(task, 2, 12 * SECOND, 10 * SECOND));
        assert!((0..most).all(&mut take));
        assert!(!(most..most + 10).any(&mut take), "beyond the bound");
        assert!(take(0), "a repetition fits");
        assert_eq!(stalls.len(), MAX_NAMED_STALLS);
    }

    proptest! {
        /// Repeats of a stall say nothing new: any number of them, between any others.
        #[test]
        fn any_interleaving_of_repeats_leaves_the_same_result(
            events in prop::collection::vec((0_u64..5, any::<bool>()), 0..40),
            repeats in prop::collection::vec((0_usize..40, 1_u64..1_000), 0..40),
        ) {
            let mut plain = Stalls::default();
            let mut repeated = Stalls::default();
            let mut begun = [None; 5];
            for (index, (task, stalled)) in events.iter().enumerate() {
                let now = (index as u64 + 1) * SECOND;
                let slot = &mut begun[*task as usize];
                let record = if *stalled {
                    let since = *slot.get_or_insert(now - SECOND / 2);
                    stall(*task, 2, now, now - since)
                } else {
                    *slot = None;
                    unstall(*task, 2, now)
                };
                tell(&mut plain, &record);
                tell(&mut repeated, &record);
                for (_, later) in repeats.iter().filter(|(at, _)| *at == index) {
                    for (task, since) in begun.iter().enumerate() {
                        if let Some(since) = since {
                            let at = now + later;
                            tell(&mut repeated, &stall(task as u64, 2, at, at - since));
                        }
                    }
                }
            }
            prop_assert_eq!(tasks(&plain), tasks(&repeated));
        }
    }
}
