//! Custom resources, which no Kubernetes release has schemas of: each key is one that its definition
//! knows, and the constraint of OpenShift allows what the DaemonSet asks for and nothing else.

use kcr_monitoring_coreos_com::v1::podmonitors::PodMonitor;
use kcr_monitoring_coreos_com::v1::prometheusrules::PrometheusRule;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::manifest::objects;
use super::overlay;

/// Overlays for the Prometheus operator.
const OVERLAYS: [&str; 2] = ["production", "openshift"];

/// Reads objects as the type that was generated from their definition, and asserts that nothing of
/// them is lost thereby: a key that the definition does not know would be.
fn assert_known<Resource: DeserializeOwned + Serialize>(kind: &str) {
    for overlay in OVERLAYS {
        let objects = objects(overlay, kind);
        assert!(!objects.is_empty(), "{overlay} has no {kind}");
        for object in objects {
            let resource = Resource::deserialize(&object);
            let resource = resource.unwrap_or_else(|error| panic!("{overlay}: {kind}: {error}"));
            let kept = serde_json::to_value(resource).expect("JSON");
            assert_eq!(kept, object, "{overlay}: {kind}");
        }
    }
}

#[test]
fn every_key_of_the_pod_monitor_is_of_its_definition() {
    assert_known::<PodMonitor>("PodMonitor");
}

#[test]
fn every_key_of_the_rules_is_of_their_definition() {
    assert_known::<PrometheusRule>("PrometheusRule");
}

/// `security.openshift.io/v1`, as the reference of OpenShift's API has it; what is not used is left
/// out, and an error if it is.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SecurityContextConstraints {
    api_version: String,
    kind: String,
    metadata: Value,
    users: Vec<String>,
    groups: Vec<String>,
    priority: Option<i32>,
    allow_privileged_container: bool,
    allow_privilege_escalation: bool,
    #[serde(rename = "allowHostPID")]
    allow_host_pid: bool,
    #[serde(rename = "allowHostIPC")]
    allow_host_ipc: bool,
    allow_host_network: bool,
    allow_host_ports: bool,
    allow_host_dir_volume_plugin: bool,
    allowed_capabilities: Vec<String>,
    default_add_capabilities: Vec<String>,
    required_drop_capabilities: Vec<String>,
    read_only_root_filesystem: bool,
    run_as_user: Strategy,
    se_linux_context: Strategy,
    fs_group: Strategy,
    supplemental_groups: Strategy,
    seccomp_profiles: Vec<String>,
    volumes: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Strategy {
    #[serde(rename = "type")]
    kind: String,
}

#[test]
fn the_constraint_of_openshift_allows_what_the_daemon_set_asks_for_and_nothing_else() {
    let objects = objects("openshift", "SecurityContextConstraints");
    assert_eq!(objects.len(), 1);
    let constraint = SecurityContextConstraints::deserialize(&objects[0]).expect("known keys");
    let set = overlay("openshift");
    let security = &set.pod.containers[0].security_context;

    assert_eq!(constraint.api_version, "security.openshift.io/v1");
    assert_eq!(constraint.kind, "SecurityContextConstraints");
    assert_eq!(constraint.metadata["name"], "parkwatch-observer");
    let account = "system:serviceaccount:parkwatch:parkwatch-observer";
    assert_eq!(constraint.users, [account]);
    assert!(constraint.groups.is_empty());
    assert_eq!(constraint.priority, None, "no other pod is to get it");

    assert_eq!(constraint.allowed_capabilities, security.capabilities.add);
    assert!(constraint.default_add_capabilities.is_empty());
    assert!(constraint.required_drop_capabilities.is_empty());
    assert_eq!(constraint.allow_privileged_container, security.privileged);
    assert_eq!(
        constraint.allow_privilege_escalation,
        security.allow_privilege_escalation
    );
    assert_eq!(
        constraint.read_only_root_filesystem,
        security.read_only_root_filesystem
    );
    assert_eq!(constraint.allow_host_pid, set.pod.host_pid);
    assert_eq!(constraint.allow_host_network, set.pod.host_network);
    assert!(!constraint.allow_host_ipc && !constraint.allow_host_ports);
    assert!(!constraint.allow_host_dir_volume_plugin, "it mounts none");
    assert_eq!(constraint.seccomp_profiles, ["runtime/default"]);

    // Uid 0 and an SELinux type of its own are out of the ranges of a namespace.
    for strategy in [
        &constraint.run_as_user,
        &constraint.se_linux_context,
        &constraint.fs_group,
        &constraint.supplemental_groups,
    ] {
        assert_eq!(strategy.kind, "RunAsAny");
    }
    assert!(set.pod.automount_service_account_token);
    let mut needed = set.pod.volume_kinds();
    needed.push("projected");
    needed.sort_unstable();
    let mut allowed = constraint.volumes.clone();
    allowed.sort_unstable();
    assert_eq!(allowed, needed);
}
