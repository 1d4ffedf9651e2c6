//! The distribution's packages: which are missing, and the step that installs them.
//!
//! Only apt is known. Prometheus is not installed but unpacked under `target/tools`, because its
//! package starts a service on port 9090 and the tests need nothing but the two programs.

use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

use crate::command::Invocation;
use crate::plan::{self, Step};
use crate::privilege::Privilege;
use crate::runner;
use crate::workspace::Workspace;

/// A program that a layer of tests needs, and the package that has it.
pub struct Need {
    program: &'static str,
    package: &'static str,
}

const fn need(program: &'static str, package: &'static str) -> Need {
    Need { program, package }
}

const TEST_PROGRAMS: [Need; 6] = [
    need("cc", "gcc"),
    need("readelf", "binutils"),
    need("strip", "binutils"),
    need("gdb", "gdb"),
    need("bpftrace", "bpftrace"),
    need("tmux", "tmux"),
];

/// What the layer `deploy` needs beside them: a builder of images, one who unpacks them, a runtime
/// for containers, and what `deploy/check.sh` calls.
pub const DEPLOY_PROGRAMS: [Need; 6] = [
    need("buildah", "buildah"),
    need("umoci", "umoci"),
    need("runc", "runc"),
    need("jq", "jq"),
    need("systemd-analyze", "systemd"),
    need("python3", "python3-venv"),
];

/// What the layer `vm` needs beside them.
pub const VM_PROGRAMS: [Need; 2] = [
    need("qemu-system-x86_64", "qemu-system-x86"),
    need("busybox", "busybox-static"),
];

/// Whether apt manages this machine.
pub fn has_apt() -> bool {
    runner::find_program("apt-get").is_some() && runner::find_program("dpkg-query").is_some()
}

/// Whether `package` is installed.
pub fn installed(package: &str) -> bool {
    let query = Invocation::new("dpkg-query").args(["-W", "-f", "${Status}", package]);
    runner::ask(&query).is_some_and(|status| status == "install ok installed")
}

/// Whether apt knows a version of `package`.
pub fn available(package: &str) -> bool {
    let query = Invocation::new("apt-cache").args(["show", "--no-all-versions", package]);
    runner::ask(&query).is_some_and(|answer| answer.contains("Package:"))
}

/// The step that installs `packages`; `None` without apt or without a way to root's rights.
pub fn install_step(
    say: &str,
    log: &'static str,
    packages: &[&str],
    privilege: Privilege,
) -> Option<Step> {
    let apt = |arguments: &[&str]| {
        let call = Invocation::new("apt-get")
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive");
        privilege.raise(call)
    };
    let mut install = vec!["install", "-y", "--no-install-recommends"];
    install.extend(packages);
    let calls = vec![apt(&["update"])?, apt(&install)?];
    has_apt().then(|| Step::new(format!("{say}: {}", packages.join(" ")), log, calls))
}

/// The packages whose programs are missing.
fn missing<'a>(
    needs: impl IntoIterator<Item = &'a Need>,
    has: impl Fn(&str) -> bool,
) -> Vec<&'static str> {
    let mut packages: Vec<_> = needs
        .into_iter()
        .filter(|need| !has(need.program))
        .map(|need| need.package)
        .collect();
    packages.dedup();
    packages
}

/// The folder that holds `prometheus` and `promtool`, `None` where they are on the path already.
pub fn prometheus_folder(workspace: &Workspace) -> Option<PathBuf> {
    let on_path = ["prometheus", "promtool"]
        .iter()
        .all(|name| runner::find_program(name).is_some());
    (!on_path).then(|| workspace.tools().join("prometheus/usr/bin"))
}

/// Whether `prometheus` or `promtool` is neither on the path nor unpacked yet.
fn lacks_prometheus(workspace: &Workspace) -> bool {
    prometheus_folder(workspace).is_some_and(|folder| {
        ["prometheus", "promtool"]
            .iter()
            .any(|name| !runner::is_executable(&folder.join(name)))
    })
}

