//! The shipped image shows exactly the live tasks of its node, whenever it starts, restarts or is
//! joined by others: as `counts.rs` beside this folder asks of the observer alone.

use std::time::Duration;

use super::container::Container;
use super::manifest::DaemonSet;
use super::pod::Pod;
use super::{BOUND, overlay, overlays};
use crate::harness::{
    Bpftrace, Observer, Target, available_memory, best_of, eventually, shows_live,
};

/// Sites and tasks, fewer sites than have series of their own under the manifests' settings.
const SPAWN: &str = "spawn 40 20000";

#[test]
fn every_overlay_shows_spawns_and_ends() {
    for (overlay, daemon_set) in overlays() {
        println!("overlay {overlay}");
        let container = Container::start(&Pod::of(&daemon_set));
        let mut target = Target::start(&[]);
        best_of("exact after a spawn", BOUND, |_| {
            target.command("spawn 40 10000");
            shows_live(container.observer(), &mut target)
        });
        best_of("exact after ends", BOUND, |_| {
            target.command("release 400");
            shows_live(container.observer(), &mut target)
        });
    }
}

#[test]
fn shows_tasks_that_are_older_than_its_container() {
    let mut target = Target::start(&[]);
    target.command(SPAWN);
    let set = overlay("small");
    best_of("exact after a late attach", BOUND, |_| {
        let container = Container::start(&Pod::of(&set));
        shows_live(container.observer(), &mut target)
    });
}

#[test]
fn shows_a_thousand_sites_and_a_million_tasks_where_there_is_room_for_them() {
    const MEMORY_OF_A_MILLION: u64 = 12 << 30;
    let mut set = overlay("small");
    set_max_sites(&mut set, 2_000);
    let mut target = Target::start(&[]);
    let tasks = match available_memory() {
        ..MEMORY_OF_A_MILLION => 100_000,
        _ => 1_000_000,
    };
    target.command(&format!("spawn 1000 {tasks}"));
    best_of(&format!("exact with {tasks} tasks"), BOUND, |_| {
        let container = Container::start(&Pod::of(&set));
        shows_live(container.observer(), &mut target)
    });
}

#[test]
fn sums_sites_beyond_the_settings_bound() {
    let set = overlay("small");
    let mut target = Target::start(&[]);
    target.command("spawn 1000 10000");
    let container = Container::start(&Pod::of(&set));
    eventually("all tasks, some of other sites", || {
        let scrape = container.observer().scrape();
        let shown = scrape.by_label("parkwatch_tasks_live", target.pid(), "site");
        let sum: f64 = shown.values().sum();
        // The root task is one more.
        let exact = sum == 10_001.0 && shown.contains_key("~other");
        let why = || format!("{sum} tasks at {} sites", shown.len());
        exact.then_some(()).ok_or_else(why)
    });
}

#[test]
fn shows_the_same_beside_another_observer_and_bpftrace() {
    let set = overlay("small");
    let first = Observer::start(&[]);
    let mut target = Target::start(&[]);
    target.command(SPAWN);
    shows_live(&first, &mut target);
    let tracer = Bpftrace::attach(&target, "ledger", "@hits = count();");
    best_of("exact as one of three", BOUND, |_| {
        let container = Container::start(&Pod::of(&set));
        shows_live(container.observer(), &mut target)
    });
    assert!(tracer.finish().contains("@hits: "), "bpftrace saw no hit");
}

#[test]
fn shows_the_same_after_it_was_killed_and_started_again() {
    let set = overlay("small");
    let mut target = Target::start(&[]);
    target.command(SPAWN);
    // As soon as a runtime can, and after a second as the kubelet at its quickest.
    for pause in [Duration::ZERO, Duration::from_secs(1)] {
        let first = Container::start(&Pod::of(&set));
        shows_live(first.observer(), &mut target);
        first.kill();
        // The contract names the pause: level-triggered reports must heal after it.
        std::thread::sleep(pause);
        best_of("exact after a kill", BOUND, |_| {
            let second = Container::start(&Pod::of(&set));
            shows_live(second.observer(), &mut target)
        });
    }
}

/// Changes the setting in the config map, as a user does.
fn set_max_sites(set: &mut DaemonSet, bound: usize) {
    let files = set.config_maps.values_mut();
    let settings = files.flat_map(|files| files.values_mut());
    let mut changed = 0;
    for text in settings {
        changed += text.matches("max_sites = 50").count();
        *text = text.replace("max_sites = 50", &format!("max_sites = {bound}"));
    }
    assert_eq!(changed, 1, "the setting stands in the config map");
}
