//! An Alertmanager that tells one receiver everything at once.

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
        let child = Command::new("prometheus-alertmanager")
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

impl Drop for Alertmanager {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
