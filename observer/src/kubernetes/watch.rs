//! The watch of this node's pods: lists them, then follows their changes.
//!
//! `kube`'s watcher does the protocol: it lists, watches from the list's version, watches again
//! from the last version when the server closes, lists anew when a watch says that its version is
//! gone (410), and waits longer and longer while the server does not answer. A watch that is refused
//! as gone is what it does not answer: there this file begins anew. What is known stays known
//! meanwhile.

use std::error::Error;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use futures_util::{Stream, StreamExt as _};
use kube::Api;
use kube::core::{ApiResource, GroupVersionKind, NotUsed, Object};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event, watcher};
use serde::Deserialize;

use super::names::NamedPod;
use super::{Access, Choice, Name, Names};

/// The hash by which a node knows a static pod; the API server gives its mirror another uid.
const STATIC_HASH: &str = "kubernetes.io/config.hash";

/// The server's code for a version that it no longer has.
const GONE: u16 = 410;
/// Between two beginnings: a server that answers so every time is not asked faster.
const ANEW: Duration = Duration::from_secs(1);

/// A pod, of which all but names and the status is left unread.
type Pod = Object<NotUsed, PodStatus>;

/// The containers of a pod, as the kubelet reports them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodStatus {
    container_statuses: Vec<ContainerStatus>,
    init_container_statuses: Vec<ContainerStatus>,
    ephemeral_container_statuses: Vec<ContainerStatus>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ContainerStatus {
    name: String,
    /// `containerd://ID`; absent before the container was made.
    #[serde(rename = "containerID", default)]
    container_id: Option<String>,
}

/// The names as they are known now; cheap to clone, all clones tell the same.
#[derive(Clone, Debug, Default)]
pub struct PodNames {
    names: Arc<RwLock<Names>>,
}

impl PodNames {
    /// Names that come from the API server, if there is one and it may be asked. Must be called
    /// within a Tokio runtime.
    pub async fn begin(choice: Choice) -> Self {
        if choice == Choice::Off {
            return Self::default();
        }
        match Access::find().await {
            Ok(Some(access)) => {
                tracing::info!(
                    node = access.node,
                    "asking the API server for names of pods"
                );
                Self::watched(access)
            }
            Ok(None) => Self::default(),
            Err(error) => {
                tracing::warn!("pods have no names: {error}");
                Self::default()
            }
        }
    }

    /// Names that are kept up to date from now on. Must be called within a Tokio runtime.
    #[must_use]
    pub fn watched(access: Access) -> Self {
        let names = Self::default();
        let kept = names.clone();
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", "Pod"));
        let api: Api<Pod> = Api::all_with(access.client, &resource);
        let config = watcher::Config::default().fields(&format!("spec.nodeName={}", access.node));
        tokio::spawn(async move {
            loop {
                let events = watcher(api.clone(), config.clone()).default_backoff();
                kept.follow(events).await;
                tokio::time::sleep(ANEW).await;
            }
        });
        names
    }

    /// The names for a pod's uid and a container's id.
    #[must_use]
    pub fn of(&self, uid: Option<&str>, container_id: Option<&str>) -> Option<Name> {
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        names.of(uid, container_id)
    }

    /// Pods that are known.
    #[must_use]
    pub fn len(&self) -> usize {
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        names.len()
    }

    /// No pod is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Follows the events until they must begin anew.
    async fn follow(&self, events: impl Stream<Item = watcher::Result<Event<Pod>>>) {
        let mut events = std::pin::pin!(events);
        let mut listed = Names::default();
        let mut is_failing = false;
        while let Some(event) = events.next().await {
            match event {
                Ok(event) => {
                    // `Init` says that a list is about to be asked for.
                    let is_answer = !matches!(event, Event::Init);
                    if is_answer && std::mem::take(&mut is_failing) {
                        tracing::info!("the API server answers again");
                    }
                    self.take(event, &mut listed);
                }
                Err(error) if is_gone(&error) => return,
                Err(error) => {
                    if !std::mem::replace(&mut is_failing, true) {
                        tracing::warn!("names of pods may be old: {}", with_causes(&error));
                    }
                }
            }
        }
    }

    /// Takes one event. A new list replaces what was known only when it is whole.
    fn take(&self, event: Event<Pod>, listed: &mut Names) {
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Init => *listed = Names::default(),
            Event::InitApply(pod) => put(listed, &pod),
            Event::InitDone => *names = std::mem::take(listed),
            Event::Apply(pod) => put(&mut names, &pod),
            Event::Delete(pod) => names.remove(node_uid(&pod)),
        }
    }
}

/// Whether a watch was refused because its version is gone. The watcher sees to an event that says
/// so, not to a refusal.
fn is_gone(error: &watcher::Error) -> bool {
    use watcher::Error::{WatchFailed, WatchStartFailed};
    let (WatchStartFailed(cause) | WatchFailed(cause)) = error else {
        return false;
    };
    matches!(cause, kube::Error::Api(status) if status.code == GONE)
}

/// An error, and those of its causes that its own text leaves out: of a failed connection it does
/// not say why.
fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        let cause = error.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
        next = error.source();
    }
    text
}

fn put(names: &mut Names, pod: &Pod) {
    let status = pod.status.as_ref();
    let containers = status.into_iter().flat_map(|status| {
        let all = [
            &status.container_statuses,
            &status.init_container_statuses,
            &status.ephemeral_container_statuses,
        ];
        all.into_iter().flatten().filter_map(|container| {
            let (_runtime, id) = container.container_id.as_deref()?.split_once("://")?;
            Some((id.to_owned(), container.name.as_str().into()))
        })
    });
    let text = |field: &Option<String>| field.as_deref().unwrap_or_default().into();
    let named = NamedPod {
        namespace: text(&pod.metadata.namespace),
        name: text(&pod.metadata.name),
        containers: containers.collect(),
    };
    names.put(node_uid(pod).to_owned(), named);
}

/// The uid by which the node's control groups name the pod.
fn node_uid(pod: &Pod) -> &str {
    let annotations = pod.metadata.annotations.as_ref();
    let hash = annotations.and_then(|all| all.get(STATIC_HASH));
    hash.or(pod.metadata.uid.as_ref())
        .map_or("", String::as_str)
}
