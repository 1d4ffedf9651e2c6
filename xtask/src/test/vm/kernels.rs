//! The kernels: Debian's cloud packages, fetched and unpacked, never installed.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};

use crate::debian::Apt;
use crate::runner;
use crate::workspace::Workspace;

/// Depends on the newest kernel of a suite that was made for virtual machines: small, and all
/// that a machine needs to start is built in.
const PACKAGE: &str = "linux-image-cloud-amd64";

/// A kernel to test on.
pub struct Kernel {
    /// Its release, as far as it matters.
    pub release: &'static str,
    suite: &'static str,
}

/// The oldest supported one, which has perf links only, and one with `uprobe_multi`.
pub const KERNELS: [Kernel; 2] = [
    Kernel {
        release: "6.1",
        suite: "bookworm",
    },
    Kernel {
        release: "6.12",
        suite: "trixie",
    },
];

impl Kernel {
    /// The kernel's image, fetched if it is not there yet.
    pub fn image(&self, workspace: &Workspace, folder: &Path, install: bool) -> Result<PathBuf> {
        let image = folder.join(format!("vmlinuz-{}", self.release));
        if image.is_file() {
            return Ok(image);
        }
        if !install {
            bail!("it was not fetched yet, and nothing is to be installed");
        }
        let apt = Apt::new(&folder.join(format!("apt-{}", self.suite)), self.suite)?;
        let reason = format!("for Linux {}", self.release);
        apt.lists_step(&reason).perform(workspace)?;
        let package = kernel_package(&apt, self.release)?;
        apt.fetch_step(&package, &reason).perform(workspace)?;
        std::fs::rename(unpacked_kernel(&apt)?, &image).context("keeping the kernel")?;
        apt.remove()?;
        Ok(image)
    }
}

/// The package that holds the kernel that [`PACKAGE`] stands for.
fn kernel_package(apt: &Apt, release: &str) -> Result<String> {
    let call = apt.call("apt-cache").args(["show", PACKAGE]);
    let answer = runner::ask(&call).with_context(|| format!("`{call}` failed"))?;
    newest_kernel(&answer, release)
        .with_context(|| format!("{PACKAGE} stands for no Linux {release}"))
}

fn unpacked_kernel(apt: &Apt) -> Result<PathBuf> {
    std::fs::read_dir(apt.unpacked().join("boot"))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| {
            let name = path.file_name().unwrap_or_default();
            name.to_string_lossy().starts_with("vmlinuz-")
        })
        .context("no kernel in the package")
}

/// The kernel's package of this release in the first record of `apt-cache show` that has one.
fn newest_kernel(records: &str, release: &str) -> Option<String> {
    records
        .lines()
        .filter_map(|line| line.strip_prefix("Depends: "))
        .flat_map(|line| line.split([',', ' ']))
        .find(|word| word.starts_with(&format!("linux-image-{release}.")))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORDS: &str = "Package: linux-image-cloud-amd64\nVersion: 6.1.176-1\n\
        Depends: linux-image-6.1.0-50-cloud-amd64 (= 6.1.176-1)\n\n\
        Package: linux-image-cloud-amd64\n\
        Depends: linux-image-6.1.0-49-cloud-amd64 (= 6.1.170-1)\n";

    #[test]
    fn takes_the_kernel_that_the_newest_package_stands_for() {
        let expected = "linux-image-6.1.0-50-cloud-amd64";
        assert_eq!(newest_kernel(RECORDS, "6.1").as_deref(), Some(expected));
        assert_eq!(newest_kernel(RECORDS, "6.12"), None);
    }

    #[test]
    fn a_kernel_that_is_missing_is_not_fetched_when_nothing_is_to_be_installed() {
        let folder = tempfile::tempdir().unwrap();
        let workspace = Workspace::at(folder.path());
        let error = KERNELS[0].image(&workspace, folder.path(), false);
        assert!(error.unwrap_err().to_string().contains("not fetched"));
        std::fs::write(folder.path().join("vmlinuz-6.1"), "").unwrap();
        assert!(KERNELS[0].image(&workspace, folder.path(), false).is_ok());
    }
}
