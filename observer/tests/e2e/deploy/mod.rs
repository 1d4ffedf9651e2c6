//! The shipped observer, in its image, under the manifests' own words: it shows what the targets of
//! the node know, and every right that the manifests give it is needed.
//!
//! Run by `cargo xtask test deploy`, which builds the image and renders the manifests.

mod alerts;
mod cluster;
mod container;
mod counts;
mod custom;
mod manifest;
mod names;
mod pod;
mod program;
mod recorded;
mod rights;
mod seccomp;

use std::collections::BTreeSet;
use std::time::Duration;

use crate::harness::{Target, shows_live};
use container::Container;
use manifest::{DaemonSet, overlays};
use pod::Pod;

/// The contract: every number is exact within this of an attach or a change.
const BOUND: Duration = Duration::from_secs(2);

#[test]
fn answers_the_probes_that_the_kubelet_sends() {
    for (overlay, daemon_set) in overlays() {
        let pod = Pod::of(&daemon_set);
        let container = Container::start(&pod);
        for (kind, probe) in pod.container().probes() {
            assert_eq!(
                pod.container().port_named(&probe.port),
                pod.port(),
                "{overlay}: {kind}"
            );
            let answer = container.observer().get(&probe.path);
            assert!(answer.is_ok(), "{overlay}: {kind}: {answer:?}");
        }
    }
}

#[test]
fn the_commands_of_the_runbooks_work_in_its_container() {
    let commands = commands_of_the_runbooks();
    for word in ["list", "dump", "doctor"] {
        let asks = |command: &String| command.starts_with(&format!("/observer {word}"));
        assert!(commands.iter().any(asks), "{word}: {commands:?}");
    }
    let mut target = Target::start(&[]);
    target.command("spawn 1 17");
    let (site, pid) = (target.site_with(17.0), target.pid().to_string());
    let container = Container::start(&Pod::of(&overlay("small")));
    for command in &commands {
        let words: Vec<&str> = command.split(' ').collect();
        let words: Vec<&str> = words
            .iter()
            .map(|word| if *word == "PID" { &pid } else { *word })
            .collect();
        let printed = container.execute(&words);
        match words[1] {
            "list" => assert!(printed.contains(&pid), "{printed}"),
            "dump" => assert!(printed.contains(&site), "{site} expected: {printed}"),
            _ => {}
        }
    }
}

/// What the runbooks have run in the observer's container.
fn commands_of_the_runbooks() -> BTreeSet<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/runbooks");
    let files = std::fs::read_dir(folder).expect("the runbooks");
    let texts = files.map(|file| std::fs::read_to_string(file.expect("an entry").path()).unwrap());
    let texts: Vec<String> = texts.collect();
    let lines = texts.iter().flat_map(|text| text.lines());
    let commands = lines.filter_map(|line| line.split_once(" exec $POD -- "));
    let without_comment =
        |command: &str| command.split('#').next().map(str::trim).map(str::to_owned);
    commands
        .filter_map(|(_, command)| without_comment(command))
        .collect()
}

#[test]
fn writes_findings_where_the_manifest_mounts_a_folder_for_them() {
    let daemon_set = overlay("production");
    let pod = Pod::of(&daemon_set);
    assert!(
        pod.container()
            .arguments()
            .any(|word| word == "--on-finding=/findings")
    );
    let container = Container::start(&pod);
    let folder = container.folder_at("/findings");
    let mut target = Target::start(&[]);
    // The site is known before its storm; what a site brings when it is met is a baseline.
    target.command("recurse 1 1000");
    shows_live(container.observer(), &mut target);
    target.command("recurse 400 600000");
    crate::harness::eventually("a finding kept as a file", || {
        let files = std::fs::read_dir(&folder).map_err(|error| error.to_string())?;
        match files.count() {
            0 => Err(container.observer().get("/findings")?),
            _ => Ok(()),
        }
    });
}

fn overlay(name: &str) -> DaemonSet {
    let mut all = overlays();
    let place = all.iter().position(|(overlay, _)| overlay == name);
    all.swap_remove(place.expect("the overlay is rendered")).1
}
