//! Object pools that keep more and more.
//!
//! A pool grows if the floor of the bytes that it retains has risen in each of three windows, by
//! 16 MiB at least and by more than more use explains (`trend.rs`): with n % more objects taken,
//! n % more of them lie about. A pool that is filled once does not; one whose objects come back
//! larger each time does, and so does one that is only given to. It is over when the floor has not
//! risen for a window.

use std::collections::BTreeMap;

use serde_json::json;

use super::detectors::Detect;
use super::finding::Draft;
use super::trend::{Floors, Trend};
use super::{Detection, Detector, Life, Settings, Severity, State};
use crate::model::{Pool, Process};

/// The detector.
#[derive(Debug, Default)]
pub(super) struct CacheGrowth {
    settings: Settings,
    pools: BTreeMap<(Life, usize), Watch>,
}

#[derive(Debug, Default)]
struct Watch {
    retained: Trend,
    growing: Option<Growing>,
}

#[derive(Clone, Copy, Debug)]
struct Growing {
    began_ns: u64,
    seen_ns: u64,
    floors: Floors,
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
            if let Some(growing) = watch.look(now_ns, pool, &self.settings) {
                let label = process.sites()[*site].label().clone();
                detection
                    .findings
                    .push(draft(label, pool, &growing).of(process));
            }
        }
    }
}

impl Watch {
    fn look(&mut self, now_ns: u64, pool: &Pool, settings: &Settings) -> Option<Growing> {
        let window_ns = settings.cache_growth_window_ns;
        let used = pool.hits.saturating_add(pool.misses);
        self.retained
            .push(now_ns, pool.retained_bytes, used, window_ns);
        let floors = self.retained.floors()?;
        if floors.is_growth(settings.cache_growth_bytes, self.growing.is_some()) {
            let growing = self.growing.get_or_insert(Growing {
                began_ns: now_ns,
                seen_ns: now_ns,
                floors,
            });
            growing.seen_ns = now_ns;
            growing.floors = floors;
        }
        self.growing = self
            .growing
            .filter(|growing| now_ns.saturating_sub(growing.seen_ns) < window_ns);
        self.growing
    }
}

fn draft(site: std::sync::Arc<str>, pool: &Pool, growing: &Growing) -> Draft {
    let mebibytes = pool.retained_bytes as f64 / f64::from(1 << 20);
    Draft {
        detector: Detector::CacheGrowth,
        state: State::Confirmed,
        severity: Severity::P2,
        since_ns: growing.began_ns,
        last_seen_ns: growing.seen_ns,
        summary: format!(
            "the object pool made at {site} retains {mebibytes:.1} MiB, more and more for the same use"
        ),
        site,
        evidence: json!({
            "reason": "retained_bytes",
            "retained_bytes": pool.retained_bytes,
            "floors": growing.floors.least,
            "used_by_window": growing.floors.counted,
            "hits": pool.hits,
            "misses": pool.misses,
        }),
    }
}
