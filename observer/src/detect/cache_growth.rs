//! Object pools that keep more and more.
//!
//! Two looks at the bytes that a pool retains:
//!
//! - *early*: over four windows of 7 s, and for two more, they rose by 16 MiB at least, about as
//!   much from each window to the next, and by more than twice what new objects explain: as many
//!   bytes for each that was made meanwhile as there are for each that was ever made. A pool that
//!   fills makes its objects; one whose objects come back larger does not, nor does one that is
//!   only given to. That is *suspected* after some 45 s.
//! - *late*: the floor has risen in each of three windows of a minute, by 16 MiB at least and by
//!   more than more use explains (`trend.rs`): with n % more objects taken, n % more of them lie
//!   about. Then it is *confirmed*.
//!
//! It is over when the floor has not risen for a window of the late look.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;

use super::detectors::Detect;
use super::finding::Draft;
use super::rise::{Gauge, Phase, Rise, Rising, Rule};
use super::trend::Floors;
use super::{Detection, Detector, Life, Settings, Severity, State};
use crate::model::{Pool, Process};

/// Windows for which the rise of the early look must go on before it is told.
const PATIENCE: u64 = 2;

/// The detector.
#[derive(Debug, Default)]
pub(super) struct CacheGrowth {
    settings: Settings,
    pools: BTreeMap<(Life, usize), Watch>,
}

#[derive(Debug, Default)]
struct Watch {
    early: Rise,
    late: Rise,
}

impl CacheGrowth {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            pools: BTreeMap::new(),
        }
    }
}

impl Detect for CacheGrowth {
    fn retain(&mut self, alive: &dyn Fn(Life) -> bool) {
        self.pools.retain(|(life, _), _| alive(*life));
    }

    fn look(&mut self, now_ns: u64, process: &Process, detection: &mut Detection) {
        for (site, pool) in process.pools() {
            let watch = self.pools.entry((Life::of(process), *site)).or_default();
            if let Some((state, rising)) = watch.look(now_ns, pool, &self.settings) {
                let label = process.sites()[*site].label().clone();
                let draft = draft(label, pool, state, &rising);
                detection.findings.push(draft.of(process));
            }
        }
    }
}

impl Watch {
    fn look(&mut self, now_ns: u64, pool: &Pool, settings: &Settings) -> Option<(State, Rising)> {
        let gauge = |counted| Gauge {
            now_ns,
            value: pool.retained_bytes,
            counted,
        };
        let patience_ns = settings.cache_growth_window_ns;
        let rule = |window_ns, windows| Rule {
            window_ns,
            lasts_ns: windows * window_ns,
            patience_ns,
        };
        let least = settings.cache_growth_bytes;
        let swells = |floors: &Floors, _| floors.is_steady(least) && !is_made(floors, pool);
        let early = rule(settings.suspect_window_ns, PATIENCE);
        let early = self.early.look(gauge(pool.misses), early, swells);
        let grows = |floors: &Floors, phase| floors.is_growth(least, phase != Phase::New);
        let used = pool.hits.saturating_add(pool.misses);
        let late = self.late.look(gauge(used), rule(patience_ns, 0), grows);
        let early = early.map(|rising| (State::Suspected, rising));
        late.map(|rising| (State::Confirmed, rising)).or(early)
    }
}

/// Objects that were made meanwhile explain half of the rise.
fn is_made(floors: &Floors, pool: &Pool) -> bool {
    let (made, ever) = (floors.counted(), pool.misses.max(1));
    let explained = u128::from(pool.retained_bytes) * u128::from(made) / u128::from(ever);
    u128::from(floors.rise()) <= 2 * explained
}

fn draft(site: Arc<str>, pool: &Pool, state: State, rising: &Rising) -> Draft {
    let mebibytes = pool.retained_bytes as f64 / f64::from(1 << 20);
    Draft {
        detector: Detector::CacheGrowth,
        state,
        severity: Severity::P2,
        since_ns: rising.began_ns,
        last_seen_ns: rising.seen_ns,
        summary: format!(
            "the object pool made at {site} retains {mebibytes:.1} MiB, more and more for the same use"
        ),
        site,
        evidence: json!({
            "reason": "retained_bytes",
            "retained_bytes": pool.retained_bytes,
            "floors": rising.floors.least,
            // When it is suspected the objects that were made, then those that were taken.
            (if state == State::Suspected { "made_by_window" } else { "used_by_window" }):
                rising.floors.counted,
            "hits": pool.hits,
            "misses": pool.misses,
        }),
    }
}
