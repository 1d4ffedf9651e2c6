//! Thresholds of the detectors, each with its reason.

const SECOND: u64 = 1_000_000_000;

/// Thresholds of the detectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Age of a stall from which it is stuck. 30 s: longer than a slow disk or a failover of a
    /// database lets a lock be held.
    pub stuck_after_ns: u64,
    /// Growths of one site in a window above which it may be a storm.
    pub storm_growths: u64,
    /// That window.
    pub storm_window_ns: u64,
    /// The window of the early looks at leaks and pools, which are suspected after six and a part
    /// of one. 7 s: with the 2 s until a site is known that is told within 50 s, and six are
    /// longer than bursts take to be worked off, and than most jobs take to begin their parts.
    pub suspect_window_ns: u64,
    /// The window over which a leak's floor is taken by the late look. 1 min: longer than
    /// requests take and bursts last. A leak is told after six.
    pub leak_window_ns: u64,
    /// Tasks by which the floor must rise over three windows of the early look. 100: twice as
    /// many as pools have of workers and connections, which are made one by one as well.
    pub leak_suspect_tasks: u64,
    /// Tasks by which the floor must rise over three windows. 30: fewer are the jitter of a small
    /// service.
    pub leak_tasks: u64,
    /// Rotations in which a deadlock must be named again: an owner may be stale, a cycle of
    /// stale owners that comes back three times is none.
    pub deadlock_rechecks: u64,
    /// Tasks on one resource from which they may pile up. 50: more than pools have of workers
    /// and connections.
    pub pile_up_tasks: u64,
    /// The window over which a queue's floor is taken. 5 s: only tasks that have waited for a
    /// stall period (10 s) are in it, so a queue that grows over four windows is half a minute
    /// behind, and not busy.
    pub pile_up_window_ns: u64,
    /// Yields a second of one site. 20,000: whoever yields to be polite does so every
    /// millisecond or so, and a loop manages millions.
    pub yield_storm_rate: u64,
    /// For how long. 5 s: no short spin before a park.
    pub yield_storm_window_ns: u64,
    /// Runnable tasks for each worker. 8: one that becomes runnable then waits for as many
    /// others.
    pub starvation_runnable: u64,
    /// For how long, with every worker busy. 10 s: bursts are worked off by then.
    pub starvation_window_ns: u64,
    /// Bytes by which the floor of what a pool retains must rise over three windows, of either
    /// look. 16 MiB: less is no reason to look.
    pub cache_growth_bytes: u64,
    /// The window of that floor. 1 min: a pool fills within a few.
    pub cache_growth_window_ns: u64,
    /// Live tasks of a process, services not counted. 5,000: the water level of the alerts.
    pub level_tasks: u64,
    /// For how long. 2 min; above twice the level an eighth of it: memory goes quickly there.
    pub level_after_ns: u64,
    /// For how long 30 % of it is exceeded until that is suspected; 40 % is at once. 30 s: a burst is
    /// worked off by then.
    pub level_suspect_after_ns: u64,
    /// For how long a panic is told. 10 min, as the alerts do.
    pub level_panic_window_ns: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            stuck_after_ns: 30 * SECOND,
            storm_growths: 100,
            storm_window_ns: SECOND,
            suspect_window_ns: 7 * SECOND,
            leak_window_ns: 60 * SECOND,
            leak_suspect_tasks: 100,
            leak_tasks: 30,
            deadlock_rechecks: 3,
            pile_up_tasks: 50,
            pile_up_window_ns: 5 * SECOND,
            yield_storm_rate: 20_000,
            yield_storm_window_ns: 5 * SECOND,
            starvation_runnable: 8,
            starvation_window_ns: 10 * SECOND,
            cache_growth_bytes: 16 << 20,
            cache_growth_window_ns: 60 * SECOND,
            level_tasks: 5_000,
            level_after_ns: 120 * SECOND,
            level_suspect_after_ns: 30 * SECOND,
            level_panic_window_ns: 600 * SECOND,
        }
    }
}
