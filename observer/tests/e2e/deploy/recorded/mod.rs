//! The alerts on recorded runs: each program of the gallery is told by the alerts that are for its
//! mistake, and by no other, and nothing is told of its repaired twin.
//!
//! A run of half a minute is taken for one of two hours: what was a quarter of a second is a minute
//! to the rules. The recordings are those of `tests/histories`; each is played through the
//! observer's own stages, and what a scrape would show becomes a history for `promtool`.

mod playback;
mod series;

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::{Value, json};

use playback::scrapes;
use series::Series;

const RULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/prometheus/rules");
const LEAK: &str = "ParkwatchTaskLeak";
const STUCK: &str = "ParkwatchTasksStuck";
const STORM: &str = "ParkwatchStackGrowthStorm";
const PANIC: &str = "ParkwatchTasksPanic";
const DEADLOCK: &str = "ParkwatchDeadlock";
const FINDING: &str = "ParkwatchFinding";
/// Names no site.
const HIGH: &str = "ParkwatchTasksHigh";

/// Program, static name of its site's tasks (none: the site of its pool), and the alerts that fire.
type Row = (&'static str, &'static str, &'static [&'static str]);

const EXPECTED: [Row; 20] = [
    ("abandoned_sender", "report", &[LEAK, STUCK, FINDING]),
    ("unclosed_receiver", "follower", &[LEAK]),
    ("outliving_handler", "handler", &[LEAK, FINDING]),
    ("unstopped_ticker", "heartbeat", &[LEAK]),
    ("endless_loop", "poll", &[LEAK]),
    ("wait_group_miscount", "gather", &[LEAK]),
    ("crossed_channels", "negotiator", &[FINDING]),
    ("lock_order", "transfer", &[DEADLOCK, STUCK]),
    ("forgotten_guard", "update", &[DEADLOCK, STUCK]),
    ("exhausted_connections", "request", &[LEAK, FINDING]),
    ("silent_peer", "serve", &[LEAK]),
    ("avalanche", "event", &[LEAK, STUCK, FINDING]),
    ("hot_yield", "spin", &[FINDING]),
    ("runaway_recursion", "walk", &[STORM]),
    ("large_frames", "render", &[STORM]),
    ("growing_pool", "", &[FINDING]),
    ("ignored_cancellation", "fetch", &[LEAK]),
    ("silent_panic", "job", &[PANIC]),
    ("hogged_workers", "crunch", &[FINDING]),
    ("task_flood", "visitor", &[HIGH]),
];

/// Alerts above `info` that fired at any time, with their sites, and that series arrived at all.
fn test(name: &str, scrapes: &[String], expected: &BTreeSet<(String, String)>) -> Value {
    let series = Series::of(scrapes);
    assert!(series.len() > 20, "{name}: {} series", series.len());
    let end = format!("{}m", scrapes.len() - 1);
    let fired = format!("ALERTS{{alertstate=\"firing\",severity!=\"info\"}}[{end}]");
    let sample = |(alert, site): &(String, String)| {
        let site = if site.is_empty() {
            String::new()
        } else {
            format!(",site=\"{site}\"")
        };
        json!({"labels": format!("{{alertname=\"{alert}\"{site}}}"), "value": 1})
    };
    json!({
        "name": name,
        "interval": "1m",
        "input_series": series.to_promtool(),
        "promql_expr_test": [
            {
                "expr": "count(parkwatch:process_live)",
                "eval_time": end,
                "exp_samples": [{"labels": "{}", "value": 1}],
            },
            {
                "expr": format!("group by (alertname, site) (count_over_time({fired}))"),
                "eval_time": end,
                "exp_samples": expected.iter().map(sample).collect::<Vec<_>>(),
            },
        ],
    })
}

/// The site that a row blames, as its series name it.
fn site_of(name: &str, scrape: &str) -> String {
    let of_pool = "parkwatch_pool_retained_bytes{";
    let named = format!("name=\"{name}\"");
    let is_it = |line: &&str| match name {
        "" => line.starts_with(of_pool),
        _ => line.starts_with("parkwatch_site_info{") && line.contains(&named),
    };
    let line = scrape.lines().find(is_it).expect(name);
    let (_, rest) = line.split_once("site=\"").expect("a site");
    rest.split('"').next().expect("its end").to_owned()
}

fn sick_test((program, tasks, alerts): &Row) -> Value {
    let scrapes = scrapes(program);
    let site = site_of(tasks, scrapes.last().expect("a scrape"));
    let at_site = |alert: &&str| {
        let site = if *alert == HIGH { "" } else { &site };
        ((*alert).to_owned(), site.to_owned())
    };
    test(program, &scrapes, &alerts.iter().map(at_site).collect())
}

fn repaired_test((program, ..): &Row) -> Value {
    let name = format!("{program}.repaired");
    test(&name, &scrapes(&name), &BTreeSet::new())
}

/// What promtool says to these tests, all rules but the observer's own loaded; empty if they hold.
fn judge(tests: Vec<Value>) -> String {
    let rules = ["series", "leak", "levels", "tasks"].map(|name| format!("{RULES}/{name}.yaml"));
    let file = tempfile::NamedTempFile::new().expect("a file");
    let text = json!({"rule_files": rules, "evaluation_interval": "1m", "tests": tests});
    std::fs::write(file.path(), text.to_string()).expect("written");
    let output = Command::new("promtool")
        .args(["test", "rules"])
        .arg(file.path())
        .output()
        .expect("promtool starts");
    if output.status.success() {
        return String::new();
    }
    let said = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&said).into_owned()
}

#[test]
fn every_recorded_mistake_is_told_by_the_alerts_that_are_for_it() {
    let said = judge(EXPECTED.iter().map(sick_test).collect());
    assert!(said.is_empty(), "{said}");
}

#[test]
fn no_alert_is_told_of_the_repaired_twins() {
    let said = judge(EXPECTED.iter().map(repaired_test).collect());
    assert!(said.is_empty(), "{said}");
}
