//! One site record of a process: an address in the target and what was reported for it.

use crate::collect::{Counters, Ledger};

/// First pause between two attempts to read a record; doubles up to 64 times this.
const RETRY_NS: u64 = 250_000_000;
const MAX_DOUBLINGS: u32 = 6;

/// One site record of a process.
#[derive(Debug, Default)]
pub(super) struct Address {
    /// Index of the site that its text names; unknown until the text was read.
    pub(super) site: Option<usize>,
    /// Its tasks are services; only known with the site.
    pub(super) service: bool,
    ledger: Counters,
    events: Counters,
    /// The first ledger value, unless the site is known to be new.
    baseline: Option<Counters>,
    stack_bytes: u64,
    attempts: u32,
    next_attempt_ns: u64,
}

impl Address {
    /// Takes the counts. `new` says that the first ones of this address count from zero: they
    /// did not happen before we looked.
    pub(super) fn set_ledger(&mut self, ledger: &Ledger, new: bool) {
        let counters = ledger.counters;
        self.baseline
            .get_or_insert(if new { Counters::default() } else { counters });
        self.ledger.raise(&counters);
        self.stack_bytes = ledger.stack_bytes;
    }

    pub(super) fn set_events(&mut self, counters: &Counters) {
        self.events.raise(counters);
    }

    /// The counts to be believed.
    pub(super) fn counters(&self, events_only: bool) -> &Counters {
        if events_only {
            &self.events
        } else {
            &self.ledger
        }
    }

    /// What of it happened since we look. Events are counted only since then, and need no
    /// baseline: where there are both, the larger number is the better one.
    pub(super) fn observed(&self, events_only: bool) -> Counters {
        if events_only {
            return self.events;
        }
        let mut observed = self.ledger.since(&self.baseline.unwrap_or_default());
        observed.raise(&self.events);
        observed
    }

    pub(super) fn stack_bytes(&self) -> u64 {
        self.stack_bytes
    }

    /// The record should be read now; the next attempt is then due later, with a growing pause.
    pub(super) fn take_attempt(&mut self, now_ns: u64) -> bool {
        let due = self.site.is_none() && now_ns >= self.next_attempt_ns;
        if due {
            self.next_attempt_ns = now_ns + (RETRY_NS << self.attempts);
            self.attempts = (self.attempts + 1).min(MAX_DOUBLINGS);
        }
        due
    }
}
