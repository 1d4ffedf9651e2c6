//! The clocks of the kernel programs and of people.

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds since boot, suspension included: the clock of every record and map value.
#[must_use]
pub fn boot_ns() -> u64 {
    nanoseconds(ClockId::Boottime)
}

/// What to add to [`boot_ns`] for nanoseconds since 1970.
#[must_use]
pub fn unix_offset_ns() -> u64 {
    nanoseconds(ClockId::Realtime).saturating_sub(boot_ns())
}

fn nanoseconds(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000
        + u64::try_from(time.tv_nsec).unwrap_or(0)
}
