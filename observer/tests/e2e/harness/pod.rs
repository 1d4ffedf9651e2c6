//! A process in the control group and with the mount that a node gives the container of a pod.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Which container of which pod.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The pod's uid.
    pub uid: &'a str,
    /// The container's id.
    pub container_id: &'a str,
    /// The container's name.
    pub container: &'a str,
}

/// A running process in such a place; it ends with the test.
pub struct PodProcess {
    child: Child,
    _folder: tempfile::TempDir,
    // Removed last: a group with a process in it stays.
    _group: Group,
}

impl PodProcess {
    /// Starts a program; `None` where no control group can be made.
    pub fn start(place: &Place, program: &Path, arguments: &[&str]) -> Option<Self> {
        let group = Group::of(place)?;
        let folder = tempfile::tempdir().expect("a folder");
        let (uid, container) = (place.uid, place.container);
        let source = folder
            .path()
            .join(format!("pods/{uid}/containers/{container}"));
        std::fs::create_dir_all(&source).expect("the kubelet's folder");
        std::fs::write(source.join("92ef860a"), "").expect("the kubelet's file");
        let log = folder.path().join("termination-log");
        std::fs::write(&log, "").expect("a place to mount it");
        let script = "echo $$ >\"$1\" && mount --bind \"$2\" \"$3\" && shift 3 && exec \"$@\"";
        let child = Command::new("unshare")
            .args(["--mount", "sh", "-c", script, "sh"])
            .args([group.processes(), source.join("92ef860a"), log])
            .arg(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("unshare starts");
        Some(Self {
            child,
            _folder: folder,
            _group: group,
        })
    }

    /// The process's id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for PodProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A control group as the kubelet makes them with the driver cgroupfs, in any hierarchy.
struct Group {
    folders: Vec<PathBuf>,
}

impl Group {
    fn of(place: &Place) -> Option<Self> {
        let roots = [
            "/sys/fs/cgroup",
            "/sys/fs/cgroup/unified",
            "/sys/fs/cgroup/pids",
        ];
        roots
            .iter()
            .find_map(|root| Self::below(Path::new(root), place))
    }

    fn below(root: &Path, place: &Place) -> Option<Self> {
        if !root.join("cgroup.procs").exists() {
            return None;
        }
        let mut group = Self {
            folders: Vec::new(),
        };
        let mut folder = root.to_owned();
        let (uid, id) = (place.uid, place.container_id);
        let top = format!("parkwatch-test-{}-{uid}", std::process::id());
        for part in [&top, "kubepods", &format!("pod{uid}"), id] {
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