/// Unpacks `prometheus` and `promtool`.
fn unpack_prometheus(workspace: &Workspace, privilege: Privilege) -> Result<()> {
    let into = workspace.tools().join("prometheus");
    let download = workspace.tools().join("prometheus-download");
    std::fs::create_dir_all(&download).context("creating the folder for Prometheus")?;
    // A fresh machine has no lists of packages yet.
    if !available("prometheus")
        && let Some(step) = lists_step(privilege)
    {
        step.perform(workspace)?;
    }
    prometheus_step(&download).perform(workspace)?;
    unpack_step(&downloaded(&download)?, &into).perform(workspace)?;
    std::fs::remove_dir_all(&download).context("removing the downloaded package")
}

fn lists_step(privilege: Privilege) -> Option<Step> {
    let call = privilege.raise(Invocation::new("apt-get").arg("update"))?;
    Some(Step::new(
        "reading the lists of packages",
        "package-lists",
        vec![call],
    ))
}

fn prometheus_step(download: &Path) -> Step {
    let call = Invocation::new("apt-get")
        .args(["download", "prometheus"])
        .folder(download);
    let say = "downloading Prometheus and promtool (for the end-to-end tests; not installed)";
    Step::new(say, "prometheus", vec![call])
}

fn unpack_step(package: &Path, into: &Path) -> Step {
    let call = Invocation::new("dpkg-deb")
        .arg("--extract")
        .arg(package)
        .arg(into);
    Step::new(
        "unpacking them under target/tools",
        "prometheus-unpack",
        vec![call],
    )
}

fn downloaded(folder: &Path) -> Result<PathBuf> {
    std::fs::read_dir(folder)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .context("apt-get download left no package")
}

/// Installs what the tests miss, or says what to install; `extra` is what only the chosen layers
/// need.
pub fn prepare_for_tests(
    workspace: &Workspace,
    privilege: Privilege,
    extra: &[&Need],
    install: bool,
) -> Result<()> {
    let packages = missing(
        TEST_PROGRAMS.iter().chain(extra.iter().copied()),
        |program| runner::find_program(program).is_some(),
    );
    if !packages.is_empty() {
        let say = "installing what the tests need";
        match install_step(say, "test-packages", &packages, privilege) {
            Some(step) if install => step.perform(workspace)?,
            Some(step) => println!("missing for the tests: {}", step.shell_line()),
            None => println!(
                "missing for the tests: please install {}",
                packages.join(" ")
            ),
        }
    }
    if lacks_prometheus(workspace) {
        if !install || !has_apt() {
            println!("missing for the tests: prometheus and promtool on the search path");
        } else if let Err(error) = unpack_prometheus(workspace, privilege) {
            plan::say(&format!("no Prometheus: {error:#}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_each_missing_package_once() {
        let missing = |has: fn(&str) -> bool| missing(&TEST_PROGRAMS, has);
        assert_eq!(
            missing(|_| false),
            ["gcc", "binutils", "gdb", "bpftrace", "tmux"]
        );
        assert_eq!(missing(|program| program != "strip"), ["binutils"]);
        assert!(missing(|_| true).is_empty());
    }

    #[test]
    fn an_unpacked_prometheus_is_enough() {
        let folder = tempfile::tempdir().unwrap();
        let workspace = Workspace::at(folder.path());
        let Some(unpacked) = prometheus_folder(&workspace) else {
            assert!(!lacks_prometheus(&workspace), "it is on the path");
            return;
        };
        assert!(lacks_prometheus(&workspace));
        std::fs::create_dir_all(&unpacked).unwrap();
        for name in ["prometheus", "promtool"] {
            std::os::unix::fs::symlink("/bin/sh", unpacked.join(name)).unwrap();
        }
        assert!(!lacks_prometheus(&workspace));
    }

    #[test]
    fn there_is_no_step_without_a_way_to_root() {
        assert_eq!(install_step("x", "x", &["gdb"], Privilege::None), None);
    }
}
