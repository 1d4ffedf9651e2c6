//! The kernels: Debian's cloud packages, fetched by an apt that has its lists in our folder.
//!
//! The machine's own package lists and sources stay as they are, so any distribution that has apt
//! and Debian's keys will do.

use anyhow::{Context, Result, bail, ensure};
use std::path::{Path, PathBuf};

use crate::command::Invocation;
use crate::packages;
use crate::plan::Step;
use crate::runner;
use crate::workspace::Workspace;

/// Where Debian's packages are.
const MIRROR: &str = "http://deb.debian.org/debian";
/// Debian's keys, of the package `debian-archive-keyring`.
const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
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
        ensure!(packages::has_apt(), "it is fetched by apt");
        ensure!(
            Path::new(KEYS).is_file(),
            "Debian's keys are missing: install debian-archive-keyring"
        );
        let apt = Apt::new(&folder.join(format!("apt-{}", self.suite)), self.suite)?;
        self.lists_step(&apt).perform(workspace)?;
        let package = apt.kernel_package(self.release)?;
        self.fetch_step(&apt, &package).perform(workspace)?;
        std::fs::rename(apt.unpacked_kernel()?, &image).context("keeping the kernel")?;
        std::fs::remove_dir_all(&apt.folder).context("removing what was unpacked")?;
        Ok(image)
    }

    fn lists_step(&self, apt: &Apt) -> Step {
        let say = format!(
            "reading Debian's list of packages (for Linux {})",
            self.release
        );
        Step::new(say, "vm-lists", vec![apt.call("apt-get").arg("update")])
    }

    fn fetch_step(&self, apt: &Apt, package: &str) -> Step {
        let download = apt.call("apt-get").args(["download", package]);
        // The shell finds the file's name, which has the version in it.
        let unpack = Invocation::new("sh")
            .args(["-c", "exec dpkg-deb --extract ./*.deb unpacked"])
            .folder(&apt.folder);
        let say = format!("fetching Linux {} ({package}; not installed)", self.release);
        Step::new(say, "vm-kernel", vec![download, unpack])
    }
}

/// An apt with state and sources of its own.
struct Apt {
    folder: PathBuf,
}

impl Apt {
    fn new(folder: &Path, suite: &str) -> Result<Self> {
        if folder.exists() {
            std::fs::remove_dir_all(folder).context("removing what an earlier run left")?;
        }
        for part in ["state/lists/partial", "cache/archives/partial"] {
            std::fs::create_dir_all(folder.join(part)).context("creating apt's folders")?;
        }
        let write = |name: &str, text: String| {
            std::fs::write(folder.join(name), text).with_context(|| format!("writing {name}"))
        };
        write("status", String::new())?;
        write(
            "sources.list",
            format!("deb [arch=amd64 signed-by={KEYS}] {MIRROR} {suite} main\n"),
        )?;
        write("apt.conf", configuration(folder))?;
        Ok(Self {
            folder: folder.to_owned(),
        })
    }

    fn call(&self, program: &str) -> Invocation {
        Invocation::new(program)
            .env("APT_CONFIG", self.folder.join("apt.conf"))
            .folder(&self.folder)
    }

    /// The package that holds the kernel that [`PACKAGE`] stands for.
    fn kernel_package(&self, release: &str) -> Result<String> {
        let call = self.call("apt-cache").args(["show", PACKAGE]);
        let answer = runner::ask(&call).with_context(|| format!("`{call}` failed"))?;
        newest_kernel(&answer, release)
            .with_context(|| format!("{PACKAGE} stands for no Linux {release}"))
    }

    fn unpacked_kernel(&self) -> Result<PathBuf> {
        std::fs::read_dir(self.folder.join("unpacked/boot"))?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .find(|path| {
                let name = path.file_name().unwrap_or_default();
                name.to_string_lossy().starts_with("vmlinuz-")
            })
            .context("no kernel in the package")
    }
}

/// Read after the machine's own settings, which stand where nothing is said here: proxies, say.
fn configuration(folder: &Path) -> String {
    let path = folder.display();
    format!(
        "Dir::Etc::SourceList \"{path}/sources.list\";\n\
         Dir::Etc::SourceParts \"/dev/null\";\n\
         Dir::State \"{path}/state\";\n\
         Dir::State::Lists \"{path}/state/lists\";\n\
         Dir::State::Status \"{path}/status\";\n\
         Dir::Cache \"{path}/cache\";\n\
         APT::Architecture \"amd64\";\n\
         APT::Sandbox::User \"\";\n\
         Acquire::Languages \"none\";\n\
         Acquire::IndexTargets::deb::DEP-11::DefaultEnabled \"false\";\n"
    )
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
    fn the_machines_own_lists_are_left_alone() {
        let text = configuration(Path::new("/p/target/vm/apt-trixie"));
        for setting in ["SourceList", "State", "State::Lists", "Cache"] {
            let line = text
                .lines()
                .find(|line| line.contains(&format!("::{setting} ")))
                .unwrap();
            assert!(line.contains("\"/p/target/vm/apt-trixie/"), "{line}");
        }
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
