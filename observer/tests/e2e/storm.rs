//! Recursion that widens stack after stack is counted exactly and flagged while it lasts.

use std::time::Duration;

use serde_json::Value;

use crate::harness::{Bpftrace, Gallery, Observer, Target, best_of, eventually, shows_live};

const BOUND: Duration = Duration::from_secs(2);

fn active(observer: &Observer, target: &Target) -> Vec<String> {
    let shown =
        observer
            .scrape()
            .by_label("parkwatch_stack_growth_storm_active", target.pid(), "site");
    shown
        .into_iter()
        .filter(|(_, value)| *value > 0.0)
        .map(|(site, _)| site)
        .collect()
}

#[test]
fn flags_a_recursion_storm_and_counts_every_growth() {
    let observer = Observer::start(&["--max-sites", "2000"]);
    best_of("flagged", BOUND, |_| {
        // A fresh target each time: a stack that was widened before does not grow again.
        let mut target = Target::start(&[]);
        // The site is known before its storm; what a site brings when it is met is a baseline.
        target.command("recurse 1 1000");
        shows_live(&observer, &mut target);
        let pid = target.pid();
        let before = growths(&observer, pid);
        let witness = Bpftrace::attach(&target, "stack_grow", "@growths = count();");
        target.command("recurse 400 600000");
        let site = target.site_with(401.0);
        let (_, flagged) = eventually("the storm is flagged", || {
            match active(&observer, &target) {
                found if found == [site.clone()] => Ok(()),
                found => Err(format!("{found:?}")),
            }
        });
        let maps = witness.finish();
        let seen = maps
            .lines()
            .find_map(|line| line.strip_prefix("@growths: "));
        let seen: f64 = seen.and_then(|text| text.parse().ok()).expect("a count");
        eventually("every growth counted", || {
            match growths(&observer, pid) - before {
                counted if counted == seen => Ok(()),
                counted => Err(format!("{counted} of {seen}")),
            }
        });
        target.command("unrecurse");
        let (_, unflagged) = eventually("the storm is over", || match active(&observer, &target) {
            found if found.is_empty() => Ok(()),
            found => Err(format!("{found:?}")),
        });
        println!("unflagged after {unflagged:.2?}");
        flagged
    });
}

#[test]
fn does_not_flag_what_grew_before_it_attached() {
    let mut target = Target::start(&[]);
    target.command("recurse 400 200000");
    let observer = Observer::start(&["--max-sites", "2000"]);
    let pid = target.pid();
    eventually("the growths are shown", || {
        assert_eq!(active(&observer, &target), Vec::<String>::new());
        if growths(&observer, pid) > 0.0 {
            Ok(())
        } else {
            Err("none".to_owned())
        }
    });
    // Deep stacks that stay as they are: several collections later, still no storm.
    let spawned = "parkwatch_process_tasks_spawned_total";
    for _ in 0..5 {
        target.command("churn 1000");
        // The root task is spawned too.
        let truth = target.truth("spawned").values().sum::<f64>() + 1.0;
        eventually("the next collection", || {
            assert_eq!(active(&observer, &target), Vec::<String>::new());
            let shown = observer.scrape().sum(spawned, &[("pid", &pid.to_string())]);
            if shown == Some(truth) {
                Ok(())
            } else {
                Err(format!("{truth}, {shown:?}"))
            }
        });
    }
}

#[test]
fn does_not_flag_short_tasks_that_use_a_real_library() {
    let mut target = Target::start(&[]);
    let observer = Observer::start(&["--max-sites", "2000"]);
    let pid = target.pid().to_string();
    target.command("short_tasks 5000");
    eventually("15,000 short tasks", || {
        assert_eq!(active(&observer, &target), Vec::<String>::new());
        let scrape = observer.scrape();
        match scrape.sum("parkwatch_process_tasks_spawned_total", &[("pid", &pid)]) {
            Some(spawned) if spawned > 15_000.0 => Ok(()),
            spawned => Err(format!("{spawned:?}")),
        }
    });
}

/// The function that the storm of a process is in, once it is told.
fn function(observer: &Observer, pid: u32) -> Result<String, String> {
    let text = observer.get("/findings")?;
    let findings: Vec<Value> = serde_json::from_str(&text).expect("an array");
    let mut storms = findings
        .iter()
        .filter(|finding| finding["pid"] == pid && finding["detector"] == "storm");
    let evidence = storms.next().map(|storm| &storm["evidence"]);
    let function = evidence.and_then(|evidence| evidence["function"].as_str());
    function.map_or_else(|| Err(format!("{evidence:?}")), |name| Ok(name.to_owned()))
}

#[test]
fn names_the_function_that_recurses_or_has_a_large_frame() {
    let observer = Observer::start(&["--exe", "gallery"]);
    for (program, expected) in [
        ("runaway_recursion", "runaway_recursion::descend"),
        ("large_frames", "large_frames::render_on_the_stack"),
    ] {
        let gallery = Gallery::start(&[program]);
        let (named, took) = eventually("the function", || function(&observer, gallery.pid()));
        println!("{program}: {named} after {took:.1?}");
        assert!(named.contains(expected), "{named}");
    }
}

fn growths(observer: &Observer, pid: u32) -> f64 {
    let pid = pid.to_string();
    observer
        .scrape()
        .sum("parkwatch_stack_growths_total", &[("pid", &pid)])
        .unwrap_or(0.0)
}
