//! A pod of a manifest, in the words of a container runtime: what the kubelet makes of it.
//!
//! What is not as in a cluster: the pod's address is one of the loopback's, in the machine's own
//! network, so that the test reaches it; limits of CPU and memory are not set.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::cluster::Cluster;
use super::manifest::{ContainerSpec, DaemonSet, Variable, Volume};
use super::seccomp;
use crate::harness::require;

/// The pod's address, by the downward API.
pub const POD_ADDRESS: &str = "127.0.0.2";
/// The node's name, likewise.
pub const NODE: &str = "node-of-the-test";
/// Where the kubelet mounts the files of a service account.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// A pod of a DaemonSet, on this machine.
pub struct Pod<'a> {
    set: &'a DaemonSet,
    /// What a test takes from the manifest's capabilities.
    without: Option<&'a str>,
    /// Where there is an API server.
    cluster: Option<&'a Cluster>,
}

impl<'a> Pod<'a> {
    pub fn of(set: &'a DaemonSet) -> Self {
        Self {
            set,
            without: None,
            cluster: None,
        }
    }

    /// The same, in a cluster with an API server.
    pub fn in_cluster(self, cluster: &'a Cluster) -> Self {
        assert!(self.set.pod.automount_service_account_token);
        let cluster = Some(cluster);
        Self { cluster, ..self }
    }

    /// The same, but for one capability.
    pub fn without(set: &'a DaemonSet, capability: &'a str) -> Self {
        let without = Some(capability);
        Self {
            without,
            ..Self::of(set)
        }
    }

    pub fn container(&self) -> &ContainerSpec {
        &self.set.pod.containers[0]
    }

    /// The port that its `--listen` names.
    pub fn port(&self) -> u16 {
        let listen = self.words().into_iter().find_map(|word| {
            let address = word.strip_prefix("--listen=")?.to_owned();
            address.rsplit_once(':')?.1.parse().ok()
        });
        listen.expect("a port to listen on")
    }

    /// The capabilities, as the kernel calls them.
    pub fn capabilities(&self) -> Vec<String> {
        let capabilities = &self.container().security_context.capabilities;
        assert_eq!(capabilities.drop, ["ALL"], "nothing is held by default");
        let held = capabilities.add.iter();
        held.filter(|name| Some(name.as_str()) != self.without)
            .map(|name| format!("CAP_{name}"))
            .collect()
    }

    /// Variables of the manifest, with what the downward API would put there, and the kubelet's.
    fn variables(&self) -> BTreeMap<String, String> {
        let value = |variable: &Variable| match &variable.value_from {
            None => variable.value.clone().unwrap_or_default(),
            Some(source) => match source["fieldRef"]["fieldPath"].as_str() {
                Some("status.podIP") => POD_ADDRESS.to_owned(),
                Some("spec.nodeName") => NODE.to_owned(),
                other => panic!("{}: unknown source {other:?}", variable.name),
            },
        };
        let all = self.container().env.iter();
        let of_kubelet = self.cluster.into_iter().flat_map(Cluster::variables);
        all.map(|variable| (variable.name.clone(), value(variable)))
            .chain(of_kubelet)
            .collect()
    }

    /// Command and arguments, `$(NAME)` replaced.
    fn words(&self) -> Vec<String> {
        let variables = self.variables();
        let words = self.container().arguments();
        words.map(|word| expand(word, &variables)).collect()
    }

    fn process(&self) -> Value {
        let security = &self.container().security_context;
        assert!(!security.privileged, "privileged would allow everything");
        assert_eq!(security.app_armor_profile.kind, "Unconfined");
        let capabilities = self.capabilities();
        let environment: Vec<_> = image_environment()
            .into_iter()
            .chain(
                self.variables()
                    .iter()
                    .map(|(name, value)| format!("{name}={value}")),
            )
            .collect();
        // A user other than root starts with the bounding set only.
        let effective = if security.run_as_user == 0 {
            capabilities.clone()
        } else {
            Vec::new()
        };
        json!({
            "terminal": false,
            "cwd": "/",
            "user": {"uid": security.run_as_user, "gid": security.run_as_group},
            "args": self.words(),
            "env": environment,
            "noNewPrivileges": !security.allow_privilege_escalation,
            "capabilities": {
                "bounding": capabilities, "permitted": effective, "effective": effective,
            },
        })
    }

