//! The pod that a process belongs to, by its control groups and its mounts.
//!
//! The kubelet names a pod's group after the pod's uid, in one of two ways:
//!
//! | driver | part of the path |
//! |---|---|
//! | cgroupfs | `kubepods/burstable/podUID` |
//! | systemd | `kubepods-burstable-podUID.slice`, with `_` for `-` in the uid |
//!
//! Before the first part stand whatever the kubelet was told (`kubelet-kubepods-…` in kind) and, seen
//! from a cgroup namespace of our own, `..`; behind the last stands the container's group. The uid of
//! a static pod is a hash without `-`. The container's name is in no group, but the kubelet mounts a
//! file of its own into every container, from `pods/UID/containers/NAME`.

/// Where in Kubernetes a process runs, as its node alone knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// The pod's uid; of a static pod the hash of its manifest.
    pub uid: String,
    /// The container's name in the pod.
    pub container: Option<String>,
}

/// Lengths of a uid: `8-4-4-4-12` digits, or a hash of 32.
const UUID: usize = 36;
const HASH: usize = 32;
/// Kubernetes allows no longer names of containers.
const MAX_NAME: usize = 63;

/// The uid of the pod that a `/proc/PID/cgroup` text names, the innermost if clusters are nested.
#[must_use]
pub fn pod_uid(cgroup: &str) -> Option<String> {
    let mut paths = cgroup.lines().filter_map(|line| line.splitn(3, ':').nth(2));
    paths.find_map(|path| path.rsplit('/').find_map(uid_in_group))
}

/// The name of the container that a `/proc/PID/mountinfo` text tells, in the pod with this uid.
///
/// A process with mounts of its own can tell any name, but not another pod's: the uid is the
/// kubelet's.
#[must_use]
pub fn container_name(mounts: &str, uid: &str) -> Option<String> {
    let folder = format!("pods/{uid}/containers/");
    // The fourth field is the mounted folder or file, in its own file system.
    let sources = mounts.lines().filter_map(|line| line.split(' ').nth(3));
    sources
        .filter_map(|source| {
            let (before, rest) = source.split_once(&folder)?;
            let (name, _) = rest.split_once('/')?;
            (before.ends_with('/') && is_name(name)).then_some(name)
        })
        .next()
        .map(str::to_owned)
}

fn uid_in_group(group: &str) -> Option<String> {
    // containerd's `SLICE:cri-containerd:ID` under a driver that is not systemd's.
    let group = group.split(':').next()?;
    let uid = match group.strip_suffix(".slice") {
        Some(slice) => {
            let (before, uid) = slice.rsplit_once("-pod")?;
            before.contains("kubepods").then(|| uid.replace('_', "-"))?
        }
        None => group.strip_prefix("pod")?.to_owned(),
    };
    is_uid(&uid).then_some(uid)
}

fn is_uid(text: &str) -> bool {
    let hexadecimal = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    match text.len() {
        HASH => text.bytes().all(hexadecimal),
        UUID => text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => hexadecimal(byte),
        }),
        _ => false,
    }
}

fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'-');
    (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(allowed)
}

#[cfg(test)]
#[path = "container_samples.rs"]
mod samples;

#[cfg(test)]
mod tests {
    use super::samples::{CGROUPS, MOUNTS};
    use super::*;
    use crate::discover::container_id;

    #[test]
    fn real_groups_of_every_runtime_driver_and_version_name_their_pod() {
        for sample in CGROUPS {
            assert_eq!(pod_uid(sample.text).as_deref(), sample.uid, "{}", sample.of);
            let id = container_id(sample.text);
            assert_eq!(id.as_deref(), sample.container_id, "{}", sample.of);
        }
    }

    #[test]
    fn real_mounts_of_every_runtime_name_the_container() {
        for sample in MOUNTS {
            let name = container_name(sample.text, sample.uid);
            assert_eq!(name.as_deref(), sample.container, "{}", sample.of);
        }
    }

    #[test]
    fn what_only_looks_like_a_pod_is_none() {
        for path in [
            "/pod1234/x",
            "/kubepods-pod7bd1a2a3_0861_4fe1_be78_9c76385b3dc.slice",
            "/kubepods-podXbd1a2a3_0861_4fe1_be78_9c76385b3dc0.slice",
            "/user-pod7bd1a2a3_0861_4fe1_be78_9c76385b3dc0.slice",
            "/podman-7bd1a2a3-0861-4fe1-be78-9c76385b3dc0",
        ] {
            assert_eq!(pod_uid(&format!("0::{path}\n")), None, "{path}");
        }
        assert_eq!(pod_uid("no colons"), None);
    }

    #[test]
    fn mounts_of_another_pod_or_with_an_odd_name_tell_nothing() {
        let uid = "b34634ea-cd65-4099-bee5-ad4de9264ffb";
        let line = |source: &str| format!("1 2 8:1 {source} /x rw - ext4 /dev/sda1 rw\n");
        let other =
            line("/var/lib/kubelet/pods/00000000-cd65-4099-bee5-ad4de9264ffb/containers/a/1");
        assert_eq!(container_name(&other, uid), None);
        for name in ["", "UPPER", "a\"b", &"x".repeat(64)] {
            let odd = line(&format!("/var/lib/kubelet/pods/{uid}/containers/{name}/1"));
            assert_eq!(container_name(&odd, uid), None, "{name}");
        }
        let prefixed = line(&format!("/notpods/{uid}/containers/a/1"));
        assert_eq!(container_name(&prefixed, uid), None);
    }
}
