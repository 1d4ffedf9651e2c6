//! What the layer `deploy` needs that the distribution's packages do not install: kustomize, which
//! is unpacked from a newer Debian, and kubernetes-validate, which is in a Python environment of
//! ours. Both are kept under `target/tools`.

use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::command::Invocation;
use crate::debian::Apt;
use crate::plan::Step;
use crate::runner;
use crate::setup;
use crate::workspace::Workspace;

/// What the layer starts that packages install.
pub const PROGRAMS: [&str; 12] = [
    "buildah",
    "umoci",
    "runc",
    "jq",
    "bpftrace",
    "promtool",
    "prometheus",
    "prometheus-alertmanager",
    "python3",
    "setpriv",
    "systemd-analyze",
    "unshare",
];
/// The first Debian with kustomize; the program needs nothing newer than bookworm's C library.
const SUITE: &str = "trixie";
/// Pinned, because the schemas that it checks against come with it.
const VALIDATE: &str = "kubernetes-validate==1.37.0";

/// Where the tools are.
pub struct Tools {
    /// kustomize, an absolute path.
    pub kustomize: PathBuf,
    /// A search path with all of them.
    pub path: OsString,
}

/// Finds or installs the tools; `path` is the search path without them.
pub fn tools(workspace: &Workspace, options: &setup::Options, path: &OsString) -> Result<Tools> {
    let install = !options.no_install;
    let kustomize = kustomize(workspace, install)?;
    let validate = validate(workspace, install)?;
    let own = [&kustomize, &validate].map(|program| program.parent().map(Path::to_owned));
    let folders = own.into_iter().flatten().chain(std::env::split_paths(path));
    Ok(Tools {
        path: std::env::join_paths(folders).context("a folder with a colon in its name")?,
        kustomize,
    })
}

fn kustomize(workspace: &Workspace, install: bool) -> Result<PathBuf> {
    if let Some(found) = runner::find_program("kustomize") {
        return Ok(found);
    }
    let folder = workspace.tools().join("kustomize");
    let program = folder.join("kustomize");
    if runner::is_executable(&program) {
        return Ok(program);
    }
    if !install {
        bail!("it needs kustomize 5: https://kubectl.docs.kubernetes.io/installation/kustomize");
    }
    std::fs::create_dir_all(&folder).context("creating the folder of kustomize")?;
    let apt = Apt::new(&folder.join("apt"), SUITE).context("no kustomize")?;
    let reason = "to render the manifests";
    apt.lists_step(reason).perform(workspace)?;
    apt.fetch_step("kustomize", reason).perform(workspace)?;
    std::fs::rename(apt.unpacked().join("usr/bin/kustomize"), &program)
        .context("keeping kustomize")?;
    apt.remove()?;
    Ok(program)
}

fn validate(workspace: &Workspace, install: bool) -> Result<PathBuf> {
    let environment = workspace.tools().join("venv");
    let program = environment.join("bin/kubernetes-validate");
    if runner::is_executable(&program) {
        return Ok(program);
    }
    let step = validate_step(&environment);
    if !install {
        bail!("it needs kubernetes-validate; run: {}", step.shell_line());
    }
    step.perform(workspace)?;
    Ok(program)
}

fn validate_step(environment: &Path) -> Step {
    let make = Invocation::new("python3")
        .args(["-m", "venv"])
        .arg(environment);
    let fill = Invocation::new(environment.join("bin/pip")).args(["install", "--quiet", VALIDATE]);
    Step::new(
        "installing kubernetes-validate under target/tools (schemas of Kubernetes)",
        "kubernetes-validate",
        vec![make, fill],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_that_are_kept_are_not_installed_again() {
        let folder = tempfile::tempdir().unwrap();
        let workspace = Workspace::at(folder.path());
        let missing = validate(&workspace, false).unwrap_err().to_string();
        assert!(missing.contains("pip install"), "{missing}");
        let program = workspace.tools().join("venv/bin/kubernetes-validate");
        std::fs::create_dir_all(program.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink("/bin/sh", &program).unwrap();
        assert_eq!(validate(&workspace, false).unwrap(), program);
    }
}
