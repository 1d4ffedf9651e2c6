//! Tasks that wait for what nobody gives are named; tasks that wait by nature never are.

use std::time::Duration;

use crate::harness::{Observer, Target, best_of, eventually};

const STUCK_AFTER: Duration = Duration::from_secs(3);
const SLACK: Duration = Duration::from_secs(2);

fn stuck(observer: &Observer, target: &Target) -> Vec<(String, String, f64)> {
    let pid = target.pid().to_string();
    let scrape = observer.scrape();
    let mut found: Vec<_> = scrape
        .select("parkwatch_tasks_stuck", &[("pid", &pid)])
        .filter_map(|sample| {
            let prometheus_parse::Value::Gauge(value) = sample.value else {
                return None;
            };
            let label = |name: &str| sample.labels.get(name).unwrap_or_default().to_owned();
            (value > 0.0).then(|| (label("site"), label("reason"), value))
        })
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

#[test]
fn shows_tasks_parked_on_a_mutex_that_is_never_released_until_it_is() {
    let mut target = Target::start(&["--stall-period-ms", "1000"]);
    let observer = Observer::start(&["--stuck-after", "3s"]);
    best_of("stuck in and out, beyond the threshold", SLACK, |_| {
        target.command("lock");
        target.command("wait 25");
        let site = target.site_with(25.0);
        let (_, entered) = eventually("25 stuck tasks", || {
            let found = stuck(&observer, &target);
            if found == [(site.clone(), "mutex".to_owned(), 25.0)] {
                return Ok(());
            }
            Err(format!("{found:?}"))
        });
        assert!(
            entered >= STUCK_AFTER - SLACK,
            "stuck before the threshold: {entered:?}"
        );
        target.command("unlock");
        let (_, left) = eventually("no stuck task", || {
            let found = stuck(&observer, &target);
            if found.is_empty() {
                Ok(())
            } else {
                Err(format!("{found:?}"))
            }
        });
        left.max(entered.saturating_sub(STUCK_AFTER))
    });
}

#[test]
fn never_shows_tasks_that_wait_by_nature() {
    let mut target = Target::start(&["--stall-period-ms", "500"]);
    let observer = Observer::start(&["--stuck-after", "1s"]);
    for command in [
        "pool 64",
        "condvar_pool 16",
        "ticker",
        "sleepers 100",
        "join_server",
        "connections 32",
        // They are served, and idle again.
        "talk",
    ] {
        target.command(command);
    }
    // All of them have stalled for longer than the threshold once the oldest park says so.
    let pid = target.pid().to_string();
    eventually("parks older than three thresholds", || {
        assert_eq!(stuck(&observer, &target), []);
        let scrape = observer.scrape();
        let labels = [("pid", pid.as_str())];
        let oldest = scrape.select("parkwatch_park_oldest_seconds", &labels);
        let waiting = oldest.filter(|sample| match sample.value {
            prometheus_parse::Value::Gauge(seconds) => seconds > 3.0,
            _ => false,
        });
        // A pool, a condvar pool, sleepers, the join and connections at the least.
        match waiting.count() {
            0..5 => Err("not yet".to_owned()),
            _ => Ok(()),
        }
    });
    assert_eq!(stuck(&observer, &target), []);
}
