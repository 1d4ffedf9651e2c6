//! The scrape that the Prometheus operator makes of a PodMonitor, for one pod.

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::manifest::objects;
use super::super::pod::NODE;
use super::rules::divided;

/// An endpoint. Keys that are not known here are errors: the scrape of the test must not lack what
/// the operator's has.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Endpoint {
    port: String,
    path: String,
    interval: String,
    scrape_timeout: String,
    honor_labels: bool,
    relabelings: Vec<Relabeling>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Relabeling {
    #[serde(default)]
    source_labels: Vec<String>,
    action: Option<String>,
    regex: Option<String>,
    target_label: Option<String>,
    replacement: Option<String>,
}

/// A scrape configuration with one target, the interval divided by `times`.
pub fn of_pod_monitor(overlay: &str, address: &str, times: u32) -> Value {
    let monitors = objects(overlay, "PodMonitor");
    assert_eq!(monitors.len(), 1, "one PodMonitor");
    let spec = &monitors[0]["spec"];
    let endpoints = Vec::<Endpoint>::deserialize(&spec["podMetricsEndpoints"]).expect("endpoints");
    let [endpoint] = endpoints.as_slice() else {
        panic!("one endpoint");
    };
    let interval = divided(&endpoint.interval, times);
    assert!(!endpoint.scrape_timeout.is_empty());
    let relabelings = operators(&monitors[0], &endpoint.port);
    let relabelings = relabelings
        .into_iter()
        .chain(endpoint.relabelings.iter().map(Relabeling::to_prometheus));
    json!({
        "job_name": "podMonitor/parkwatch/parkwatch-observer/0",
        "honor_labels": endpoint.honor_labels,
        "metrics_path": endpoint.path,
        "scrape_interval": interval,
        // A machine of the test is no faster: as much as the interval allows.
        "scrape_timeout": interval,
        "relabel_configs": relabelings.collect::<Vec<_>>(),
        "static_configs": [{"targets": [address], "labels": discovered()}],
    })
}

/// What the discovery of pods knows of the observer's.
fn discovered() -> Value {
    json!({
        "__meta_kubernetes_namespace": "parkwatch",
        "__meta_kubernetes_pod_name": "parkwatch-observer-8kq2x",
        "__meta_kubernetes_pod_container_name": "observer",
        "__meta_kubernetes_pod_node_name": NODE,
    })
}

/// What the operator does before the PodMonitor's own.
fn operators(monitor: &Value, port: &str) -> Vec<Value> {
    let copy = |from: &str, to: &str| json!({"source_labels": [from], "target_label": to});
    let set = |to: &str, value: String| json!({"target_label": to, "replacement": value});
    let text = |key: &str| {
        monitor["metadata"][key]
            .as_str()
            .expect("a name")
            .to_owned()
    };
    vec![
        copy("__meta_kubernetes_namespace", "namespace"),
        copy("__meta_kubernetes_pod_container_name", "container"),
        copy("__meta_kubernetes_pod_name", "pod"),
        set("job", format!("{}/{}", text("namespace"), text("name"))),
        set("endpoint", port.to_owned()),
    ]
}

impl Relabeling {
    fn to_prometheus(&self) -> Value {
        let mut value = json!({});
        if !self.source_labels.is_empty() {
            value["source_labels"] = json!(self.source_labels);
        }
        let texts = [
            ("action", &self.action),
            ("regex", &self.regex),
            ("target_label", &self.target_label),
            ("replacement", &self.replacement),
        ];
        for (key, text) in texts {
            if let Some(text) = text {
                value[key] = json!(text);
            }
        }
        value
    }
}
