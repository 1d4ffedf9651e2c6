//! Which sites are exported, on hand-made snapshots.

use super::*;
use crate::model::fixtures::{Builder, INCARNATION, PID, incarnation, meta, model, text};
use observer_ebpf_abi::SiteKey;

const SECOND: u64 = 1_000_000_000;

/// Adds sites 1 to `count` to a process; site `n` has spawned `n` tasks.
fn add_sites(model: &mut Model, pid: u32, incarnation: u64, count: u64) {
    let mut builder = Builder::of(pid, incarnation);
    for site in 1..=count {
        builder = builder.ledger(site, [site, 0, 0, 0]);
    }
    model.observe(2 * SECOND, &builder.build());
    for site in 1..=count {
        let line = u32::try_from(site).expect("few sites");
        model.learn(
            pid,
            SiteKey { incarnation, site },
            &text("src/main.rs", line),
        );
    }
    model.settle(2 * SECOND);
}

fn lines(selection: &Selection, model: &Model) -> Vec<u64> {
    let process = model.processes().next().expect("a process is watched");
    let chosen = selection.of(process).expect("it is heard");
    let sites = process.sites().iter().enumerate();
    let mut lines: Vec<u64> = sites
        .filter(|(index, _)| chosen.families(*index).is_some())
        .map(|(_, site)| site.counters().spawned)
        .collect();
    lines.sort_unstable();
    lines
}

#[test]
fn the_busiest_sites_come_first_and_stay() {
    let mut model = model();
    add_sites(&mut model, PID, INCARNATION, 10);
    let mut selection = Selection::new(Limits {
        max_sites: 3,
        max_series: 10_000,
    });
    selection.update(9 * SECOND, &model);
    assert_eq!(lines(&selection, &model), [8, 9, 10]);
    assert_eq!(selection.sites_dropped(), 7);
    let busier = Builder::new().ledger(1, [1_000, 0, 0, 0]).build();
    model.observe(10 * SECOND, &busier);
    selection.update(10 * SECOND, &model);
    assert_eq!(lines(&selection, &model), [8, 9, 10]);
    assert_eq!(selection.sites_dropped(), 7, "a site is dropped once");
}

#[test]
fn the_choice_waits_for_the_first_rotation() {
    let mut model = model();
    add_sites(&mut model, PID, INCARNATION, 4);
    let mut selection = Selection::new(Limits {
        max_sites: 2,
        max_series: 10_000,
    });
    selection.update(2 * SECOND, &model);
    assert_eq!(lines(&selection, &model), [0; 0]);
    model.observe(2 * SECOND, &Builder::new().monitor(10).build());
    selection.update(2 * SECOND, &model);
    assert_eq!(
        lines(&selection, &model),
        [3, 4],
        "the sites account for all live tasks"
    );
}

#[test]
fn a_thousand_sites_fit_under_the_default_bound_of_series() {
    let mut model = model();
    add_sites(&mut model, PID, INCARNATION, 1_000);
    let mut selection = Selection::new(Limits {
        max_sites: 2_000,
        max_series: 10_000,
    });
    selection.update(9 * SECOND, &model);
    assert_eq!(lines(&selection, &model).len(), 1_000);
    assert_eq!(selection.sites_dropped(), 0);
}

#[test]
fn series_are_shared_fairly() {
    let mut model = model();
    let other = incarnation(78, SECOND);
    model.appear(
        ProcessId {
            pid: 78,
            start_time: 0,
        },
        meta("small"),
    );
    add_sites(&mut model, 78, other, 2);
    add_sites(&mut model, PID, INCARNATION, 500);
    let mut selection = Selection::new(Limits {
        max_sites: 500,
        max_series: 300,
    });
    selection.update(9 * SECOND, &model);
    let counts: Vec<_> = model
        .processes()
        .map(|process| {
            selection
                .of(process)
                .map_or(0, |chosen| chosen.sites().len())
        })
        .collect();
    assert_eq!(
        counts,
        [46, 2],
        "the small one gets all that it wants, the rest is shared"
    );
}

#[test]
fn optional_series_without_room_are_counted_once() {
    let mut model = model();
    add_sites(&mut model, PID, INCARNATION, 1);
    let grown = Builder::new().ledger(1, [1, 0, 9, 0]).build();
    model.observe(3 * SECOND, &grown);
    let mut selection = Selection::new(Limits {
        max_sites: 1,
        max_series: PROCESS_SERIES + SITE_SERIES,
    });
    selection.update(9 * SECOND, &model);
    selection.update(10 * SECOND, &model);
    assert_eq!(selection.series_left_out(), 3, "growths and storms");
    let mut roomy = Selection::new(Limits::default());
    roomy.update(9 * SECOND, &model);
    assert_eq!(roomy.series_left_out(), 0);
}
