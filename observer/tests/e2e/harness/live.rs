//! The question that most tests ask: does the observer show what the target knows?

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Observer, Scrape, Target, eventually};

/// Waits until the observer shows the target's live tasks, per site and in all; says how
/// long that took.
///
/// The target counts the tasks that it spawns; each runtime's root task, a service, is beside
/// them and nothing else is.
pub fn shows_live(observer: &Observer, target: &mut Target) -> Duration {
    let (_, took) = eventually("the live tasks of every site", || {
        compare(&target.live_by_site(), &observer.scrape(), target.pid())
    });
    took
}

fn compare(truth: &BTreeMap<String, f64>, scrape: &Scrape, pid: u32) -> Result<(), String> {
    let mut shown = scrape.by_label("parkwatch_tasks_live", pid, "site");
    shown.retain(|_, live| *live != 0.0);
    for (site, live) in truth {
        let found = shown.remove(site);
        if found != Some(*live) {
            return Err(format!("{site}: {live} live, {found:?} shown"));
        }
    }
    let pid = pid.to_string();
    for (site, live) in &shown {
        let labels = [
            ("pid", pid.as_str()),
            ("site", site.as_str()),
            ("service", "true"),
        ];
        if *live != 1.0 || scrape.sum("parkwatch_site_info", &labels) != Some(1.0) {
            return Err(format!("{site}: no root task, {live} shown"));
        }
    }
    let expected = truth.values().chain(shown.values()).sum::<f64>();
    match scrape.sum("parkwatch_process_tasks_live", &[("pid", &pid)]) {
        Some(total) if total == expected => Ok(()),
        other => Err(format!("{expected} live in all, {other:?} shown")),
    }
}
