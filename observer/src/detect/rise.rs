//! A gauge that rises, from its first sight to its end: what leaks, pools that grow and queues that
//! pile up have in common.

use super::trend::{Floors, Trend};

/// What a detector remembers of one gauge.
#[derive(Debug, Default)]
pub(super) struct Rise {
    trend: Trend,
    rising: Option<Rising>,
    is_told: bool,
}

/// A rise while it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rising {
    /// When it was first seen.
    pub(super) began_ns: u64,
    /// When it was last seen.
    pub(super) seen_ns: u64,
    /// What was seen then.
    pub(super) floors: Floors,
}

/// How long a gauge is looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    /// The window of the floors. Until it is told, a rise is over when it was not seen for one.
    pub(super) window_ns: u64,
    /// How long a rise must go on before it is told.
    pub(super) lasts_ns: u64,
    /// One that is told is over when it was not seen for this long.
    pub(super) patience_ns: u64,
}

/// How far a rise has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// There is none yet.
    New,
    /// It was seen, and has not lasted for long enough to be told.
    Seen,
    /// It is told.
    Told,
}

/// What is told of a gauge at one time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gauge {
    pub(super) now_ns: u64,
    pub(super) value: u64,
    /// A counter of what may explain its growth.
    pub(super) counted: u64,
}

impl Rise {
    /// Takes the gauge, at a time which must not be before the last one; the rise, if there is one
    /// to be told. It begins when `is_growth` says so of the floors, and goes on while that does.
    pub(super) fn look(
        &mut self,
        gauge: Gauge,
        rule: Rule,
        is_growth: impl FnOnce(&Floors, Phase) -> bool,
    ) -> Option<Rising> {
        let now_ns = gauge.now_ns;
        self.trend
            .push(now_ns, gauge.value, gauge.counted, rule.window_ns);
        let floors = self.trend.floors()?;
        if is_growth(&floors, self.phase()) {
            let began_ns = self.rising.map_or(now_ns, |rising| rising.began_ns);
            self.rising = Some(Rising {
                began_ns,
                seen_ns: now_ns,
                floors,
            });
        }
        let patience_ns = if self.is_told {
            rule.patience_ns
        } else {
            rule.window_ns
        };
        let lasts = |rising: &Rising| now_ns.saturating_sub(rising.seen_ns) < patience_ns;
        self.rising = self.rising.filter(lasts);
        let is_long = |rising: &Rising| rising.seen_ns - rising.began_ns >= rule.lasts_ns;
        self.is_told = self.rising.as_ref().is_some_and(is_long);
        self.rising.filter(|_| self.is_told)
    }

    /// The rise is over, whatever it looked like.
    pub(super) fn end(&mut self) {
        self.rising = None;
        self.is_told = false;
    }

    /// How far it has come.
    pub(super) fn phase(&self) -> Phase {
        match self.rising {
            None => Phase::New,
            Some(_) if self.is_told => Phase::Told,
            Some(_) => Phase::Seen,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: Rule = Rule {
        window_ns: 10,
        lasts_ns: 15,
        patience_ns: 20,
    };

    /// When it was told that this gauge rises, looked at once a unit of time.
    fn told(values: impl IntoIterator<Item = u64>) -> Vec<u64> {
        let mut rise = Rise::default();
        let looks = (0..).zip(values).filter_map(|(now_ns, value)| {
            let gauge = Gauge {
                now_ns,
                value,
                counted: 0,
            };
            let rising = rise.look(gauge, RULE, |floors, _| floors.rise() >= 20);
            rising.map(|_| now_ns)
        });
        looks.collect()
    }

    #[test]
    fn a_rise_is_told_when_it_has_lasted_and_until_it_was_not_seen_for_the_patience() {
        let told = told((0..200).map(|now: u64| now.min(100)));
        // Four windows and a part of one, and what it has to last.
        assert_eq!(told.first(), Some(&(42 + 15)));
        // The oldest floor is 20 below the newest for a while after the gauge stands still.
        let last = *told.last().expect("told");
        assert!((120..145).contains(&last), "{last}");
        assert_eq!(told.len() as u64, last - 57 + 1, "without a break");
    }

    #[test]
    fn a_rise_that_is_short_is_not_told() {
        assert!(told((0..200).map(|now: u64| now.min(25))).is_empty());
    }

    #[test]
    fn a_rise_that_is_ended_begins_anew() {
        let mut rise = Rise::default();
        let look = |rise: &mut Rise, now_ns| {
            let gauge = Gauge {
                now_ns,
                value: now_ns,
                counted: 0,
            };
            rise.look(gauge, RULE, |floors, _| floors.rise() >= 20)
        };
        let before = (0..60).map(|now| look(&mut rise, now)).last();
        assert!(before.flatten().is_some());
        rise.end();
        let again = (60..80).find(|now| look(&mut rise, *now).is_some());
        assert_eq!(again, Some(75));
    }
}
