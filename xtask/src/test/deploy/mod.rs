//! The layer `deploy`: what is shipped, as it is shipped.
//!
//! Builds the static observer and its image, renders the manifests, and hands both to the tests of
//! `observer/tests/e2e/deploy`; runs `deploy/check.sh` with the same program and manifests.

mod image;
mod tools;

use anyhow::{Context, Result};
use std::ffi::OsString;
use std::path::PathBuf;

use crate::command::Invocation;
use crate::dist;
use crate::plan;
use crate::runner;
use crate::setup;
use crate::workspace::Workspace;
pub use tools::{PROGRAMS, Tools, tools};

/// The overlays of `deploy/kubernetes/overlays`.
const OVERLAYS: [&str; 3] = ["small", "production", "openshift"];

/// What the tests are about.
pub struct Shipped {
    /// The static observer.
    observer: PathBuf,
    /// The image, unpacked: `rootfs` and `config.json`.
    image: PathBuf,
    /// A file for each overlay, rendered.
    manifests: PathBuf,
}

impl Shipped {
    /// Where the tests find it.
    pub fn variables(&self) -> [(&'static str, &PathBuf); 3] {
        [
            ("PARKWATCH_STATIC_OBSERVER", &self.observer),
            ("PARKWATCH_IMAGE", &self.image),
            ("PARKWATCH_MANIFESTS", &self.manifests),
        ]
    }
}

/// Builds the program and its image, and renders the manifests.
pub fn ship(
    workspace: &Workspace,
    options: &setup::Options,
    object: &std::path::Path,
    tools: &Tools,
) -> Result<Shipped> {
    dist::have_target(workspace, options)?;
    let observer = dist::observer(workspace, object)?;
    let image = image::build(workspace, &observer)?;
    let manifests = render(workspace, tools)?;
    Ok(Shipped {
        observer,
        image,
        manifests,
    })
}

/// `deploy/check.sh` with the shipped program's flags.
pub fn check(workspace: &Workspace, shipped: &Shipped, tools: &Tools) -> Invocation {
    Invocation::new(workspace.root.join("deploy/check.sh"))
        .env("PATH", tools.path.clone())
        .env("OBSERVER", &shipped.observer)
        .folder(&workspace.root)
}

fn render(workspace: &Workspace, tools: &Tools) -> Result<PathBuf> {
    plan::say("rendering the manifests");
    let into = workspace.target.join("deploy/manifests");
    std::fs::create_dir_all(&into).context("creating the folder of the manifests")?;
    for overlay in OVERLAYS {
        let folder = workspace
            .root
            .join("deploy/kubernetes/overlays")
            .join(overlay);
        let call = Invocation::new(&tools.kustomize)
            .arg("build")
            .arg(folder)
            .env("PATH", OsString::from(&tools.path));
        let finished = runner::run_checked(workspace, "deploy-manifests", &call)?;
        std::fs::write(into.join(format!("{overlay}.yaml")), finished.stdout)
            .context("keeping a manifest")?;
    }
    Ok(into)
}
