//! Stacks that widen at a rate no work explains.
//!
//! A site of a process storms while its growths in the window (1 s) are above the limit (100)
//! **and**
//!
//! - they are more than 3 per task spawned there in the window: the same tasks grow again and
//!   again, or deeper than work of this kind needs; or
//! - a task is past half its limit. In events mode that is exact for the tasks that grow:
//!   `stack_grow` says the new width, and one growth in the window to more than half the limit is
//!   enough. The ledger has no single stack, so with it alone the mean open window of the site's
//!   live tasks is taken: few deep tasks among many shallow ones of one site are then seen by the
//!   first rule only. (`stall` carries a stack pointer, but not where the stack begins, and so no
//!   depth.) The limit is taken to be the default of 256 KiB: no probe says another.
//!
//! The first values after attaching are the baseline: what grew before is no storm. That is the
//! first value of each site, up to a rotation (2 s) late: what a site grows between the attach
//! and that value is in the baseline too, and what it grows after it counts. In events mode every
//! growth since the attach counts. A storm is
//! over when for one whole window the growths per window were at most half the limit.
//!
//! The function that recurses, or has a large frame, is told by `stack_grow` itself: its growths
//! carry the instruction that touched the end of the stack. In ledger mode it is armed for a
//! process only when a storm of it has begun (`pipeline/storms.rs`), so a storm names no function
//! in its first moments, and one that is a single burst names none at all.

use std::collections::BTreeMap;

use serde_json::json;

use super::detectors::Detect;
use super::finding::Draft;
use super::recent::Recent;
use super::{Detection, Detector, Life, Settings, Severity, State};
use crate::model::{Process, Site};
use observer_ebpf_abi::DEEP_STACK_BYTES;

/// Growths per spawned task that work explains.
const GROWTHS_PER_TASK: u64 = 3;

/// Functions that a finding names.
const MAX_FUNCTIONS: usize = 5;

/// Storms of one site.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Storm {
    /// Storms that began, the present one included.
    pub begun: u64,
    /// One lasts.
    pub active: bool,
}

/// The detector.
#[derive(Debug, Default)]
pub(super) struct Storms {
    settings: Settings,
    sites: BTreeMap<(Life, usize), Watch>,
}

/// What a site did in a window.
#[derive(Clone, Copy, Debug)]
struct Window {
    growths: u64,
    deep_growths: u64,
    spawned: u64,
}

#[derive(Debug, Default)]
struct Watch {
    /// `None` before the first look.
    recent: Option<Recent<3>>,
    begun: u64,
    active: Option<Active>,
}

#[derive(Clone, Copy, Debug)]
struct Active {
    since_ns: u64,
    /// When the rate was last above half the limit.
    high_ns: u64,
    worst: u64,
}

impl Storms {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            sites: BTreeMap::new(),
        }
    }
}

impl Detect for Storms {
    fn retain(&mut self, alive: &dyn Fn(Life) -> bool) {
        self.sites.retain(|(life, _), _| alive(*life));
    }

    fn look(&mut self, now_ns: u64, process: &Process, detection: &mut Detection) {
        for (index, site) in process.sites().iter().enumerate() {
            if site.counters().growths == 0 {
                continue;
            }
            let watch = self.sites.entry((Life::of(process), index)).or_default();
            let window = watch.look(now_ns, site, &self.settings);
            let storm = Storm {
                begun: watch.begun,
                active: watch.active.is_some(),
            };
            detection.storms.insert((process.id(), index), storm);
            if let Some(active) = watch.active {
                let draft = draft(now_ns, process, index, &active, window);
                detection.findings.push(draft.of(process));
            }
        }
    }
}

impl Watch {
    /// Takes the site's counts and says what happened in the window.
    fn look(&mut self, now_ns: u64, site: &Site, settings: &Settings) -> Window {
        let window_ns = settings.storm_window_ns;
        let observed = site.observed();
        let recent = self.recent.get_or_insert_with(|| {
            // Observed counts start at zero; before this look there was nothing.
            let mut recent = Recent::default();
            recent.push(now_ns.saturating_sub(window_ns), [0; 3], window_ns);
            recent
        });
        let counts = [observed.growths, observed.deep_growths, observed.spawned];
        let [growths, deep_growths, spawned] = recent.push(now_ns, counts, window_ns);
        let window = Window {
            growths,
            deep_growths,
            spawned,
        };
        self.judge(now_ns, &window, site, settings);
        window
    }

    fn judge(&mut self, now_ns: u64, window: &Window, site: &Site, settings: &Settings) {
        if let Some(active) = &mut self.active {
            active.worst = active.worst.max(window.growths);
            if window.growths > settings.storm_growths / 2 {
                active.high_ns = now_ns;
            } else if now_ns.saturating_sub(active.high_ns) >= settings.storm_window_ns {
                self.active = None;
            }
        } else if is_storm(window, site, settings) {
            self.begun += 1;
            self.active = Some(Active {
                since_ns: now_ns,
                high_ns: now_ns,
                worst: window.growths,
            });
        }
    }
}

fn is_storm(window: &Window, site: &Site, settings: &Settings) -> bool {
    let repeated = window.growths > window.spawned.saturating_mul(GROWTHS_PER_TASK);
    let deep = window.deep_growths > 0 || is_deep(site);
    window.growths > settings.storm_growths && (repeated || deep)
}

/// The mean task is past half the default limit.
fn is_deep(site: &Site) -> bool {
    let live = site.counters().live();
    live > 0 && site.stack_bytes() / live > DEEP_STACK_BYTES
}

fn draft(now_ns: u64, process: &Process, index: usize, active: &Active, window: Window) -> Draft {
    let site = &process.sites()[index];
    let mut functions = process.growing_functions(index);
    functions.truncate(MAX_FUNCTIONS);
    let label = site.label().clone();
    let within = functions.first().map(|(function, _)| function.clone());
    let most = within
        .as_ref()
        .map_or_else(String::new, |function| format!(", most in {function}"));
    let functions = functions
        .iter()
        .map(|(function, growths)| json!({ "function": &**function, "growths": growths }));
    Draft {
        detector: Detector::Storm,
        state: State::Confirmed,
        severity: Severity::P2,
        since_ns: active.since_ns,
        last_seen_ns: active.high_ns,
        summary: format!(
            "stacks of tasks spawned at {label} grew up to {} times in one window{most}",
            active.worst,
        ),
        site: label,
        evidence: json!({
            "reason": "stack_growth",
            "function": within.as_deref(),
            "functions": functions.collect::<Vec<_>>(),
            "growths": window.growths,
            "growths_at_worst": active.worst,
            "growths_past_half_the_limit": window.deep_growths,
            "spawned": window.spawned,
            "live": site.counters().live(),
            "stack_bytes": site.stack_bytes(),
            "lasted_seconds": now_ns.saturating_sub(active.since_ns) as f64 / 1e9,
        }),
    }
}

#[cfg(test)]
#[path = "storm_tests.rs"]
mod tests;
