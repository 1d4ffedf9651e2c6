//! A thousand spawn sites, each at its own line and column.
//!
//! A spawn site is where a function with `#[track_caller]` is called; inside a macro that is
//! where the macro is invoked. So each `at!()` of the table is a site of its own.

use runtime::sync::WaitGroup;
use runtime::{Reason, TaskId};

use crate::gate::{Gate, Hold};
use crate::truth;

/// Short tasks that are alive at once during [`churn`].
const CHURN_AT_ONCE: u64 = 1_000;

/// What a task spawned from the table does.
pub enum Job {
    /// Waits until it is released.
    Wait(Hold),
    /// Ends at once, and thereby leaves the group.
    End(WaitGroup),
}

/// Spawns a task at one line and column.
pub type SpawnAt = fn(Job) -> TaskId;

/// Spawns `tasks` tasks, as evenly as can be over the first `sites` sites; they wait at the
/// gate with the given reason.
pub fn spawn_held(gate: &'static Gate, sites: u64, tasks: u64, reason: Reason) {
    for task in 0..tasks {
        let spawn_at = SITES[(task % sites) as usize];
        gate.hold(reason, |hold| spawn_at(Job::Wait(hold)));
    }
}

/// Spawns `tasks` tasks over the first `sites` sites, and returns when all have run.
pub fn churn(sites: u64, tasks: u64) {
    let mut spawned = 0;
    while spawned < tasks {
        let group = WaitGroup::new();
        let until = tasks.min(spawned + CHURN_AT_ONCE);
        for task in spawned..until {
            SITES[(task % sites) as usize](Job::End(group.clone()));
        }
        spawned = until;
        group.wait();
    }
}

#[track_caller]
fn launch(job: Job) -> TaskId {
    truth::spawn(move || match job {
        Job::Wait(hold) => hold.wait(),
        Job::End(group) => drop(group),
    })
    .id()
}

macro_rules! at {
    () => {
        |job| launch(job)
    };
}

/// The table. Forty sites a line: the format of its lines is part of what it tests.
#[rustfmt::skip]
pub const SITES: [SpawnAt; 1_000] = [
    at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(),
    at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(),
    at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(),
    at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(),
    at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(),
    at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(),
    at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(),
    at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(),
    at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(),
    at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(),
    at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(),
    at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(),
    at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(),
    at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(),
    at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(),
    at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(),
    at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(),
    at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(),
    at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(),
    at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(),
    at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(),
    at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(),
    at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(),
    at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(),
    at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(), at!(),
];
