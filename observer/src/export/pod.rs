//! The labels `namespace`, `pod` and `container` of a process's series.

use std::sync::Arc;

use crate::discover::Pod;

/// What is known of the pod; what is not has no label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PodLabels {
    pub(super) namespace: Option<Arc<str>>,
    pub(super) pod: Arc<str>,
    pub(super) container: Option<Arc<str>>,
}

impl PodLabels {
    /// The labels as the node alone knows them: the pod by its uid.
    pub(super) fn of(pod: &Pod) -> Self {
        Self {
            namespace: None,
            pod: pod.uid.as_str().into(),
            container: pod.container.as_deref().map(Into::into),
        }
    }

    /// Names and values.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [
            ("namespace", self.namespace.as_deref()),
            ("pod", Some(&*self.pod)),
            ("container", self.container.as_deref()),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
    }
}
