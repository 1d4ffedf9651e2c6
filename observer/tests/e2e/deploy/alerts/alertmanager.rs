//! An Alertmanager that tells one receiver everything at once.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::json;

use super::receiver::Receiver;
use crate::harness::free_port;

/// A running Alertmanager; it ends with the test.
pub struct Alertmanager {
    child: Child,
    address: String,
    _folder: tempfile::TempDir,
}

impl Alertmanager {
    /// Starts one. It does not wait for more of a group, and groups nothing.
    pub fn telling(receiver: &Receiver) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let webhook = json!([{"url": receiver.url(), "send_resolved": true}]);
        let configuration = json!({
            "route": {
                "receiver": "test", "group_by": ["..."],
                "group_wait": "0s", "group_interval": "1s", "repeat_interval": "1h",
            },
            "receivers": [{"name": "test", "webhook_configs": webhook}],
        });
        let config = folder.path().join("alertmanager.yml");
        std::fs::write(&config, configuration.to_string()).expect("written");
        let address = format!("127.0.0.1:{}", free_port());
        let child = command()
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", folder.path().display()))
            .arg(format!("--web.listen-address={address}"))
            // Alone: no port for others.
            .arg("--cluster.listen-address=")
            .arg("--log.level=error")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("prometheus-alertmanager starts");
        Self {
            child,
            address,
            _folder: folder,
        }
    }

    /// `host:port` where Prometheus finds it.
    pub fn address(&self) -> &str {
        &self.address
    }
}

/// Debian's Alertmanager reads its templates below `/usr/share`, wherever the program is: it gets
/// that folder of its own package there, in a mount namespace of its own.
fn command() -> Command {
    let path = std::env::var_os("PATH").expect("a search path");
    let mut folders = std::env::split_paths(&path);
    let program = folders.find_map(|folder| {
        let program: PathBuf = folder.join("prometheus-alertmanager");
        program.canonicalize().ok()
    });
    let program = program.expect("prometheus-alertmanager is on the search path");
    let share = program.parent().expect("a folder").join("../share");
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c"]);
    command.arg(r#"mount --bind "$1" /usr/share && shift && exec "$@""#);
    command.arg("sh").arg(share).arg(program);
    command
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
