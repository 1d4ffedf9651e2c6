//! On call, for real: workloads in pods, the shipped observer, Prometheus with the rules,
//! Alertmanager, and somebody who is told.
//!
//! What a cluster would add is added as it would: the observer runs under the manifest of
//! `production` and asks an API server for names, and the scrape is what the operator makes of the
//! PodMonitor. The rules are those of `deploy/prometheus/rules` with shorter windows. The observer's
//! own thresholds are the defaults.

mod alertmanager;
mod receiver;
mod rules;
mod scrape;

use std::collections::BTreeMap;

use serde_json::json;

use super::cluster::{Cluster, pod};
use super::container::Container;
use super::overlay;
use super::pod::{NODE, Pod};
use crate::harness::{Place, PodProcess, Prometheus, eventually, require};
use alertmanager::Alertmanager;
use receiver::{Alert, Receiver};

/// A minute of the rules is three seconds here: a leak is told after three minutes.
const TIMES_FASTER: u32 = 20;
const NAMESPACE: &str = "shop";
const CONTAINER: &str = "app";

/// A workload of the demo that has something wrong.
struct Sick {
    workload: &'static str,
    uid: &'static str,
    alert: &'static str,
    severity: &'static str,
    /// Its tasks are spawned in this file, by the first such call after this text.
    source: &'static str,
    after: &'static str,
    call: &'static str,
}

const SICK: [Sick; 3] = [
    Sick {
        workload: "leak",
        uid: "1e9c3f5a-70f1-4d11-9c55-1f0cf1a7a001",
        alert: "ParkwatchTaskLeak",
        severity: "warning",
        source: include_str!("../../../../../runtime/examples/demo/leak.rs"),
        after: "fn handle_order",
        call: "spawn(",
    },
    Sick {
        workload: "stuck",
        uid: "1e9c3f5a-70f1-4d11-9c55-1f0cf1a7a002",
        alert: "ParkwatchTasksStuck",
        severity: "critical",
        source: include_str!("../../../../../runtime/examples/demo/stuck.rs"),
        after: "for amount in",
        call: "spawn(",
    },
    Sick {
        workload: "storm",
        uid: "1e9c3f5a-70f1-4d11-9c55-1f0cf1a7a003",
        alert: "ParkwatchStackGrowthStorm",
        severity: "warning",
        source: include_str!("../../../../../runtime/examples/demo/storm.rs"),
        after: "fn burst",
        call: ".spawn(",
    },
];
const HEALTHY: (&str, &str) = ("steady", "1e9c3f5a-70f1-4d11-9c55-1f0cf1a7a004");

impl Sick {
    /// The site without its column.
    fn line(&self) -> String {
        let mut lines = self.source.lines().enumerate();
        let found = lines
            .by_ref()
            .skip_while(|(_, line)| !line.contains(self.after))
            .find(|(_, line)| line.contains(self.call));
        let (index, _) = found.expect("the call stands in the source");
        let file = format!("runtime/examples/demo/{}.rs", self.workload);
        format!("{file}:{}:", index + 1)
    }

    /// The alert that is waited for.
    fn is_told_by(&self, alert: &Alert) -> bool {
        alert.labels["alertname"] == self.alert && alert.names_pod(&pod_name(self.workload))
    }

    /// The alert says where, and no alert of this pod blames another line.
    fn assert_right(&self, alerts: &[&Alert]) {
        let pod = pod_name(self.workload);
        let line = self.line();
        for alert in alerts.iter().filter(|alert| alert.names_pod(&pod)) {
            if let Some(site) = alert.labels.get("site") {
                assert!(site.starts_with(&line), "{line} expected: {alert:?}");
            }
        }
        let alert = alerts.iter().find(|alert| self.is_told_by(alert));
        let alert = alert.expect("it was waited for");
        let expected = [
            ("namespace", NAMESPACE),
            ("container", CONTAINER),
            ("node", NODE),
            ("process", "demo"),
            ("severity", self.severity),
        ];
        for (name, value) in expected {
            assert_eq!(alert.labels[name], value, "{name}: {alert:?}");
        }
        let description = &alert.annotations["description"];
        for part in [NODE, &format!("{NAMESPACE}/{pod}"), &alert.labels["site"]] {
            assert!(description.contains(part), "{part}: {alert:?}");
        }
    }
}

