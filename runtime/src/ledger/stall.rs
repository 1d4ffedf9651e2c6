//! Since when, and why, the task of each slot is parked: eight bytes a slot, densely, so that a
//! million of them are scanned in less than a millisecond.
//!
//! Written by whoever parks or unparks the slot's task; the task's state orders these two, so a
//! word has one writer at a time. Read by the monitor, at any time.
//!
//! Time here is the coarse tick that the monitor publishes: one load at a park, no clock. The
//! monitor publishes the time at which it will look *next*, so a park never seems older than it
//! is, and at most one sleep of the monitor (500 ms) younger.

use super::{Chunks, Zeroed};
use crate::primitive::static_atomic::{AtomicU32, AtomicU64, Ordering};
use runtime_abi::Reason;

/// Length of a coarse tick. A 32-bit count of them ends after 497 days: parks that are longer
/// start again at zero.
pub(crate) const TICK_NS: u64 = 10_000_000;

/// What the table holds of one slot: bits 63 to 32 the tick of the park, 31 to 8 the slot's park
/// sequence, 7 to 0 the reason's code plus one, or 0 if the task is not parked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ParkWord(u64);

impl ParkWord {
    /// The word of a slot whose tasks have never parked.
    pub(crate) const NEVER: Self = Self(0);

    /// The word after a park at this tick; `self` is the slot's word before.
    #[must_use]
    pub(crate) const fn parked(self, tick: u32, reason: Reason) -> Self {
        let sequence = (self.0 >> 8).wrapping_add(1) & 0xff_ffff;
        Self((tick as u64) << 32 | sequence << 8 | (reason as u64 + 1))
    }

    /// The word after the park has ended.
    #[must_use]
    pub(crate) const fn unparked(self) -> Self {
        Self(self.0 & !0xff)
    }

    /// Why the slot's task is parked; `None` if it is not.
    #[must_use]
    pub(crate) fn reason(self) -> Option<Reason> {
        Reason::from_code((self.0 & 0xff).checked_sub(1)?)
    }

    /// How long it has been parked as of the tick `now`, in nanoseconds.
    #[must_use]
    pub(crate) const fn parked_ns(self, now: u32) -> u64 {
        self.parked_ticks(now) as u64 * TICK_NS
    }

    /// Whether the slot's task is parked, and has been for more than `period` ticks.
    #[inline]
    #[must_use]
    pub(crate) const fn is_stalled(self, now: u32, period: u32) -> bool {
        self.0 & 0xff != 0 && self.parked_ticks(now) > period
    }

    /// How long it has been parked as of the tick `now`, in ticks.
    #[inline]
    #[must_use]
    pub(crate) const fn parked_ticks(self, now: u32) -> u32 {
        let ticks = now.wrapping_sub((self.0 >> 32) as u32);
        // A park of after `now` (it carries the time of the monitor's next look) is fresh.
        if ticks > u32::MAX - 1_000 { 0 } else { ticks }
    }
}

struct Slot(AtomicU64);

// SAFETY: a zeroed atomic is zero: a task that is not parked.
unsafe impl Zeroed for Slot {}

static SLOTS: Chunks<Slot> = Chunks::new();

/// The coarse tick, as the monitor last published it.
static TICK: AtomicU32 = AtomicU32::new(0);

/// Notes that the slot's task parks. Call it before the task is published as parked.
#[inline]
pub(crate) fn park(slot: u32, reason: Reason) {
    let tick = TICK.load(Ordering::Relaxed);
    change(&SLOTS.get_or_make(slot).0, |word| word.parked(tick, reason));
}

/// Notes that the slot's task goes on. Call it by who made it runnable, or by itself.
#[inline]
pub(crate) fn unpark(slot: u32) {
    change(&SLOTS.get_or_make(slot).0, ParkWord::unparked);
}

#[inline]
fn change(slot: &AtomicU64, to: impl FnOnce(ParkWord) -> ParkWord) {
    let word = ParkWord(slot.load(Ordering::Relaxed));
    slot.store(to(word).0, Ordering::Release);
}

/// The slot's word now.
#[must_use]
pub(crate) fn word(slot: u32) -> ParkWord {
    ParkWord(
        SLOTS
            .get(slot)
            .map_or(0, |slot| slot.0.load(Ordering::Acquire)),
    )
}

/// Gives every slot's word from `from` up to `to`, in order: faster than one by one.
#[inline]
pub(crate) fn words(from: u32, to: u32, mut each: impl FnMut(u32, ParkWord)) {
    let mut slot = from;
    while slot < to {
        match SLOTS.run(slot, to) {
            Ok(run) => {
                for Slot(word) in run {
                    each(slot, ParkWord(word.load(Ordering::Acquire)));
                    slot += 1;
                }
            }
            Err(absent) => slot += absent,
        }
    }
}

/// How long the slot's task has been parked, to the coarse tick; 0 if it is not parked.
#[must_use]
pub(crate) fn parked_ns(slot: u32) -> u64 {
    let word = word(slot);
    word.reason()
        .map_or(0, |_| word.parked_ns(TICK.load(Ordering::Relaxed)))
}

/// Publishes the coarse tick: the time at which the monitor will look next.
pub(crate) fn publish_tick(next_look_ns: u64) {
    TICK.store(tick_of(next_look_ns), Ordering::Relaxed);
}

/// The coarse tick of a time of the monotonic clock.
#[must_use]
pub(crate) const fn tick_of(now_ns: u64) -> u32 {
    (now_ns / TICK_NS) as u32
}

/// A duration in coarse ticks.
#[must_use]
pub(crate) const fn ticks_of(duration_ns: u64) -> u32 {
    let ticks = duration_ns / TICK_NS;
    if ticks > u32::MAX as u64 {
        u32::MAX
    } else {
        ticks as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_park_is_as_old_as_the_ticks_since() {
        let word = ParkWord::default().parked(100, Reason::Mutex);
        assert_eq!(word.reason(), Some(Reason::Mutex));
        assert_eq!(word.parked_ns(100), 0);
        assert_eq!(word.parked_ns(1_100), 1_000 * TICK_NS);
        assert!(word.is_stalled(1_100, 999) && !word.is_stalled(1_100, 1_000));
        assert!(!word.unparked().is_stalled(1_100, 999));
    }

    #[test]
    fn a_park_that_carries_the_next_tick_is_fresh() {
        assert_eq!(
            ParkWord::default()
                .parked(150, Reason::Other)
                .parked_ns(100),
            0
        );
    }

    #[test]
    fn ages_survive_the_end_of_the_ticks() {
        let word = ParkWord::default().parked(u32::MAX - 9, Reason::Sleep);
        assert_eq!(word.parked_ns(90), 100 * TICK_NS);
    }

    #[test]
    fn two_parks_of_a_slot_differ_even_within_a_tick() {
        let first = ParkWord::default().parked(7, Reason::Join);
        let second = first.unparked().parked(7, Reason::Join);
        assert_ne!(first, second);
        assert_eq!(second.unparked().reason(), None);
    }

    #[test]
    fn the_table_holds_what_was_parked() {
        let slot = 3_000_000_000;
        assert_eq!(word(slot).reason(), None);
        park(slot, Reason::ChanSend);
        assert_eq!(word(slot).reason(), Some(Reason::ChanSend));
        unpark(slot);
        assert_eq!(word(slot).reason(), None);
        assert_eq!(parked_ns(slot), 0);
    }
}
