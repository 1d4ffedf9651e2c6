//! What a pod of a cluster has around it: an API server, and the files of its service account.
//!
//! The server is the stub of the kubernetes tests, over TLS; the files are those that the kubelet
//! mounts.

#[path = "../../kubernetes/authority.rs"]
mod authority;
#[path = "../../kubernetes/stub.rs"]
#[expect(dead_code, reason = "other tests ask more of it")]
mod stub;

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::pod::NODE;
use crate::harness::Place;
use authority::Authority;
use stub::Stub;

/// What the service account shows to the API server.
const TOKEN: &str = "token-of-the-test";

/// An API server, and a service account for it.
pub struct Cluster {
    server: Stub,
    service_account: TempDir,
}

impl Cluster {
    /// A cluster that knows these pods.
    pub fn with(pods: &[Value]) -> Self {
        let authority = Authority::new();
        Self::new(pods, &authority, &authority)
    }

    /// One whose server's certificate is not of the authority that its pods know.
    pub fn with_a_foreign_server() -> Self {
        Self::new(&[], &Authority::new(), &Authority::new())
    }

    fn new(pods: &[Value], known: &Authority, of_server: &Authority) -> Self {
        let server = Stub::start_encrypted(of_server.server());
        server.set_pods(pods, 1);
        let service_account = tempfile::tempdir().expect("a folder");
        let files = [
            ("token", TOKEN),
            ("ca.crt", &known.pem()),
            ("namespace", "parkwatch"),
        ];
        for (name, text) in files {
            std::fs::write(service_account.path().join(name), text).expect("written");
        }
        Self {
            server,
            service_account,
        }
    }

    /// The folder that the kubelet mounts.
    pub fn service_account(&self) -> &Path {
        self.service_account.path()
    }

    /// The variables that the kubelet sets.
    pub fn variables(&self) -> [(String, String); 2] {
        let (host, port) = self.server.address().rsplit_once(':').expect("a port");
        [
            ("KUBERNETES_SERVICE_HOST".to_owned(), host.to_owned()),
            ("KUBERNETES_SERVICE_PORT".to_owned(), port.to_owned()),
        ]
    }

    /// Whether every request so far was the service account's; there was one at least.
    pub fn was_asked_by_the_service_account(&self) -> bool {
        let told = self.server.authorizations();
        let expected = format!("Bearer {TOKEN}");
        !told.is_empty()
            && told.len() == self.server.requests().len()
            && told.iter().all(|told| *told == expected)
    }

    /// Connections so far, whatever came of them.
    pub fn connections(&self) -> usize {
        self.server.connections()
    }

    /// Requests so far.
    pub fn requests(&self) -> Vec<String> {
        self.server.requests()
    }
}

/// A pod with one container, as the API server tells of it.
pub fn pod(namespace: &str, name: &str, place: &Place) -> Value {
    let id = format!("containerd://{}", place.container_id);
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name, "namespace": namespace, "uid": place.uid, "resourceVersion": "1",
        },
        "spec": {"nodeName": NODE, "containers": [{"name": place.container, "image": "x"}]},
        "status": {
            "phase": "Running",
            "containerStatuses": [{"name": place.container, "containerID": id}],
        },
    })
}
