//! A container made from a manifest, as a container runtime makes it, and run by runc.
//!
//! What is not as in a cluster: the pod's address is one of the loopback's, in the machine's own
//! network, so that the test reaches it; limits of CPU and memory are not set.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::manifest::{ContainerSpec, DaemonSet, Volume};
use super::seccomp;
use crate::harness::{Observer, eventually, require};

/// The pod's address, by the downward API.
const POD_ADDRESS: &str = "127.0.0.2";
/// The node's name, likewise.
const NODE: &str = "node-of-the-test";

/// A pod of a DaemonSet, on this machine.
pub struct Pod<'a> {
    set: &'a DaemonSet,
    /// What a test takes from the manifest's capabilities.
    without: Option<&'a str>,
}

/// A running container, with the observer in it.
pub struct Container {
    observer: Option<Observer>,
    folder: TempDir,
    id: String,
    mounts: BTreeMap<String, PathBuf>,
}

impl<'a> Pod<'a> {
    pub fn of(set: &'a DaemonSet) -> Self {
        Self { set, without: None }
    }

    /// The same, but for one capability.
    pub fn without(set: &'a DaemonSet, capability: &'a str) -> Self {
        Self {
            set,
            without: Some(capability),
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

    /// Variables of the manifest, with what the downward API would put there.
    fn variables(&self) -> BTreeMap<String, String> {
        let value = |variable: &super::manifest::Variable| match &variable.value_from {
            None => variable.value.clone().unwrap_or_default(),
            Some(source) => match source["fieldRef"]["fieldPath"].as_str() {
                Some("status.podIP") => POD_ADDRESS.to_owned(),
                Some("spec.nodeName") => NODE.to_owned(),
                other => panic!("{}: unknown source {other:?}", variable.name),
            },
        };
        let all = self.container().env.iter();
        all.map(|variable| (variable.name.clone(), value(variable)))
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
    fn mounts(&self, folder: &Path) -> BTreeMap<String, PathBuf> {
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
        let mounts = self.container().volume_mounts.iter();
        mounts
            .map(|mount| (mount.mount_path.clone(), volume(&mount.name)))
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
    fn configuration(&self, mounts: &BTreeMap<String, PathBuf>) -> Value {
        let read_only = |path: &str| {
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

impl Container {
    /// Starts the pod's container and waits until it is ready, as the manifest's probe asks.
    pub fn start(pod: &Pod) -> Self {
        let container = Self::start_unready(pod);
        let [_, (_, readiness), _] = pod.container().probes();
        eventually("the container is ready", || {
            container.observer().get(&readiness.path)
        });
        container
    }

    /// Starts the pod's container and waits until it serves.
    pub fn start_unready(pod: &Pod) -> Self {
        let mut container = Self::prepare(pod);
        container.observer = Some(Observer::start_command(&mut container.run()));
        let expected = format!("{POD_ADDRESS}:{}", pod.port());
        assert_eq!(container.observer().address(), expected);
        container
    }

    /// Runs the pod's container until it ends by itself; returns what it said.
    pub fn run_to_its_end(pod: &Pod) -> String {
        let container = Self::prepare(pod);
        let output = container
            .run()
            .stdin(Stdio::null())
            .output()
            .expect("runc starts");
        assert!(!output.status.success(), "the observer ended well");
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    }

    pub fn observer(&self) -> &Observer {
        self.observer.as_ref().expect("started")
    }

    /// The folder on this machine that is mounted at `path`.
    pub fn folder_at(&self, path: &str) -> PathBuf {
        self.mounts[path].clone()
    }

    /// The observer's process id on this machine.
    pub fn pid(&self) -> u32 {
        let text = std::fs::read_to_string(self.folder.path().join("pid")).expect("a pid");
        text.trim().parse().expect("a number")
    }

    fn prepare(pod: &Pod) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = tempfile::tempdir().expect("a folder");
        let mounts = pod.mounts(folder.path());
        let text = pod.configuration(&mounts).to_string();
        std::fs::write(folder.path().join("config.json"), text).expect("written");
        Self {
            observer: None,
            folder,
            id: format!("parkwatch-{}-{number}", std::process::id()),
            mounts,
        }
    }

    fn run(&self) -> Command {
        let mut command = self.runc();
        command.args(["run", "--bundle"]).arg(self.folder.path());
        command
            .arg("--pid-file")
            .arg(self.folder.path().join("pid"));
        command.arg(&self.id);
        command
    }

    fn runc(&self) -> Command {
        let mut command = Command::new("runc");
        command.arg("--root").arg(self.folder.path().join("state"));
        command
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // The container is no child of ours: ending runc would leave it.
        let mut delete = self.runc();
        delete.args(["delete", "--force", &self.id]);
        let _ = delete.stderr(Stdio::null()).status();
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
