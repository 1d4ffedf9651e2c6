//! The file's table `[detect]`: thresholds of the detectors that have no flag.
//!
//! Their reasons are with `detect::Settings`.

use serde::Deserialize;

use super::{InvalidValue, Seconds};
use crate::detect::Settings;

/// The shortest window of which a step of the pipeline sees every part.
const LEAST_WINDOW_NS: u64 = 1_000_000_000;

/// Thresholds that a user may set; absent where he did not.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Thresholds {
    leak_window: Option<Seconds>,
    leak_tasks: Option<u64>,
    deadlock_rechecks: Option<u64>,
    pile_up_tasks: Option<u64>,
    pile_up_window: Option<Seconds>,
    yield_storm_rate: Option<u64>,
    yield_storm_window: Option<Seconds>,
    starvation_runnable: Option<u64>,
    starvation_window: Option<Seconds>,
    cache_growth_bytes: Option<u64>,
    cache_growth_window: Option<Seconds>,
    level_tasks: Option<u64>,
    level_after: Option<Seconds>,
    level_panic_window: Option<Seconds>,
}

impl Thresholds {
    /// Puts what is set into the settings.
    pub(super) fn apply(&self, settings: &mut Settings) -> Result<(), InvalidValue> {
        let counts = [
            ("leak_tasks", self.leak_tasks, &mut settings.leak_tasks),
            (
                "deadlock_rechecks",
                self.deadlock_rechecks,
                &mut settings.deadlock_rechecks,
            ),
            (
                "pile_up_tasks",
                self.pile_up_tasks,
                &mut settings.pile_up_tasks,
            ),
            (
                "yield_storm_rate",
                self.yield_storm_rate,
                &mut settings.yield_storm_rate,
            ),
            (
                "starvation_runnable",
                self.starvation_runnable,
                &mut settings.starvation_runnable,
            ),
            (
                "cache_growth_bytes",
                self.cache_growth_bytes,
                &mut settings.cache_growth_bytes,
            ),
            ("level_tasks", self.level_tasks, &mut settings.level_tasks),
        ];
        for (key, set, setting) in counts {
            if let Some(count) = set {
                *setting = super::at_least(key, count, 1)?;
            }
        }
        let windows = [
            (
                "leak_window",
                self.leak_window,
                &mut settings.leak_window_ns,
            ),
            (
                "pile_up_window",
                self.pile_up_window,
                &mut settings.pile_up_window_ns,
            ),
            (
                "yield_storm_window",
                self.yield_storm_window,
                &mut settings.yield_storm_window_ns,
            ),
            (
                "starvation_window",
                self.starvation_window,
                &mut settings.starvation_window_ns,
            ),
            (
                "cache_growth_window",
                self.cache_growth_window,
                &mut settings.cache_growth_window_ns,
            ),
            (
                "level_after",
                self.level_after,
                &mut settings.level_after_ns,
            ),
            (
                "level_panic_window",
                self.level_panic_window,
                &mut settings.level_panic_window_ns,
            ),
        ];
        for (key, set, setting) in windows {
            match set.map(Seconds::as_ns) {
                Some(ns) if ns < LEAST_WINDOW_NS => {
                    let problem = "must be at least 1s".to_owned();
                    return Err(InvalidValue { key, problem });
                }
                Some(ns) => *setting = ns,
                None => {}
            }
        }
        Ok(())
    }
}
