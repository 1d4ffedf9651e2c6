//! `cargo xtask dist`: the observer as it is shipped, static and with the kernel programs inside.
//!
//! Called by people and by the layer `deploy`. It builds for musl, whose C library links into the
//! program, so the program runs on an empty base. It makes no image: `test/deploy/image.rs` does.

use anyhow::{Context, Result, bail, ensure};
use std::path::{Path, PathBuf};

use crate::build::{self, OBJECT_VARIABLE};
use crate::command::Invocation;
use crate::plan::Step;
use crate::runner;
use crate::setup;
use crate::workspace::Workspace;

/// The static target; other processors are not built for yet.
const TARGET: &str = "x86_64-unknown-linux-musl";
/// What is shipped is smaller than this: it is pulled to every node.
const MAX_BYTES: u64 = 20_000_000;

/// `cargo xtask dist`.
pub fn run(workspace: &Workspace, options: &setup::Options) -> Result<()> {
    let tools = setup::kernel_tools(workspace, options)?;
    have_target(workspace, options)?;
    let object = build::kernel_object(workspace, &tools)?;
    let observer = observer(workspace, &object)?;
    let bytes = size(&observer)?;
    println!(
        "built {} ({:.1} MB); the image: deploy/image/Containerfile, with {} as its context",
        workspace.shown(&observer),
        bytes as f64 / 1e6,
        workspace.shown(&folder(workspace))
    );
    Ok(())
}

/// Where the shipped program is; the context of the Containerfile.
pub fn folder(workspace: &Workspace) -> PathBuf {
    workspace.target.join("dist")
}

/// Builds the static observer with the kernel object inside and returns its path.
pub fn observer(workspace: &Workspace, object: &Path) -> Result<PathBuf> {
    let call = call().env(OBJECT_VARIABLE, object).folder(&workspace.root);
    let say = "building the static observer, optimised as a whole";
    Step::new(say, "dist-observer", vec![call]).perform(workspace)?;
    let built = workspace.target.join(TARGET).join("dist/observer");
    let shipped = folder(workspace).join("observer");
    std::fs::create_dir_all(folder(workspace)).context("creating the folder of the program")?;
    std::fs::copy(&built, &shipped).with_context(|| format!("copying {}", built.display()))?;
    let bytes = size(&shipped)?;
    ensure!(
        bytes < MAX_BYTES,
        "{} has {bytes} bytes, {MAX_BYTES} are too many",
        workspace.shown(&shipped)
    );
    Ok(shipped)
}

/// Adds the static target to the toolchain where it is missing.
pub fn have_target(workspace: &Workspace, options: &setup::Options) -> Result<()> {
    ensure!(
        std::env::consts::ARCH == "x86_64",
        "the static observer is built on x86_64 only"
    );
    if target_installed() {
        return Ok(());
    }
    let Some(step) = target_step() else {
        bail!("the standard library for {TARGET} is missing: install rustup (https://rustup.rs)");
    };
    if options.no_install {
        bail!(
            "no standard library for {TARGET}; run: {}",
            step.shell_line()
        );
    }
    step.perform(workspace)
}

fn call() -> Invocation {
    Invocation::cargo().args([
        "build",
        "--profile",
        "dist",
        "--package",
        "observer",
        "--bin",
        "observer",
        "--target",
        TARGET,
    ])
}

/// Whether the compiler that cargo calls has the target's standard library.
fn target_installed() -> bool {
    let question = Invocation::new("rustc").args(["--print", "target-libdir", "--target", TARGET]);
    runner::ask(&question).is_some_and(|folder| holds_library(Path::new(folder.trim())))
}

fn holds_library(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|entries| {
        entries
            .flatten()
            .any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))
    })
}

/// Without a toolchain's name: rustup takes the one that runs us.
fn target_step() -> Option<Step> {
    runner::find_program("rustup")?;
    let call = Invocation::new("rustup").args(["target", "add", TARGET]);
    let say = format!("adding the standard library for {TARGET} (the static observer)");
    Some(Step::new(say, "musl-target", vec![call]))
}

fn size(program: &Path) -> Result<u64> {
    let found = std::fs::metadata(program);
    Ok(found
        .with_context(|| format!("no program at {}", program.display()))?
        .len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_without_a_standard_library_is_not_installed() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!holds_library(folder.path()));
        assert!(!holds_library(&folder.path().join("nowhere")));
        std::fs::write(folder.path().join("libstd-0123.rlib"), "").unwrap();
        assert!(holds_library(folder.path()));
    }

    #[test]
    fn the_shipped_program_is_built_for_the_static_target() {
        let line = call().to_string();
        assert!(
            line.ends_with("--target x86_64-unknown-linux-musl"),
            "{line}"
        );
    }
}
