//! Names of pods from an API server, here a stub of one on this machine: it lists, watches, closes,
//! forgets versions, goes away and comes back.

mod authority;
mod encrypted;
mod stub;

use std::time::{Duration, Instant};

use kube::Config;
use observer::kubernetes::{Access, Name, PodNames};
use serde_json::{Value, json};
use stub::Stub;

const NODE: &str = "node-a";
/// What has not come after this long never will; a client waits up to 30 s for a server.
const HANG_GUARD: Duration = Duration::from_secs(90);

fn pod(uid: &str, name: &str, version: u32) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name, "namespace": "shop", "uid": uid, "resourceVersion": version.to_string(),
        },
        "spec": {"nodeName": NODE, "containers": [{"name": "app", "image": "x"}]},
        "status": {
            "phase": "Running",
            "containerStatuses": [{"name": "app", "containerID": format!("containerd://c-{uid}")}],
            "initContainerStatuses": [{"name": "setup"}],
        },
    })
}

fn watched(address: &str) -> PodNames {
    let config = Config::new(format!("http://{address}").parse().expect("an address"));
    PodNames::watched(Access::new(config, NODE).expect("a client"))
}

fn name_of(names: &PodNames, uid: &str) -> Option<Name> {
    names.of(Some(uid), Some(&format!("c-{uid}")))
}

async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < HANG_GUARD, "never came: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn pods_of_the_node_are_listed_and_followed() {
    let stub = Stub::start();
    stub.set_pods(&[pod("u1", "orders-1", 10)], 10);
    let names = watched(stub.address());
    eventually("the list", || name_of(&names, "u1").is_some()).await;
    let name = name_of(&names, "u1").expect("known");
    assert_eq!((&*name.namespace, &*name.pod), ("shop", "orders-1"));
    assert_eq!(name.container.as_deref(), Some("app"));
    stub.tell("ADDED", &pod("u2", "carts-1", 11)).await;
    eventually("a new pod", || name_of(&names, "u2").is_some()).await;
    stub.tell("DELETED", &pod("u1", "orders-1", 12)).await;
    eventually("a pod that went", || name_of(&names, "u1").is_none()).await;
    let requests = stub.requests();
    assert!(!requests.is_empty());
    for request in requests {
        assert!(request.starts_with("/api/v1/pods?"), "{request}");
        assert!(
            request.contains("fieldSelector=spec.nodeName%3Dnode-a"),
            "{request}"
        );
    }
}

#[tokio::test]
async fn a_watch_that_the_server_closes_goes_on_from_its_last_version() {
    let stub = Stub::start();
    stub.set_pods(&[pod("u1", "orders-1", 10)], 10);
    let names = watched(stub.address());
    stub.tell("ADDED", &pod("u2", "carts-1", 17)).await;
    eventually("a new pod", || name_of(&names, "u2").is_some()).await;
    stub.close_watch().await;
    stub.tell("ADDED", &pod("u3", "mails-1", 18)).await;
    eventually("a pod of the second watch", || {
        name_of(&names, "u3").is_some()
    })
    .await;
    assert_eq!(stub.lists(), 1, "{:?}", stub.requests());
    let last = stub.requests().pop().expect("a request");
    assert!(
        last.contains("watch=true") && last.contains("resourceVersion=17"),
        "{last}"
    );
}

#[tokio::test]
async fn a_version_that_is_gone_is_answered_by_a_new_list() {
    let stub = Stub::start();
    stub.set_pods(&[pod("u1", "orders-1", 10), pod("u2", "carts-1", 9)], 10);
    let names = watched(stub.address());
    stub.tell("MODIFIED", &pod("u1", "orders-1", 11)).await;
    eventually("the first list", || name_of(&names, "u2").is_some()).await;
    stub.set_pods(&[pod("u1", "orders-1", 11), pod("u3", "mails-1", 900)], 900);
    let gone = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "too old resource version: 11 (900)", "reason": "Expired", "code": 410,
    });
    stub.tell("ERROR", &gone).await;
    eventually("the new list", || name_of(&names, "u3").is_some()).await;
    assert!(
        name_of(&names, "u2").is_none(),
        "what went meanwhile is forgotten"
    );
    assert!(name_of(&names, "u1").is_some());
    assert_eq!(stub.lists(), 2, "{:?}", stub.requests());
}

#[tokio::test]
async fn a_watch_that_is_refused_as_gone_is_answered_by_a_new_list() {
    let stub = Stub::start();
    stub.set_pods(&[pod("u1", "orders-1", 10)], 10);
    let names = watched(stub.address());
    eventually("the list", || name_of(&names, "u1").is_some()).await;
    stub.refuse_watches_as_gone(1);
    stub.set_pods(&[pod("u4", "mails-2", 50)], 50);
    stub.close_watch().await;
    eventually("the new list", || name_of(&names, "u4").is_some()).await;
    assert!(name_of(&names, "u1").is_none());
}

#[tokio::test]
async fn names_stay_while_the_server_is_away_and_are_new_when_it_is_back() {
    let stub = Stub::start();
    stub.set_pods(&[pod("u1", "orders-1", 10)], 10);
    let names = watched(stub.address());
    eventually("the list", || name_of(&names, "u1").is_some()).await;
    let address = stub.address().to_owned();
    stub.stop();
    assert!(name_of(&names, "u1").is_some());
    let stub = Stub::start_at(&address);
    stub.refuse_watches_as_gone(1);
    stub.set_pods(&[pod("u5", "orders-2", 3)], 3);
    eventually("the names of the new server", || {
        name_of(&names, "u5").is_some()
    })
    .await;
    assert!(name_of(&names, "u1").is_none());
}

#[tokio::test]
async fn a_static_pod_is_known_by_the_hash_that_its_node_knows() {
    let stub = Stub::start();
    let mut mirror = pod("mirror-uid", "etcd-node-a", 10);
    mirror["metadata"]["annotations"] =
        json!({"kubernetes.io/config.hash": "e4e6004e827fdf45941cf777618f60ce"});
    stub.set_pods(&[mirror], 10);
    let names = watched(stub.address());
    let name = || names.of(Some("e4e6004e827fdf45941cf777618f60ce"), None);
    eventually("the static pod", || name().is_some()).await;
    assert_eq!(&*name().expect("known").pod, "etcd-node-a");
}
