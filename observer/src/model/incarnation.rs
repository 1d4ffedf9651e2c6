//! What can be read from the kernel side's number for a process.

use crate::discover::ProcessId;

const TGID_BITS: u32 = 22;
/// `/proc` counts start times in ticks of 10 ms (`USER_HZ` is 100 on every architecture that
/// matters here), rounded down.
const TICK_NS: u64 = 10_000_000;

/// Boot time of the first hit in nanoseconds, to about a microsecond.
pub(super) fn first_hit_ns(incarnation: u64) -> u64 {
    (incarnation >> TGID_BITS) << 10
}

/// The number can be this process's: it was not given before the process started.
pub(super) fn may_be_of(incarnation: u64, id: ProcessId) -> bool {
    let started_ns = id.start_time.saturating_mul(TICK_NS);
    first_hit_ns(incarnation).saturating_add(TICK_NS) >= started_ns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_from_before_the_start_is_another_processs() {
        let second = 1_000_000_000_u64;
        let incarnation = ((second >> 10) << TGID_BITS) | 77;
        assert!(first_hit_ns(incarnation).abs_diff(second) < 1_024);
        assert!(may_be_of(
            incarnation,
            ProcessId {
                pid: 77,
                start_time: 100
            }
        ));
        assert!(may_be_of(
            incarnation,
            ProcessId {
                pid: 77,
                start_time: 50
            }
        ));
        assert!(!may_be_of(
            incarnation,
            ProcessId {
                pid: 77,
                start_time: 102
            }
        ));
    }
}
