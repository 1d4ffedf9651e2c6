//! Thousands of tasks at once where dozens do: a task a visitor, and nobody says how many.
//!
//! Repaired, a group with a limit lets them in.

use std::time::Duration;

use runtime::sleep;
use runtime::task::{Builder, TaskGroup};

/// Visitors that come at once.
const VISITORS: u64 = 6_000;

/// Those that a repaired program lets in at once.
const LIMIT: usize = 40;

/// How long one stays where they all come at once.
const VISIT: Duration = Duration::from_secs(600);

/// How long one stays otherwise.
const SHORT_VISIT: Duration = Duration::from_millis(200);

pub fn start(repaired: bool) {
    Builder::new().name("door").service(true).spawn(move || {
        if repaired {
            let mut group = TaskGroup::<String>::new().limit(LIMIT);
            for _ in 0..VISITORS {
                group.spawn_as(Builder::new().name("visitor"), || {
                    sleep(SHORT_VISIT);
                    Ok(())
                });
            }
            group.wait().expect("no visit fails");
        } else {
            for _ in 0..VISITORS {
                Builder::new().name("visitor").spawn(|| sleep(VISIT));
            }
        }
    });
}
