//! In a cluster the observer asks the API server for names, over TLS and as its service account.

use super::cluster::{Cluster, pod};
use super::container::Container;
use super::overlay;
use super::pod::Pod;
use crate::harness::{Place, PodProcess, eventually, require};

const PLACE: Place = Place {
    uid: "0b6b6bb8-6c56-4be9-8b4e-7d2fb1e4d3a1",
    container_id: "5d3f7a0c1b2e4f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8",
    container: "app",
};

#[test]
fn pods_have_the_names_that_the_api_server_knows() {
    let Some(target) = PodProcess::start(&PLACE, &require("PARKWATCH_TARGET"), &[]) else {
        println!("skipped: no control group can be made here");
        return;
    };
    let cluster = Cluster::with(&[pod("shop", "orders-1", &PLACE)]);
    let set = overlay("production");
    let container = Container::start(&Pod::of(&set).in_cluster(&cluster));
    let pid = target.pid().to_string();
    let expected = [
        ("pid", pid.as_str()),
        ("namespace", "shop"),
        ("pod", "orders-1"),
        ("container", "app"),
    ];
    eventually("the names of the pod", || {
        let scrape = container.observer().scrape();
        let live = scrape.sum("parkwatch_process_tasks_live", &expected);
        live.map(|_| ()).ok_or_else(|| container.observer().log())
    });
    assert!(cluster.was_asked_by_the_service_account());
}

#[test]
fn an_api_server_that_its_service_account_does_not_vouch_for_is_told_nothing() {
    let cluster = Cluster::with_a_foreign_server();
    let set = overlay("production");
    let container = Container::start(&Pod::of(&set).in_cluster(&cluster));
    eventually("a third try", || match cluster.connections() {
        0..3 => Err(container.observer().log()),
        _ => Ok(()),
    });
    assert!(cluster.requests().is_empty(), "{:?}", cluster.requests());
    let log = container.observer().log();
    let told = log.lines().filter(|line| line.contains("names of pods"));
    let told: Vec<_> = told
        .filter(|line| line.contains("\"level\":\"WARN\""))
        .collect();
    assert_eq!(told.len(), 1, "{log}");
    assert!(told[0].contains("invalid peer certificate"), "{log}");
}
