//! Tasks that yield in a loop instead of waiting.
//!
//! A site storms if its tasks yield faster than the threshold over a whole window (20,000 a second
//! over 5 s), and a hundred times for each park and each spawn there: whoever computes and yields
//! to be polite does so every few milliseconds, whoever yields in a loop every few hundred
//! nanoseconds. It is over when the rate is below half the threshold.

use std::collections::BTreeMap;

use serde_json::json;

use super::detectors::Detect;
use super::finding::Draft;
use super::recent::Recent;
use super::{Detection, Detector, Life, Settings, Severity, State};
use crate::model::{Process, Site};

/// Yields for each park or spawn from which they are a loop's.
const YIELDS_PER_WORK: u64 = 100;

/// The detector.
#[derive(Debug, Default)]
pub(super) struct YieldStorm {
    settings: Settings,
    sites: BTreeMap<(Life, usize), Watch>,
}

#[derive(Debug, Default)]
struct Watch {
    /// Yields, and parks with spawns.
    recent: Recent<2>,
    since_ns: Option<u64>,
}

impl YieldStorm {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            sites: BTreeMap::new(),
        }
    }
}

impl Detect for YieldStorm {
    fn retain(&mut self, alive: &dyn Fn(Life) -> bool) {
        self.sites.retain(|(life, _), _| alive(*life));
    }

    fn look(&mut self, now_ns: u64, process: &Process, detection: &mut Detection) {
        for (index, site) in process.sites().iter().enumerate() {
            if site.counters().yields == 0 {
                continue;
            }
            let watch = self.sites.entry((Life::of(process), index)).or_default();
            if let Some((since_ns, rate)) = watch.look(now_ns, site, &self.settings) {
                let draft = draft(now_ns, site, since_ns, rate);
                detection.findings.push(draft.of(process));
            }
        }
    }
}

impl Watch {
    /// Since when it storms, and the rate now.
    fn look(&mut self, now_ns: u64, site: &Site, settings: &Settings) -> Option<(u64, u64)> {
        let window_ns = settings.yield_storm_window_ns;
        let counters = site.counters();
        let counts = [counters.yields, counters.parks + counters.spawned];
        let [yields, work] = self.recent.push(now_ns, counts, window_ns);
        let per_second = u128::from(yields) * 1_000_000_000 / u128::from(window_ns.max(1));
        let rate = u64::try_from(per_second).unwrap_or(u64::MAX);
        let threshold = match self.since_ns {
            Some(_) => settings.yield_storm_rate / 2,
            None => settings.yield_storm_rate,
        };
        let is_loop = yields > work.saturating_mul(YIELDS_PER_WORK);
        if rate > threshold && is_loop && self.recent.is_whole(now_ns, window_ns) {
            self.since_ns
                .get_or_insert(now_ns.saturating_sub(window_ns));
        } else {
            self.since_ns = None;
        }
        self.since_ns.map(|since_ns| (since_ns, rate))
    }
}

fn draft(now_ns: u64, site: &Site, since_ns: u64, rate: u64) -> Draft {
    let label = site.label();
    Draft {
        detector: Detector::YieldStorm,
        state: State::Confirmed,
        severity: Severity::P2,
        site: label.clone(),
        since_ns,
        last_seen_ns: now_ns,
        summary: format!("tasks spawned at {label} yield {rate} times a second instead of waiting"),
        evidence: json!({
            "reason": "yield",
            "yields_per_second": rate,
            "live": site.counters().live(),
        }),
    }
}
