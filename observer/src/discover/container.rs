//! The container that a process runs in, by its control groups.
//!
//! Runtimes name a container's group after its id of 64 hexadecimal digits, each in its way:
//!
//! | who | last part of the path |
//! |---|---|
//! | Docker, v1 or cgroupfs | `docker/ID` |
//! | Docker, systemd | `docker-ID.scope` |
//! | containerd under Kubernetes | `cri-containerd-ID.scope`, `pod…/ID`, `…slice:cri-containerd:ID` |
//! | CRI-O | `crio-ID.scope` |
//! | Podman | `libpod-ID.scope` |
//!
//! So one rule finds them all, and those of runtimes not in the table.

/// Digits of a container id.
const ID_DIGITS: usize = 64;

/// The container id that a `/proc/PID/cgroup` text names; the innermost, if containers are
/// nested. `None` outside containers, and where a namespace hides the path (`0::/`).
///
/// ```
/// let id = "0123456789abcdef".repeat(4);
/// let text = format!("0::/system.slice/docker-{id}.scope\n");
/// assert_eq!(observer::discover::container_id(&text), Some(id));
/// assert_eq!(observer::discover::container_id("0::/init.scope\n"), None);
/// ```
#[must_use]
pub fn container_id(cgroup: &str) -> Option<String> {
    let paths = cgroup.lines().filter_map(|line| line.splitn(3, ':').nth(2));
    paths
        .filter_map(|path| path.rsplit('/').find_map(id_in_group))
        .next()
        .map(str::to_owned)
}

/// The id at the end of a group's name. A monitor of a container (`crio-conmon-ID.scope`)
/// runs beside it, not in it.
fn id_in_group(group: &str) -> Option<&str> {
    let name = group.strip_suffix(".scope").unwrap_or(group);
    let (before, id) = name.rsplit_once(['-', ':']).unwrap_or(("", name));
    let hexadecimal = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let matches = id.len() == ID_DIGITS && id.bytes().all(hexadecimal);
    (matches && !before.ends_with("conmon")).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4b1a0a1d3d8a0f9cbb5a3c0a3f0de4c1a9f6f3c2e1d0b9a8f7e6d5c4b3a29180";
    const OUTER: &str = "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff";
    const POD: &str = "pod1f0c9d6e-6f2b-4b8e-9f55-2f1d0c3b4a59";

    #[test]
    fn every_runtime_names_its_groups_after_the_id() {
        for path in [
            format!("/docker/{ID}"),
            format!("/system.slice/docker-{ID}.scope"),
            format!("/system.slice/docker-{ID}.scope/init.scope"),
            format!("/kubepods/burstable/{POD}/{ID}"),
            format!("/kubepods.slice/kubepods-burstable.slice/cri-containerd-{ID}.scope"),
            format!("/system.slice/containerd.service/kubepods-x.slice:cri-containerd:{ID}"),
            format!("/kubepods.slice/kubepods-pod1.slice/crio-{ID}.scope"),
            format!("/user.slice/user-1000.slice/user@1000.service/libpod-{ID}.scope/container"),
            format!("/docker/{OUTER}/kubelet.slice/cri-containerd-{ID}.scope"),
            format!("/../cri-containerd-{ID}.scope"),
        ] {
            assert_eq!(
                container_id(&format!("0::{path}\n")).as_deref(),
                Some(ID),
                "{path}"
            );
            let v1 = format!("5:pids:/\n1:name=systemd:{path}\n0::/\n");
            assert_eq!(container_id(&v1).as_deref(), Some(ID), "{path}");
        }
    }

    #[test]
    fn processes_outside_containers_have_none() {
        for path in [
            "/".to_owned(),
            "/init.scope".to_owned(),
            "/user.slice/user-1000.slice/session-2.scope".to_owned(),
            format!("/kubepods/burstable/{POD}"),
            format!("/machine.slice/libpod-conmon-{ID}.scope"),
            format!("/kubepods.slice/crio-conmon-{ID}.scope"),
            format!("/docker/{}", &ID[1..]),
            format!("/docker/{}", ID.to_uppercase()),
        ] {
            assert_eq!(container_id(&format!("0::{path}\n")), None, "{path}");
        }
        assert_eq!(container_id(""), None);
        assert_eq!(container_id("no colons"), None);
    }
}
