//! What the container holds, and that it needs each of it.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use super::container::Container;
use super::manifest::overlays;
use super::overlay;
use super::pod::Pod;
use crate::harness::{Target, eventually, require};

/// `nobody` on every distribution.
const NOBODY: u32 = 65_534;

#[test]
fn holds_what_the_manifest_says_and_nothing_else() {
    for (overlay, set) in overlays() {
        let pod = Pod::of(&set);
        let container = Container::start(&pod);
        let status = std::fs::read_to_string(format!("/proc/{}/status", container.pid()));
        let status = status.expect("its status");
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_else(|| panic!("{name}")).trim()
        };
        let mask: u64 = pod
            .capabilities()
            .iter()
            .map(|name| 1 << number(name))
            .sum();
        let mask = format!("{mask:016x}");
        for set in ["CapPrm:", "CapEff:", "CapBnd:"] {
            assert_eq!(field(set), mask, "{overlay}: {set}");
        }
        assert_eq!(field("CapAmb:"), "0000000000000000", "{overlay}");
        assert_eq!(field("NoNewPrivs:"), "1", "{overlay}");
        const FILTER: &str = "2";
        assert_eq!(field("Seccomp:"), FILTER, "{overlay}");
        assert_eq!(field("Uid:"), "0\t0\t0\t0", "{overlay}");
        let root = mount_options(container.pid(), "/");
        assert!(
            root.split(',').any(|option| option == "ro"),
            "{overlay}: {root}"
        );
        let settings = mount_options(container.pid(), "/etc/parkwatch");
        assert!(
            settings.split(',').any(|option| option == "ro"),
            "{overlay}: {settings}"
        );
    }
}

#[test]
fn without_bpf_it_ends_at_the_start() {
    let said = Container::run_to_its_end(&Pod::without(&overlay("small"), "BPF"));
    assert!(said.contains("failed to create map"), "{said}");
}

#[test]
fn without_perfmon_it_ends_at_the_start() {
    let said = Container::run_to_its_end(&Pod::without(&overlay("small"), "PERFMON"));
    assert!(said.contains("not permitted"), "{said}");
}

#[test]
fn without_sys_ptrace_it_finds_no_target() {
    let set = overlay("small");
    let hidden = Target::start(&[]);
    let container = Container::start(&Pod::without(&set, "SYS_PTRACE"));
    // One whole scan is done when it is ready.
    assert!(!container.observer().scrape().names_process(hidden.pid()));
    drop(container);
    let container = Container::start(&Pod::of(&set));
    eventually("the target is seen with it", || {
        shows(&container, hidden.pid())
    });
}

#[test]
fn without_dac_read_search_it_finds_no_target_in_a_folder_of_somebody_else() {
    let set = overlay("small");
    let owned = Owned::start();
    let container = Container::start(&Pod::without(&set, "DAC_READ_SEARCH"));
    assert!(
        !container
            .observer()
            .scrape()
            .names_process(owned.child.id())
    );
    drop(container);
    let container = Container::start(&Pod::of(&set));
    eventually("the target is seen with it", || {
        shows(&container, owned.child.id())
    });
}

/// A target of another user, in a folder that only that user may enter.
struct Owned {
    child: Child,
    _folder: tempfile::TempDir,
}

impl Owned {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let program = folder.path().join("target");
        std::fs::copy(require("PARKWATCH_TARGET"), &program).expect("copied");
        for (path, mode) in [(program.as_path(), 0o500), (folder.path(), 0o700)] {
            std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY)).expect("given away");
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("closed");
        }
        let child = Command::new(&program)
            .uid(NOBODY)
            .gid(NOBODY)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("target starts");
        Self {
            child,
            _folder: folder,
        }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn shows(container: &Container, pid: u32) -> Result<(), String> {
    let seen = container.observer().scrape().names_process(pid);
    seen.then_some(()).ok_or_else(|| container.observer().log())
}

/// The number of a capability, of those that the manifests name.
fn number(name: &str) -> u32 {
    match name {
        "CAP_DAC_READ_SEARCH" => 2,
        "CAP_SYS_PTRACE" => 19,
        "CAP_PERFMON" => 38,
        "CAP_BPF" => 39,
        other => panic!("{other} is new: show that it is needed"),
    }
}

/// The options of a mount, as this process sees it.
fn mount_options(pid: u32, path: &str) -> String {
    let text = std::fs::read_to_string(format!("/proc/{pid}/mountinfo")).expect("its mounts");
    let fields = text.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let found = fields.into_iter().find(|fields| fields[4] == path);
    found.unwrap_or_else(|| panic!("nothing is mounted at {path}"))[5].to_owned()
}
