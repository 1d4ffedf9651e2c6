//! Numbers that no healthy program of this kind reaches, whatever their trend.
//!
//! - *live*: live tasks of a process, services not counted, above the level (5,000) for two
//!   minutes (p2), or above twice the level for 15 s (p1). Above 30 % of it for half a minute
//!   (1,500), or from 40 % (2,000) until they are back at 30 %, is *suspected*: for the record, and
//!   for a dump that is made while there is still room for one. These are the water levels of
//!   `deploy/prometheus/rules/levels.yaml`. Names the site with the most of them.
//! - *panicked*: a task panicked within the window (10 minutes), since we look. A panic is a
//!   defect every time, and one that nobody joins is seen nowhere else.

use std::collections::BTreeMap;

use serde_json::json;

use super::detectors::Detect;
use super::finding::Draft;
use super::floor::Floor;
use super::recent::Recent;
use super::{Detection, Detector, Life, Settings, Severity, State};
use crate::model::{Process, Site};

/// Part of the time above the level after which twice the level is critical.
const CRITICAL_PART: u64 = 8;

/// Percent of the level that are noted: after a while, and at once.
const NOTED_PERCENT: u64 = 30;
const NOTED_AT_ONCE_PERCENT: u64 = 40;

/// The detector.
#[derive(Debug, Default)]
pub(super) struct Level {
    settings: Settings,
    live: BTreeMap<Life, Live>,
    panics: BTreeMap<(Life, usize), Panics>,
}

/// How long live tasks are above the level, by what follows from it.
#[derive(Debug, Default)]
struct Live {
    noted: Watch,
    surge_since_ns: Option<u64>,
    high: Watch,
    critical: Watch,
}

#[derive(Debug, Default)]
struct Watch {
    floor: Floor,
    since_ns: Option<u64>,
}

#[derive(Debug, Default)]
struct Panics {
    recent: Recent<1>,
    /// The first and the last look that found more than the one before.
    began_ns: u64,
    last_ns: u64,
    known: u64,
}

impl Level {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            ..Self::default()
        }
    }

    fn look_at_live(&mut self, now_ns: u64, process: &Process) -> Option<Draft> {
        let level = self.settings.level_tasks;
        let services = process.sites().iter().filter(|site| site.is_service());
        let services: u64 = services.map(|site| site.counters().live()).sum();
        let live = process.totals().live().saturating_sub(services);
        let watches = self.live.entry(Life::of(process)).or_default();
        let (state, severity, since_ns) = watches.look(now_ns, live, &self.settings)?;
        let ordinary = process.sites().iter().filter(|site| !site.is_service());
        let most = ordinary.max_by_key(|site| site.counters().live())?;
        let label = most.label();
        Some(Draft {
            detector: Detector::Level,
            state,
            severity,
            site: label.clone(),
            since_ns,
            last_seen_ns: now_ns,
            summary: format!("{live} live tasks, most of them spawned at {label}"),
            evidence: json!({
                "reason": "live",
                "live": live,
                "level": level,
                "live_of_site": most.counters().live(),
            }),
        })
    }

    fn look_at_panics(&mut self, now_ns: u64, process: &Process, detection: &mut Detection) {
        for (index, site) in process.sites().iter().enumerate() {
            if site.observed().panicked == 0 {
                continue;
            }
            let panics = self.panics.entry((Life::of(process), index)).or_default();
            if let Some(draft) = panics.look(now_ns, site, self.settings.level_panic_window_ns) {
                detection.findings.push(draft.of(process));
            }
        }
    }
}

impl Detect for Level {
    fn retain(&mut self, alive: &dyn Fn(Life) -> bool) {
        self.live.retain(|life, _| alive(*life));
        self.panics.retain(|(life, _), _| alive(*life));
    }

    fn look(&mut self, now_ns: u64, process: &Process, detection: &mut Detection) {
        let live = self.look_at_live(now_ns, process);
        detection
            .findings
            .extend(live.map(|draft| draft.of(process)));
        self.look_at_panics(now_ns, process, detection);
    }
}

impl Live {
    /// How sure it is that there are too many, how bad that is, and since when.
    fn look(
        &mut self,
        now_ns: u64,
        live: u64,
        settings: &Settings,
    ) -> Option<(State, Severity, u64)> {
        let (level, after_ns) = (settings.level_tasks, settings.level_after_ns);
        let noted_ns = settings.level_suspect_after_ns;
        let critical_ns = after_ns / CRITICAL_PART;
        let noted = self
            .noted
            .look(now_ns, live, percent(NOTED_PERCENT, level), noted_ns);
        let surge = self.surge(now_ns, live, level);
        let high = self.high.look(now_ns, live, level, after_ns);
        let twice = level.saturating_mul(2);
        let critical = self.critical.look(now_ns, live, twice, critical_ns);
        let found = |since_ns: Option<u64>, state, severity| Some((state, severity, since_ns?));
        found(critical, State::Confirmed, Severity::P1)
            .or(found(high, State::Confirmed, Severity::P2))
            .or(found(noted.or(surge), State::Suspected, Severity::P2))
    }

    /// Since when there are so many that one look is enough; it ends lower than it began.
    fn surge(&mut self, now_ns: u64, live: u64, level: u64) -> Option<u64> {
        if live >= percent(NOTED_AT_ONCE_PERCENT, level).max(1) {
            self.surge_since_ns.get_or_insert(now_ns);
        } else if live <= percent(NOTED_PERCENT, level) {
            self.surge_since_ns = None;
        }
        self.surge_since_ns
    }
}

fn percent(share: u64, level: u64) -> u64 {
    level.saturating_mul(share) / 100
}

impl Watch {
    /// Since when the level was exceeded, once that is long enough.
    fn look(&mut self, now_ns: u64, value: u64, level: u64, after_ns: u64) -> Option<u64> {
        self.floor.push(now_ns, value, after_ns);
        let exceeded = self.floor.least(now_ns, after_ns) > Some(level);
        self.since_ns = exceeded.then(|| {
            let since_ns = now_ns.saturating_sub(after_ns);
            self.since_ns.unwrap_or(since_ns)
        });
        self.since_ns
    }
}

impl Panics {
    fn look(&mut self, now_ns: u64, site: &Site, window_ns: u64) -> Option<Draft> {
        let observed = site.observed().panicked;
        if self.known == 0 {
            // The counts that are observed begin at zero; before this look there was nothing.
            self.began_ns = now_ns;
            self.recent.push(now_ns, [0], window_ns);
        }
        if observed > self.known {
            if now_ns.saturating_sub(self.last_ns) >= window_ns {
                self.began_ns = now_ns;
            }
            self.last_ns = now_ns;
            self.known = observed;
        }
        let [panicked] = self.recent.push(now_ns, [observed], window_ns);
        if now_ns.saturating_sub(self.last_ns) >= window_ns {
            return None;
        }
        let label = site.label();
        let panicked = panicked.max(1);
        let noun = if panicked == 1 { "task" } else { "tasks" };
        Some(Draft {
            detector: Detector::Level,
            state: State::Confirmed,
            severity: Severity::P2,
            site: label.clone(),
            since_ns: self.began_ns,
            last_seen_ns: self.last_ns,
            summary: format!("{panicked} {noun} spawned at {label} panicked lately"),
            evidence: json!({
                "reason": "panicked",
                "panicked": panicked,
                "panicked_ever": site.counters().panicked,
                "spawned_ever": site.counters().spawned,
            }),
        })
    }
}
