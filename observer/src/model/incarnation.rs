//! Which life of a process a report is of.

use crate::collect::Incarnation;
use crate::discover::ProcessId;

/// `/proc` counts start times in ticks of 10 ms (`USER_HZ` is 100 on every architecture that
/// matters here), rounded down.
const TICK_NS: u64 = 10_000_000;

/// It can be this process's: it was not heard before the process started.
pub(super) fn may_be_of(incarnation: Incarnation, id: ProcessId) -> bool {
    let started_ns = id.start_time.saturating_mul(TICK_NS);
    incarnation.first_heard_ns.saturating_add(TICK_NS) >= started_ns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_heard_before_the_start_is_another_processs() {
        let incarnation = Incarnation {
            number: 1,
            first_heard_ns: 1_000_000_000,
        };
        for (start_time, may_be) in [(100, true), (50, true), (102, false)] {
            let id = ProcessId {
                pid: 77,
                start_time,
            };
            assert_eq!(may_be_of(incarnation, id), may_be, "{start_time}");
        }
    }
}
