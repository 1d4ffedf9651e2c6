//! The pods of a node by uid and by their containers' ids: pure.

use std::collections::HashMap;
use std::sync::Arc;

/// Most pods that are kept; a kubelet runs 110 by default, and 500 at the very most. Those beyond
/// keep their uid for a name.
const MAX_PODS: usize = 4_096;

/// Where a process runs, in the words of Kubernetes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The pod's namespace.
    pub namespace: Arc<str>,
    /// The pod's name.
    pub pod: Arc<str>,
    /// The container's name, once the API server knows the container's id.
    pub container: Option<Arc<str>>,
}

/// One pod, as much of it as is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedPod {
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// Id, without its runtime's name, and name of every container.
    pub containers: Vec<(String, Arc<str>)>,
}

/// The pods of a node.
///
/// ```
/// let names = observer::kubernetes::Names::default();
/// assert_eq!(names.of(Some("15513b48-e7a5-48fc-b9e3-92f713f36504"), None), None);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Names {
    by_uid: HashMap<String, NamedPod>,
}

impl Names {
    /// A pod came, or changed.
    pub(super) fn put(&mut self, uid: String, pod: NamedPod) {
        if self.by_uid.len() < MAX_PODS || self.by_uid.contains_key(&uid) {
            self.by_uid.insert(uid, pod);
        }
    }

    /// A pod has gone.
    pub(super) fn remove(&mut self, uid: &str) {
        self.by_uid.remove(uid);
    }

    /// Pods that are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_uid.len()
    }

    /// No pod is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_uid.is_empty()
    }

    /// The names for a pod's uid and a container's id, each as far as a node knows it.
    #[must_use]
    pub fn of(&self, uid: Option<&str>, container_id: Option<&str>) -> Option<Name> {
        let has = |pod: &&NamedPod| {
            pod.containers
                .iter()
                .any(|(id, _)| Some(&**id) == container_id)
        };
        let pod = match uid {
            Some(uid) => self.by_uid.get(uid),
            None => self.by_uid.values().find(has),
        }?;
        let mut containers = pod.containers.iter();
        let container = containers.find(|(id, _)| Some(&**id) == container_id);
        Some(Name {
            namespace: pod.namespace.clone(),
            pod: pod.name.clone(),
            container: container.map(|(_, name)| name.clone()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        let mut names = Names::default();
        let pod = NamedPod {
            namespace: "shop".into(),
            name: "orders-7d9".into(),
            containers: vec![
                ("c1".to_owned(), "app".into()),
                ("c2".to_owned(), "proxy".into()),
            ],
        };
        names.put("u1".to_owned(), pod);
        names
    }

    #[test]
    fn a_pod_is_known_by_its_uid_before_its_containers_are() {
        let name = names().of(Some("u1"), Some("c9")).expect("known");
        assert_eq!((&*name.namespace, &*name.pod), ("shop", "orders-7d9"));
        assert_eq!(name.container, None);
    }

    #[test]
    fn a_container_is_known_by_its_id_also_where_the_pod_is_not() {
        for uid in [Some("u1"), None] {
            let name = names().of(uid, Some("c2")).expect("known");
            assert_eq!(name.container.as_deref(), Some("proxy"));
        }
    }

    #[test]
    fn what_is_not_known_has_no_name() {
        assert_eq!(names().of(Some("u2"), Some("c1")), None);
        assert_eq!(names().of(None, Some("c9")), None);
        assert_eq!(names().of(None, None), None);
        let mut gone = names();
        gone.remove("u1");
        assert!(gone.is_empty());
    }

    #[test]
    fn pods_beyond_the_bound_are_left_out_and_known_ones_still_change() {
        let mut names = names();
        let pod = names.by_uid["u1"].clone();
        for number in 0..MAX_PODS {
            names.put(format!("v{number}"), pod.clone());
        }
        assert_eq!(names.len(), MAX_PODS);
        let renamed = NamedPod {
            name: "other".into(),
            ..pod
        };
        names.put("u1".to_owned(), renamed);
        assert_eq!(&*names.of(Some("u1"), None).expect("known").pod, "other");
    }
}
