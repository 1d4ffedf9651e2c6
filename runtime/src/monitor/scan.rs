//! Finds stalls: looks at the word of every slot, a slice at a tick, all of them once a second.
//!
//! It remembers the word of every stall that it has found, so that an old one costs a compare
//! and only a new one a look at the task.

use super::names::{Name, Names};
use super::pairs::{PairId, Pairs};
use super::source::Source;
use crate::ledger::stall::ParkWord;
use runtime_abi::Class;

/// Ticks in which every slot is looked at once.
const SCAN_TICKS: u32 = 9;

/// Slots that are looked at in every tick at least, however few there are.
const LEAST_SLOTS: u32 = 8_192;

/// What is stalled now.
#[derive(Clone, Copy)]
pub(super) struct Threshold {
    /// The coarse tick now.
    pub now: u32,
    /// Parks of more ticks are stalls.
    pub period: u32,
}

/// What the scan has found.
#[derive(Default)]
pub(super) struct Stalls {
    /// How many there are.
    pub pairs: Pairs,
    /// Which of them have a name.
    pub names: Names,
}

/// The scan, and what it knows of every slot.
#[derive(Default)]
pub(super) struct Scan {
    seen: Vec<Seen>,
    /// A bit for every slot: whether `seen` holds a stall. Most slots have none, and then this
    /// and the word is all that is read of them.
    stalled: Vec<u64>,
    next_slot: u32,
}

/// The stall that was found at a slot; valid only if the slot's bit is set.
#[derive(Clone, Copy)]
struct Seen {
    word: ParkWord,
    pair: PairId,
    /// The stall's place among the names, or one of the two below.
    name: u32,
}

/// `Seen::name` of a stall that may get a name.
const UNNAMED: u32 = u32::MAX;

/// `Seen::name` of a stall that gets none: idle, or waiting at a service site.
const NAMELESS: u32 = u32::MAX - 1;

const NOTHING: Seen = Seen {
    word: ParkWord::NEVER,
    pair: 0,
    name: NAMELESS,
};

impl Scan {
    /// Looks at this tick's slots, counts the stalls by pair and offers them for naming.
    pub(super) fn look(&mut self, threshold: Threshold, source: &impl Source, stalls: &mut Stalls) {
        let slots = source.slots();
        self.make_room(slots as usize);
        let slice = slots.div_ceil(SCAN_TICKS).max(LEAST_SLOTS);
        let end = self.next_slot.saturating_add(slice).min(slots);
        source.words(self.next_slot, end, |slot, word| {
            let stalled = word.is_stalled(threshold.now, threshold.period);
            let known = self.is_marked(slot);
            if known && self.seen[slot as usize].word == word {
                self.count(slot, threshold.now, stalls);
            } else if stalled || known {
                self.judge(slot, word, stalled, threshold, source, stalls);
            }
        });
        self.next_slot = end;
        if end == slots {
            self.finish(source, stalls);
        }
    }

    fn make_room(&mut self, slots: usize) {
        if self.seen.len() < slots {
            self.seen.resize(slots, NOTHING);
            self.stalled.resize(slots.div_ceil(64), 0);
        }
    }

    #[inline]
    fn is_marked(&self, slot: u32) -> bool {
        self.stalled[slot as usize / 64] >> (slot % 64) & 1 != 0
    }

    /// A stall that goes on: with a million of them, all that the scan costs.
    #[inline]
    fn count(&self, slot: u32, now: u32, stalls: &mut Stalls) {
        let seen = &self.seen[slot as usize];
        let parked_ticks = seen.word.parked_ticks(now);
        stalls.pairs.count(seen.pair, parked_ticks);
        if seen.name == UNNAMED && stalls.names.has_room() {
            stalls.names.offer(slot, parked_ticks);
        }
    }

    /// A slot in which a stall has begun or ended since it was last looked at, or both.
    #[cold]
    fn judge(
        &mut self,
        slot: u32,
        word: ParkWord,
        stalled: bool,
        threshold: Threshold,
        source: &impl Source,
        stalls: &mut Stalls,
    ) {
        self.forget(slot, threshold, &mut stalls.names);
        if stalled && let Some(found) = find(slot, word, source, &mut stalls.pairs) {
            self.seen[slot as usize] = found;
            self.stalled[slot as usize / 64] |= 1 << (slot % 64);
            self.count(slot, threshold.now, stalls);
        }
    }

    /// The stall that was found at the slot, if any, is over.
    fn forget(&mut self, slot: u32, threshold: Threshold, names: &mut Names) {
        let seen = std::mem::replace(&mut self.seen[slot as usize], NOTHING);
        self.stalled[slot as usize / 64] &= !(1 << (slot % 64));
        if seen.name < NAMELESS {
            names.end(seen.name, threshold.now);
        }
    }

    fn finish(&mut self, source: &impl Source, stalls: &mut Stalls) {
        self.next_slot = 0;
        stalls.pairs.finish_scan();
        stalls.names.admit(|slot, place| {
            let seen = &mut self.seen[slot as usize];
            let parked = source.parked(slot)?;
            // The word again: it says that what was read is of this park.
            if source.word(slot) != seen.word {
                return None;
            }
            seen.name = place;
            let reason = seen.word.reason()?;
            Some(Name {
                slot,
                word: seen.word,
                task: parked.task,
                site: parked.site,
                reason,
            })
        });
    }
}

/// Whose stall this is; `None` if it ended meanwhile.
#[cold]
fn find(slot: u32, word: ParkWord, source: &impl Source, pairs: &mut Pairs) -> Option<Seen> {
    let parked = source.parked(slot)?;
    let reason = word.reason()?;
    if source.word(slot) != word {
        return None;
    }
    let nameable = match reason.class() {
        Class::Blocked => true,
        Class::Waiting => !parked.service,
        Class::Idle => false,
    };
    let name = if nameable { UNNAMED } else { NAMELESS };
    Some(Seen {
        word,
        pair: pairs.id(parked.site, reason),
        name,
    })
}