/// As a deployment names its pods.
fn pod_name(workload: &str) -> String {
    format!("{workload}-7d9f5b6c4-x2x9k")
}

fn container_id(uid: &str) -> String {
    let digits: String = uid.chars().filter(char::is_ascii_hexdigit).collect();
    digits.repeat(2)
}

/// The demo in pods of their own, by workload; `None` where no control groups can be made.
fn start(uids: &[(&'static str, &str)]) -> Option<BTreeMap<&'static str, PodProcess>> {
    let demo = require("PARKWATCH_DEMO");
    let start = |(workload, uid): &(&'static str, &str)| {
        let place = Place {
            uid,
            container_id: &container_id(uid),
            container: CONTAINER,
        };
        let process = PodProcess::start(&place, &demo, &["--workload", workload])?;
        Some((*workload, process))
    };
    uids.iter().map(start).collect()
}

/// An API server that knows them by name.
fn cluster(uids: &[(&'static str, &str)]) -> Cluster {
    let named = |(workload, uid): &(&str, &str)| {
        let place = Place {
            uid,
            container_id: &container_id(uid),
            container: CONTAINER,
        };
        pod(NAMESPACE, &pod_name(workload), &place)
    };
    Cluster::with(&uids.iter().map(named).collect::<Vec<_>>())
}

/// A Prometheus that scrapes the observer, has the rules and tells the Alertmanager.
fn prometheus(
    container: &Container,
    alertmanager: &Alertmanager,
    folder: &std::path::Path,
) -> Prometheus {
    let scrape = scrape::of_pod_monitor("production", container.observer().address(), TIMES_FASTER);
    let managers = json!([{"static_configs": [{"targets": [alertmanager.address()]}]}]);
    let configuration = json!({
        "global": {"evaluation_interval": scrape["scrape_interval"]},
        "scrape_configs": [scrape],
        "rule_files": rules::write_faster(folder, TIMES_FASTER),
        "alerting": {"alertmanagers": managers},
    });
    Prometheus::start(&configuration.to_string())
}

#[test]
fn the_receiver_is_told_which_line_of_which_pod_and_when_it_is_over() {
    let mut uids: Vec<_> = SICK.iter().map(|sick| (sick.workload, sick.uid)).collect();
    uids.push(HEALTHY);
    let Some(mut running) = start(&uids) else {
        println!("skipped: no control group can be made here");
        return;
    };
    let cluster = cluster(&uids);
    let set = overlay("production");
    let container = Container::start(&Pod::of(&set).in_cluster(&cluster));
    let mut receiver = Receiver::start();
    let alertmanager = Alertmanager::telling(&receiver);
    let folder = tempfile::tempdir().expect("a folder");
    let prometheus = prometheus(&container, &alertmanager, folder.path());

    receiver.wait("every alert", |alerts| {
        let missing = SICK.iter().filter(|sick| {
            let told = |alert: &Alert| alert.is_firing() && sick.is_told_by(alert);
            !alerts.values().any(told)
        });
        let missing: Vec<_> = missing.map(|sick| sick.alert).collect();
        missing
            .is_empty()
            .then_some(())
            .ok_or(format!("{missing:?}"))
    });
    let told: Vec<&Alert> = receiver.alerts().values().collect();
    SICK.iter().for_each(|sick| sick.assert_right(&told));

    SICK.iter()
        .for_each(|sick| drop(running.remove(sick.workload)));
    receiver.wait("the end of every alert", |alerts| {
        let of_sick = |alert: &&Alert| {
            let mut pods = SICK.iter().map(|sick| pod_name(sick.workload));
            alert.is_firing() && pods.any(|pod| alert.names_pod(&pod))
        };
        let firing: Vec<_> = alerts.values().filter(of_sick).collect();
        let none = firing.is_empty();
        none.then_some(()).ok_or(format!("{firing:?}"))
    });

    let healthy = pod_name(HEALTHY.0);
    let of_healthy = receiver.alerts().values();
    let of_healthy: Vec<_> = of_healthy
        .filter(|alert| alert.names_pod(&healthy))
        .collect();
    assert!(of_healthy.is_empty(), "{of_healthy:?}");
    // Silence, and not for want of series.
    eventually("the healthy one is watched to the end", || {
        let query = format!("parkwatch:process_live{{pod=\"{healthy}\"}}");
        let found = prometheus.query(&query)?;
        (found.len() == 1).then_some(()).ok_or(format!("{found:?}"))
    });
}
