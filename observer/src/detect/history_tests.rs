//! The detectors on histories of the gallery's programs, recorded as
//! `observer/tests/histories/README.md` says.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use globset::Glob;

use crate::collect::{Step, read_history};
use crate::detect::{Allowance, Detector, Detectors, Finding, Settings};
use crate::model::Model;
use crate::model::fixtures::{ID, PID, meta};

const SECOND: u64 = 1_000_000_000;

/// What each program is to be found guilty of: detector, state, static name of the site's tasks
/// (pools have none), reason.
const EXPECTED: [(&str, &str, &str, &str, &str); 20] = [
    (
        "abandoned_sender",
        "leak",
        "confirmed",
        "report",
        "chan_send",
    ),
    (
        "unclosed_receiver",
        "leak",
        "confirmed",
        "follower",
        "chan_recv",
    ),
    (
        "outliving_handler",
        "leak",
        "confirmed",
        "handler",
        "condvar",
    ),
    ("unstopped_ticker", "leak", "suspected", "heartbeat", "none"),
    ("endless_loop", "leak", "suspected", "poll", "none"),
    (
        "wait_group_miscount",
        "leak",
        "confirmed",
        "gather",
        "wait_group",
    ),
    (
        "crossed_channels",
        "deadlock",
        "suspected",
        "negotiator",
        "chan_recv",
    ),
    ("lock_order", "deadlock", "confirmed", "transfer", "mutex"),
    (
        "forgotten_guard",
        "deadlock",
        "confirmed",
        "update",
        "mutex",
    ),
    (
        "exhausted_connections",
        "pile_up",
        "confirmed",
        "request",
        "chan_recv",
    ),
    ("silent_peer", "leak", "suspected", "serve", "io_read"),
    ("avalanche", "pile_up", "confirmed", "event", "chan_send"),
    ("hot_yield", "yield_storm", "confirmed", "spin", "yield"),
    (
        "runaway_recursion",
        "storm",
        "confirmed",
        "walk",
        "stack_growth",
    ),
    (
        "large_frames",
        "storm",
        "confirmed",
        "render",
        "stack_growth",
    ),
    (
        "growing_pool",
        "cache_growth",
        "confirmed",
        "",
        "retained_bytes",
    ),
    (
        "ignored_cancellation",
        "leak",
        "confirmed",
        "fetch",
        "chan_recv",
    ),
    ("silent_panic", "level", "confirmed", "job", "panicked"),
    (
        "hogged_workers",
        "starvation",
        "confirmed",
        "crunch",
        "runnable",
    ),
    ("task_flood", "level", "confirmed", "visitor", "live"),
];

/// Windows so short that half a minute of history is enough.
fn settings() -> Settings {
    Settings {
        stuck_after_ns: 8 * SECOND,
        leak_window_ns: 3 * SECOND,
        leak_tasks: 20,
        pile_up_tasks: 30,
        pile_up_window_ns: 3 * SECOND,
        yield_storm_window_ns: 3 * SECOND,
        starvation_window_ns: 3 * SECOND,
        cache_growth_bytes: 1 << 20,
        cache_growth_window_ns: 3 * SECOND,
        level_tasks: 1_000,
        level_after_ns: 4 * SECOND,
        level_panic_window_ns: 30 * SECOND,
        ..Settings::default()
    }
}

/// Plays a history back; every finding of every step, and the model at the end.
fn play(name: &str, settings: Settings) -> (Vec<Finding>, Model) {
    play_to(Detectors::new(settings), steps(name))
}

fn steps(name: &str) -> Vec<Step> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/histories");
    let text = fs::read_to_string(folder.join(format!("{name}.history"))).expect(name);
    read_history(&text, PID, SECOND).unwrap_or_else(|line| panic!("{name}:{line}"))
}

fn play_to(mut detectors: Detectors, steps: Vec<Step>) -> (Vec<Finding>, Model) {
    let mut model = Model::new();
    model.appear(ID, meta("gallery"));
    let mut found = Vec::new();
    for step in steps {
        step.records.iter().for_each(|record| model.record(record));
        model.observe(step.now_ns, &step.snapshot);
        for (key, text) in &step.texts {
            model.learn(PID, *key, text);
        }
        model.settle(step.now_ns);
        found.extend(detectors.look(step.now_ns, 0, &model).findings);
    }
    (found, model)
}

fn site_name(model: &Model, label: &str) -> String {
    let process = model.processes().next().expect("one process");
    let site = process.sites().iter().find(|site| **site.label() == *label);
    site.expect("a known site").name()
}

#[test]
fn every_program_of_the_gallery_is_found_guilty_of_its_mistake() {
    for (name, detector, state, site, reason) in EXPECTED {
        let (found, model) = play(name, settings());
        let told: BTreeSet<_> = found
            .iter()
            .map(|finding| {
                let site = site_name(&model, &finding.site);
                let reason = finding.reason().to_owned();
                (finding.detector.name(), finding.state.name(), site, reason)
            })
            .collect();
        let expected = (detector, state, site.to_owned(), reason.to_owned());
        assert!(told.contains(&expected), "{name}: {told:?}");
        assert!(
            told.iter().all(|(_, _, at, _)| at == site),
            "{name} blames others: {told:?}"
        );
    }
}

#[test]
fn nothing_is_said_of_their_repaired_twins() {
    for (name, ..) in EXPECTED {
        let (found, _) = play(&format!("{name}.repaired"), settings());
        let told: BTreeSet<_> = found.iter().map(|finding| &finding.summary).collect();
        assert!(told.is_empty(), "{name}: {told:?}");
    }
}

#[test]
fn a_leak_is_told_after_six_windows_and_not_before() {
    let (found, _) = play("unclosed_receiver", settings());
    let first = found.first().expect("it leaks");
    let after_ns = first.last_seen_ns - SECOND;
    // The load begins before the first hit or with it; a part of a window is 0.6 s.
    assert!(after_ns >= 6 * 3 * SECOND - SECOND, "{after_ns}");
    assert!(after_ns <= 6 * 3 * SECOND + 3 * SECOND, "{after_ns}");
}

#[test]
fn a_leak_of_half_a_minute_is_none_by_the_default_thresholds() {
    let (mut found, _) = play("unclosed_receiver", Settings::default());
    found.retain(|finding| finding.detector.name() == "leak");
    assert_eq!(found, []);
}

#[test]
fn what_is_allowed_is_listed_with_its_reason_until_it_expires() {
    let glob = |pattern: &str| Glob::new(pattern).expect("a pattern").compile_matcher();
    // The stuck senders are told from 9 s on; the leak from 18 s on.
    let expires_ns = 15 * SECOND;
    let allowance = Allowance {
        exe: glob("gallery"),
        site: glob("*/abandoned_sender.rs:*"),
        detector: Detector::Stuck,
        until_unix_ns: expires_ns,
        why: "known".into(),
    };
    let detectors = Detectors::new(settings()).allowing(vec![allowance]);
    let (found, _) = play_to(detectors, steps("abandoned_sender"));
    let (stuck, others): (Vec<_>, Vec<_>) = found
        .iter()
        .partition(|finding| finding.detector == Detector::Stuck);
    let allowed = stuck.iter().filter(|finding| finding.allowed.is_some());
    let allowed_count = allowed.clone().count();
    assert!(0 < allowed_count && allowed_count < stuck.len());
    assert!(
        allowed
            .clone()
            .all(|finding| finding.last_seen_ns < expires_ns)
    );
    assert!(others.iter().all(|finding| finding.allowed.is_none()));
}
