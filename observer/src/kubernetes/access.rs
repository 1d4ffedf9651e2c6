//! Whether there is an API server to ask, and as whom.

use clap::ValueEnum;
use kube::config::KubeConfigOptions;
use kube::{Client, Config};
use serde::Deserialize;

/// Set in every container of a cluster.
const IN_CLUSTER: &str = "KUBERNETES_SERVICE_HOST";
/// Where the kubelet mounts the service account's token, if it may.
const TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";
/// Names a file with an API server, for an observer outside of containers.
const FILE: &str = "KUBECONFIG";
/// The name of this machine in the cluster.
const NODE: &str = "NODE_NAME";

/// `--kubernetes`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// Ask for the names of this node's pods where there is a service account.
    #[default]
    Auto,
    /// Ask nobody.
    Off,
}

/// An API server, and which node's pods to ask it for.
#[derive(Clone)]
pub struct Access {
    pub(super) client: Client,
    pub(super) node: String,
}

/// There is an API server, and it cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// Whose pods to ask for is not known.
    #[error("{NODE} is not set: set it to spec.nodeName by the downward API")]
    NoNode,
    /// The service account or the file cannot be used.
    #[error("{0}")]
    Unusable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Access {
    /// The API server that this process's surroundings name; `None` where there is none.
    ///
    /// # Errors
    ///
    /// Where one is named and cannot be used.
    pub async fn find() -> Result<Option<Self>, AccessError> {
        let config =
            if std::env::var_os(IN_CLUSTER).is_some() && std::path::Path::new(TOKEN).exists() {
                Config::incluster().map_err(unusable)?
            } else if std::env::var_os(FILE).is_some() {
                let options = KubeConfigOptions::default();
                Config::from_kubeconfig(&options).await.map_err(unusable)?
            } else {
                return Ok(None);
            };
        let node = std::env::var(NODE).map_err(|_| AccessError::NoNode)?;
        Self::new(config, &node).map(Some)
    }

    /// An API server and a node.
    ///
    /// # Errors
    ///
    /// When the settings make no client.
    pub fn new(config: Config, node: &str) -> Result<Self, AccessError> {
        Ok(Self {
            client: Client::try_from(config).map_err(unusable)?,
            node: node.to_owned(),
        })
    }
}

fn unusable(error: impl std::error::Error + Send + Sync + 'static) -> AccessError {
    AccessError::Unusable(Box::new(error))
}
