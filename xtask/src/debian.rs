//! Packages of Debian that are unpacked and not installed, fetched by an apt that has its lists and
//! its sources in a folder of ours.
//!
//! Called for the kernels of the layer `vm` and for kustomize. The machine's own package lists and
//! sources stay as they are, so any distribution that has apt and Debian's keys will do, and any
//! suite can be fetched from.

use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};

use crate::command::Invocation;
use crate::packages;
use crate::plan::Step;

/// Where Debian's packages are.
const MIRROR: &str = "http://deb.debian.org/debian";
/// Debian's keys, of the package `debian-archive-keyring`.
const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// An apt with state and sources of its own.
pub struct Apt {
    folder: PathBuf,
}

impl Apt {
    /// An apt that knows one suite and keeps everything in `folder`, which it makes anew.
    pub fn new(folder: &Path, suite: &str) -> Result<Self> {
        ensure!(packages::has_apt(), "it is fetched by apt");
        ensure!(
            Path::new(KEYS).is_file(),
            "Debian's keys are missing: install debian-archive-keyring"
        );
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

    /// A call of one of apt's programs with these settings.
    pub fn call(&self, program: &str) -> Invocation {
        Invocation::new(program)
            .env("APT_CONFIG", self.folder.join("apt.conf"))
            .folder(&self.folder)
    }

    /// Reads the suite's list of packages; `reason` says what for.
    pub fn lists_step(&self, reason: &str) -> Step {
        Step::new(
            format!("reading Debian's list of packages ({reason})"),
            "debian-lists",
            vec![self.call("apt-get").arg("update")],
        )
    }

    /// Fetches and unpacks one package; `reason` says what for.
    pub fn fetch_step(&self, package: &str, reason: &str) -> Step {
        let download = self.call("apt-get").args(["download", package]);
        // The shell finds the file's name, which has the version in it.
        let unpack = Invocation::new("sh")
            .args(["-c", "exec dpkg-deb --extract ./*.deb unpacked"])
            .folder(&self.folder);
        let say = format!("fetching Debian's {package} ({reason}; not installed)");
        Step::new(say, "debian-package", vec![download, unpack])
    }

    /// Where the package's files are.
    pub fn unpacked(&self) -> PathBuf {
        self.folder.join("unpacked")
    }

    /// Removes the folder.
    pub fn remove(self) -> Result<()> {
        std::fs::remove_dir_all(&self.folder).context("removing what was unpacked")
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
