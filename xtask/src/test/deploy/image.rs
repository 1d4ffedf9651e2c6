//! The image: built by buildah without root, from nothing but the Containerfile and the program,
//! then unpacked by umoci as a container runtime would.
//!
//! No registry and no network: the base is empty.

use anyhow::{Context, Result, ensure};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use crate::command::Invocation;
use crate::plan::Step;
use crate::workspace::Workspace;

/// Who builds when we are root; `nobody` on every distribution, with no further ids of its own.
const NOBODY: u32 = 65_534;
/// The image's name in the layout that the builder writes.
const NAME: &str = "parkwatch-observer";

/// Builds the image of `observer` and returns the folder where it is unpacked.
pub fn build(workspace: &Workspace, observer: &Path) -> Result<PathBuf> {
    let as_nobody = rustix::process::geteuid().is_root();
    // The builder may be somebody who cannot see the project's folder.
    let scratch = tempfile::tempdir().context("creating the builder's folder")?;
    let context = scratch.path().join("context");
    let home = scratch.path().join("home");
    for folder in [&context, &home] {
        std::fs::create_dir(folder).context("creating the builder's folder")?;
    }
    std::fs::copy(observer, context.join("observer")).context("copying the program")?;
    std::fs::copy(
        workspace.root.join("deploy/image/Containerfile"),
        context.join("Containerfile"),
    )
    .context("copying the Containerfile")?;
    if as_nobody {
        std::fs::set_permissions(scratch.path(), std::fs::Permissions::from_mode(0o755))
            .context("opening the builder's folder")?;
        chown(&home, Some(NOBODY), Some(NOBODY)).context("giving the builder its folder")?;
    }
    let unpacked = workspace.target.join("deploy/image");
    remove_if_there(&unpacked)?;
    std::fs::create_dir_all(workspace.target.join("deploy")).context("creating target/deploy")?;
    let layout = format!("{}:{NAME}", home.join("layout").display());
    let calls = vec![
        builder(&context, &home, &layout, as_nobody),
        unpacker(&layout, &unpacked, as_nobody),
    ];
    let say = "building the image on an empty base, without root, and unpacking it";
    Step::new(say, "deploy-image", calls).perform(workspace)?;
    ensure!(
        unpacked.join("rootfs/observer").is_file(),
        "no program in the image"
    );
    Ok(unpacked)
}

fn builder(context: &Path, home: &Path, layout: &str, as_nobody: bool) -> Invocation {
    let call = if as_nobody {
        let nobody = NOBODY.to_string();
        Invocation::new("setpriv")
            .args(["--reuid", &nobody, "--regid", &nobody, "--clear-groups"])
            .arg("buildah")
    } else {
        Invocation::new("buildah")
    };
    call.args(["--storage-driver", "vfs", "--root"])
        .arg(home.join("storage"))
        .arg("--runroot")
        .arg(home.join("run"))
        .args(["build", "--isolation", "chroot", "--format", "oci", "--tag"])
        .arg(format!("oci:{layout}"))
        .arg(context)
        .env("HOME", home)
        .env("XDG_RUNTIME_DIR", home)
        .env("TMPDIR", home)
        .folder(context)
}

/// Files are root's where we are root; elsewhere they are ours, and anybody may execute them.
fn unpacker(layout: &str, into: &Path, as_root: bool) -> Invocation {
    let call = Invocation::new("umoci").args(["unpack", "--image", layout]);
    let call = if as_root {
        call
    } else {
        call.arg("--rootless")
    };
    call.arg(into)
}

fn remove_if_there(folder: &Path) -> Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder).context("removing an earlier image")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_does_not_build_the_image() {
        let call = |as_nobody| {
            let [context, home] = ["/s/context", "/s/home"].map(Path::new);
            builder(context, home, "/s/home/layout:x", as_nobody).to_string()
        };
        assert!(
            call(true).contains("setpriv --reuid 65534"),
            "{}",
            call(true)
        );
        assert!(
            call(false).contains(" buildah --storage-driver"),
            "{}",
            call(false)
        );
    }
}
