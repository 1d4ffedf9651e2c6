//! The rendered manifests, read: what of a DaemonSet makes its container.
//!
//! Keys that this file does not know, where they decide over rights, are errors: a manifest that
//! says more than is tried here must not pass.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use crate::harness::require;

/// A DaemonSet, with the config maps that stand beside it.
pub struct DaemonSet {
    pub pod: PodSpec,
    /// Files of each config map by name.
    pub config_maps: BTreeMap<String, BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodSpec {
    #[serde(rename = "hostPID", default)]
    pub host_pid: bool,
    #[serde(default)]
    pub host_network: bool,
    #[serde(default)]
    pub automount_service_account_token: bool,
    pub security_context: PodSecurity,
    pub containers: Vec<ContainerSpec>,
    #[serde(default)]
    pub volumes: Vec<Volume>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PodSecurity {
    pub seccomp_profile: Profile,
    /// SELinux is not tried: no machine with it is at hand.
    #[serde(rename = "seLinuxOptions")]
    _se_linux_options: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerSpec {
    pub command: Vec<String>,
    pub args: Vec<String>,
    #[serde(default)]
    pub env: Vec<Variable>,
    pub ports: Vec<Port>,
    pub security_context: Security,
    #[serde(default)]
    pub volume_mounts: Vec<Mount>,
    startup_probe: Probe,
    readiness_probe: Probe,
    liveness_probe: Probe,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Security {
    pub run_as_user: u32,
    pub run_as_group: u32,
    pub privileged: bool,
    pub allow_privilege_escalation: bool,
    pub read_only_root_filesystem: bool,
    pub capabilities: Capabilities,
    /// AppArmor is not tried: `Unconfined` is what a machine without it gives.
    pub app_armor_profile: Profile,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Capabilities {
    pub drop: Vec<String>,
    pub add: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    #[serde(rename = "type")]
    pub kind: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Variable {
    pub name: String,
    pub value: Option<String>,
    pub value_from: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Port {
    name: String,
    container_port: u16,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Mount {
    pub name: String,
    pub mount_path: String,
    #[serde(default)]
    pub read_only: bool,
}

/// A volume; exactly one of its kinds is there.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Volume {
    pub name: String,
    pub config_map: Option<ConfigMap>,
    pub empty_dir: Option<Value>,
}

#[derive(Deserialize)]
pub struct ConfigMap {
    pub name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Probe {
    http_get: HttpGet,
}

/// What the kubelet asks for.
#[derive(Deserialize)]
pub struct HttpGet {
    pub path: String,
    pub port: String,
}

impl PodSpec {
    /// The kinds of its volumes, each once.
    pub fn volume_kinds(&self) -> Vec<&'static str> {
        let kind = |volume: &Volume| match volume.config_map {
            Some(_) => "configMap",
            None => "emptyDir",
        };
        let kinds: BTreeSet<_> = self.volumes.iter().map(kind).collect();
        kinds.into_iter().collect()
    }
}

impl ContainerSpec {
    /// The three probes, named.
    pub fn probes(&self) -> [(&'static str, &HttpGet); 3] {
        [
            ("start-up", &self.startup_probe.http_get),
            ("readiness", &self.readiness_probe.http_get),
            ("liveness", &self.liveness_probe.http_get),
        ]
    }

    /// The number of a named port.
    pub fn port_named(&self, name: &str) -> u16 {
        let port = self.ports.iter().find(|port| port.name == name);
        port.unwrap_or_else(|| panic!("no port {name}"))
            .container_port
    }

    /// Command and arguments, as they are written.
    pub fn arguments(&self) -> impl Iterator<Item = &String> {
        self.command.iter().chain(&self.args)
    }
}

/// Name and DaemonSet of every overlay.
pub fn overlays() -> Vec<(String, DaemonSet)> {
    let folder = require("PARKWATCH_MANIFESTS");
    let files = std::fs::read_dir(&folder).expect("rendered manifests");
    let mut paths: Vec<_> = files.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "no manifest in {}", folder.display());
    let read = |path: &std::path::PathBuf| {
        let text = std::fs::read_to_string(path).expect("a manifest");
        let name = path.file_stem().expect("a name").to_string_lossy();
        (name.into_owned(), parse(&text))
    };
    paths.iter().map(read).collect()
}

/// The objects of one kind in an overlay, as they are rendered.
pub fn objects(overlay: &str, kind: &str) -> Vec<Value> {
    let path = require("PARKWATCH_MANIFESTS").join(format!("{overlay}.yaml"));
    let mut documents = documents(&std::fs::read_to_string(path).expect("the overlay is rendered"));
    documents.retain(|document| document["kind"] == kind);
    documents
}

fn documents(text: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(text).expect("YAML")
}

fn parse(text: &str) -> DaemonSet {
    let documents = documents(text);
    let of_kind = |kind: &'static str| documents.iter().filter(move |one| one["kind"] == kind);
    let found: Vec<_> = of_kind("DaemonSet").collect();
    assert_eq!(found.len(), 1, "one DaemonSet");
    let pod = PodSpec::deserialize(&found[0]["spec"]["template"]["spec"]).expect("a pod");
    assert_eq!(pod.containers.len(), 1, "one container");
    let files = |map: &Value| {
        let name = map["metadata"]["name"].as_str().expect("a name").to_owned();
        (name, BTreeMap::deserialize(&map["data"]).expect("texts"))
    };
    DaemonSet {
        pod,
        config_maps: of_kind("ConfigMap").map(files).collect(),
    }
}
