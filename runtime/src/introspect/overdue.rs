//! Tasks that were told to stop and did not.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::{Site, Task, tasks};

/// How long a task may live on after its token was cancelled.
const GRACE: Duration = Duration::from_secs(10);

/// Tasks of one line that are alive more than 10 s after the token that they work under was
/// cancelled, or its deadline has passed.
#[derive(Clone, Copy, Debug)]
pub struct Overdue {
    site: &'static Site,
    tasks: u64,
    longest: Duration,
}

/// The tasks of the process that ignore that they were told to stop, by the line that spawned them,
/// the most numerous first.
///
/// A task was told so if its own token was cancelled ([`JoinHandle::cancel`](crate::JoinHandle)), or
/// the one that it inherited, or that of the scope that it is in. Tasks of services are left out, and
/// so are those that run or are queued while they are looked at: one that never parks is a hog, and
/// shows as such. It costs those who spawn and cancel nothing, and this call a look at each parked
/// task.
///
/// ```
/// use runtime::{Reason, Runtime, TaskId, introspect, park, spawn, test};
/// use std::time::Duration;
///
/// test::Test::simulation(1).allow("").run(|| {
///     let deaf = spawn(|| loop { park(Reason::Other, 0, TaskId::NONE) });
///     deaf.cancel();
///     runtime::sleep(Duration::from_secs(11));
///     let overdue = introspect::overdue();
///     assert!(overdue.iter().any(|overdue| overdue.tasks() == 1));
/// });
/// ```
#[must_use]
pub fn overdue() -> Vec<Overdue> {
    of(&tasks())
}

pub(super) fn of(tasks: &[Task]) -> Vec<Overdue> {
    let mut found = BTreeMap::<u32, Overdue>::new();
    for task in tasks.iter().filter(|task| !task.site.is_service()) {
        let Some(late) = task.told_to_stop.filter(|late| *late > GRACE) else {
            continue;
        };
        let overdue = found.entry(task.site.index()).or_insert(Overdue {
            site: task.site,
            tasks: 0,
            longest: Duration::ZERO,
        });
        overdue.tasks += 1;
        overdue.longest = overdue.longest.max(late);
    }
    let mut found: Vec<_> = found.into_values().collect();
    found.sort_by_key(|overdue| std::cmp::Reverse(overdue.tasks));
    found
}

impl Overdue {
    /// The line that spawned them.
    #[must_use]
    pub fn site(&self) -> &'static Site {
        self.site
    }

    /// How many there are.
    #[must_use]
    pub fn tasks(&self) -> u64 {
        self.tasks
    }

    /// How long ago the first of them was told to stop.
    #[must_use]
    pub fn longest(&self) -> Duration {
        self.longest
    }
}

impl fmt::Display for Overdue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (tasks, seconds) = (self.tasks, self.longest.as_secs_f64());
        let site = self.site;
        write!(
            f,
            "{tasks} told to stop, {seconds:.1} s ago at most, by {site}"
        )
    }
}

#[cfg(all(test, not(any(loom, miri))))]
mod tests {
    use super::*;
    use crate::cancel::{Token, timeout};
    use crate::test::Test;
    use crate::{JoinHandle, Reason, TaskId, cancel, park, sleep, spawn, task};

    fn deaf() -> JoinHandle<()> {
        task::Builder::new().name("deaf").spawn(wait_for_ever)
    }

    fn wait_for_ever() {
        loop {
            park(Reason::Other, 0, TaskId::NONE);
        }
    }

    /// How many of this name are overdue.
    fn overdue_of(name: &str) -> u64 {
        let ours = |overdue: &&Overdue| overdue.site().name() == Some(name);
        overdue().iter().filter(ours).map(Overdue::tasks).sum()
    }

    #[test]
    fn a_task_that_ignores_its_own_token_or_an_inherited_one_is_counted_after_ten_seconds() {
        Test::simulation(1).allow("deaf").run(|| {
            deaf().cancel();
            let server = Token::new();
            server.run(|| (0..2).for_each(|_| drop(deaf())));
            // Not told to stop.
            drop(deaf());
            sleep(Duration::from_secs(5));
            server.cancel();
            assert_eq!(overdue_of("deaf"), 0);
            sleep(Duration::from_secs(6));
            assert_eq!(overdue_of("deaf"), 1);
            sleep(Duration::from_secs(6));
            assert_eq!(overdue_of("deaf"), 3);
            let text = super::super::Dump::new().to_string();
            assert!(
                text.contains("3 told to stop, 17.0 s ago at most, by "),
                "{text}"
            );
        });
    }

    #[test]
    fn a_deadline_counts_although_nobody_looks_and_a_scope_that_was_left_does_not() {
        Test::simulation(2).allow("late").run(|| {
            let late = task::Builder::new().name("late");
            late.spawn(|| timeout(Duration::from_secs(1), wait_for_ever));
            late.spawn(|| {
                timeout(Duration::from_secs(1), || sleep(Duration::from_secs(2)));
                wait_for_ever();
            });
            sleep(Duration::from_secs(12));
            assert_eq!(overdue_of("late"), 1);
        });
    }

    #[test]
    fn services_and_tasks_that_stop_are_not_counted() {
        Test::simulation(3).allow("server").run(|| {
            let server = task::Builder::new().name("server").service(true);
            server.spawn(wait_for_ever).cancel();
            let stops = spawn(|| cancel::sleep(Duration::from_secs(60)).is_err());
            // Until it sleeps.
            sleep(Duration::from_secs(1));
            stops.cancel();
            sleep(Duration::from_secs(12));
            assert_eq!(overdue_of("server"), 0);
            assert!(stops.join().unwrap());
        });
    }
}
