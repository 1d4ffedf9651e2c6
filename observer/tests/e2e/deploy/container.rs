//! The container of a pod, run by runc.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;

use super::pod::{POD_ADDRESS, Pod};
use crate::harness::{Observer, eventually};

/// A running container, with the observer in it.
pub struct Container {
    observer: Option<Observer>,
    folder: TempDir,
    id: String,
    mounts: BTreeMap<String, PathBuf>,
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

    /// Ends the observer by SIGKILL, and with it the container.
    pub fn kill(self) {
        let pid = i32::try_from(self.pid()).expect("a pid");
        // SAFETY: `kill` takes no pointers; runc waits for the process, so the id is its.
        unsafe { libc::kill(pid, libc::SIGKILL) };
    }

    /// Runs a command in the container, as `kubectl exec` has it run; returns what it printed.
    ///
    /// # Panics
    ///
    /// If the command fails.
    pub fn execute(&self, command: &[&str]) -> String {
        let mut runc = self.runc();
        let output = runc.args(["exec", &self.id]).args(command).output();
        let output = output.expect("runc starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command:?}: {said}");
        String::from_utf8_lossy(&output.stdout).into_owned()
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
