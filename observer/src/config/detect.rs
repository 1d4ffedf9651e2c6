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
    suspect_window: Option<Seconds>,
    leak_window: Option<Seconds>,
    leak_suspect_tasks: Option<u64>,
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
    level_suspect_after: Option<Seconds>,
    level_panic_window: Option<Seconds>,
}

impl Thresholds {
    /// Puts what is set into the settings.
    pub(super) fn apply(&self, settings: &mut Settings) -> Result<(), InvalidValue> {
        macro_rules! rows {
            ($($key:ident => $setting:ident,)*) => {
                [$((stringify!($key), self.$key, &mut settings.$setting)),*]
            };
        }
        let counts = rows![
            leak_suspect_tasks => leak_suspect_tasks,
            leak_tasks => leak_tasks,
            deadlock_rechecks => deadlock_rechecks,
            pile_up_tasks => pile_up_tasks,
            yield_storm_rate => yield_storm_rate,
            starvation_runnable => starvation_runnable,
            cache_growth_bytes => cache_growth_bytes,
            level_tasks => level_tasks,
        ];
        for (key, set, setting) in counts {
            if let Some(count) = set {
                *setting = super::at_least(key, count, 1)?;
            }
        }
        let windows = rows![
            suspect_window => suspect_window_ns,
            leak_window => leak_window_ns,
            pile_up_window => pile_up_window_ns,
            yield_storm_window => yield_storm_window_ns,
            starvation_window => starvation_window_ns,
            cache_growth_window => cache_growth_window_ns,
            level_after => level_after_ns,
            level_suspect_after => level_suspect_after_ns,
            level_panic_window => level_panic_window_ns,
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
