//! A process in a pod's control group carries the pod's labels.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::harness::{Observer, Target, eventually, require};

const UID: &str = "15513b48-e7a5-48fc-b9e3-92f713f36504";
const CONTAINER_ID: &str = "a51a9f7d073f848e7fc59e56e8f11524f330a2175a4ed26327da2dfe0d28015f";

#[test]
fn series_carry_pod_and_container_as_the_node_knows_them() {
    let Some(group) = Group::of_pod() else {
        println!("skipped: no control group can be made here");
        return;
    };
    let inside = InPod::start(&group);
    let outside = Target::start(&[]);
    let observer = Observer::start(&[]);
    eventually("the labels of the pod", || {
        let scrape = observer.scrape();
        let pid = inside.child.id().to_string();
        let labels = [("pid", pid.as_str()), ("pod", UID), ("container", "app")];
        let id = ("container_id", CONTAINER_ID);
        let live = scrape.sum("parkwatch_process_tasks_live", &labels);
        let info = scrape.sum("parkwatch_process_info", &[labels[0], labels[1], id]);
        match (live, info) {
            (Some(_), Some(1.0)) => Ok(()),
            _ => Err(format!("{live:?} {info:?}")),
        }
    });
    eventually("the other process", || {
        let shown = observer.scrape().names_process(outside.pid());
        shown.then_some(()).ok_or_else(|| "not yet".to_owned())
    });
    let pods = observer
        .scrape()
        .by_label("parkwatch_process_tasks_live", outside.pid(), "pod");
    assert!(pods.is_empty(), "{pods:?}");
}

/// A control group as the kubelet makes them with the driver cgroupfs, in any hierarchy.
struct Group {
    folders: Vec<PathBuf>,
}

impl Group {
    fn of_pod() -> Option<Self> {
        let roots = [
            "/sys/fs/cgroup",
            "/sys/fs/cgroup/unified",
            "/sys/fs/cgroup/pids",
        ];
        roots.iter().find_map(|root| Self::below(Path::new(root)))
    }

    fn below(root: &Path) -> Option<Self> {
        if !root.join("cgroup.procs").exists() {
            return None;
        }
        let mut group = Self {
            folders: Vec::new(),
        };
        let mut folder = root.to_owned();
        let name = format!("parkwatch-test-{}", std::process::id());
        for part in [&name, "kubepods", &format!("pod{UID}"), CONTAINER_ID] {
            folder.push(part);
            std::fs::create_dir(&folder).ok()?;
            group.folders.push(folder.clone());
        }
        Some(group)
    }

    fn processes(&self) -> PathBuf {
        self.folders.last().expect("four").join("cgroup.procs")
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for folder in self.folders.iter().rev() {
            // A process that was killed leaves its group a moment later.
            let mut tries = 0;
            while std::fs::remove_dir(folder).is_err() && tries < 100 {
                tries += 1;
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
        }
    }
}

/// A target in the group, with the mount that the kubelet makes in every container.
struct InPod {
    child: Child,
    _folder: tempfile::TempDir,
}

impl InPod {
    fn start(group: &Group) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let source = folder.path().join("pods").join(UID).join("containers/app");
        std::fs::create_dir_all(&source).expect("the kubelet's folder");
        std::fs::write(source.join("92ef860a"), "").expect("the kubelet's file");
        let log = folder.path().join("termination-log");
        std::fs::write(&log, "").expect("a place to mount it");
        let script = "echo $$ >\"$1\" && mount --bind \"$2\" \"$3\" && exec \"$4\"";
        let child = Command::new("unshare")
            .args(["--mount", "sh", "-c", script, "sh"])
            .args([group.processes(), source.join("92ef860a"), log])
            .arg(require("PARKWATCH_TARGET"))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("unshare starts");
        Self {
            child,
            _folder: folder,
        }
    }
}

impl Drop for InPod {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