    fn linux(&self) -> Value {
        let pod = &self.set.pod;
        assert!(!pod.host_network, "/metrics is on the pod's address");
        let mut namespaces = vec![
            json!({"type": "mount"}),
            json!({"type": "ipc"}),
            json!({"type": "uts"}),
        ];
        if !pod.host_pid {
            namespaces.push(json!({"type": "pid"}));
        }
        assert_eq!(pod.security_context.seccomp_profile.kind, "RuntimeDefault");
        json!({
            "namespaces": namespaces,
            "seccomp": seccomp::runtime_default(&self.capabilities()),
            // What containerd hides and protects in every container that is not privileged.
            "maskedPaths": [
                "/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
                "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware",
                "/sys/devices/virtual/powercap", "/proc/scsi",
            ],
            "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
        })
    }

    /// Makes the folders of the volumes and returns them by where they are mounted.
    pub fn mounts(&self, folder: &Path) -> BTreeMap<String, PathBuf> {
        let volume = |name: &str| {
            let found = self
                .set
                .pod
                .volumes
                .iter()
                .find(|volume| volume.name == name);
            let found = found.unwrap_or_else(|| panic!("no volume {name}"));
            self.fill(found, &folder.join("volumes").join(name))
        };
        let service_account = self.cluster.map(|cluster| {
            let folder = cluster.service_account().to_owned();
            (SERVICE_ACCOUNT.to_owned(), folder)
        });
        let mounts = self.container().volume_mounts.iter();
        mounts
            .map(|mount| (mount.mount_path.clone(), volume(&mount.name)))
            .chain(service_account)
            .collect()
    }

    fn fill(&self, volume: &Volume, folder: &Path) -> PathBuf {
        std::fs::create_dir_all(folder).expect("a volume");
        match (&volume.config_map, &volume.empty_dir) {
            (Some(map), None) => {
                let files = self.set.config_maps.get(&map.name);
                for (name, text) in files.expect("the config map is rendered too") {
                    std::fs::write(folder.join(name), text).expect("a file of it");
                }
            }
            (None, Some(_)) => {}
            _ => panic!("{}: not one kind of volume", volume.name),
        }
        folder.to_owned()
    }

    /// The runtime's configuration of the container.
    pub fn configuration(&self, mounts: &BTreeMap<String, PathBuf>) -> Value {
        let read_only = |path: &str| {
            if path == SERVICE_ACCOUNT {
                return true;
            }
            let mount = self
                .container()
                .volume_mounts
                .iter()
                .find(|mount| mount.mount_path == path);
            mount.is_some_and(|mount| mount.read_only)
        };
        let volumes = mounts.iter().map(|(path, source)| {
            let access = if read_only(path) { "ro" } else { "rw" };
            json!({"destination": path, "type": "bind", "source": source,
                   "options": ["rbind", "rprivate", access]})
        });
        let mounts: Vec<_> = usual_mounts().into_iter().chain(volumes).collect();
        json!({
            "ociVersion": "1.0.2",
            "process": self.process(),
            "root": {
                "path": require("PARKWATCH_IMAGE").join("rootfs"),
                "readonly": self.container().security_context.read_only_root_filesystem,
            },
            "mounts": mounts,
            "linux": self.linux(),
        })
    }
}

/// What every container has.
fn usual_mounts() -> Vec<Value> {
    let mount = |path: &str, kind: &str, options: &[&str]| json!({"destination": path, "type": kind, "source": kind, "options": options});
    vec![
        mount("/proc", "proc", &["nosuid", "noexec", "nodev"]),
        mount(
            "/dev",
            "tmpfs",
            &["nosuid", "strictatime", "mode=755", "size=65536k"],
        ),
        mount(
            "/dev/pts",
            "devpts",
            &[
                "nosuid",
                "noexec",
                "newinstance",
                "ptmxmode=0666",
                "mode=0620",
                "gid=5",
            ],
        ),
        mount(
            "/dev/shm",
            "tmpfs",
            &["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"],
        ),
        mount("/dev/mqueue", "mqueue", &["nosuid", "noexec", "nodev"]),
        mount("/sys", "sysfs", &["nosuid", "noexec", "nodev", "ro"]),
    ]
}

/// The image's own variables.
fn image_environment() -> Vec<String> {
    let text = std::fs::read_to_string(require("PARKWATCH_IMAGE").join("config.json"));
    let image: Value = serde_json::from_str(&text.expect("the image's settings")).expect("JSON");
    serde_json::from_value(image["process"]["env"].clone()).expect("variables")
}

/// Replaces `$(NAME)` where there is such a variable, as the kubelet does.
fn expand(word: &str, variables: &BTreeMap<String, String>) -> String {
    let mut word = word.to_owned();
    for (name, value) in variables {
        word = word.replace(&format!("$({name})"), value);
    }
    assert!(!word.contains("$("), "an unknown variable: {word}");
    word
}
