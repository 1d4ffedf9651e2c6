//! Where things are: the project's root, cargo's target directory, the tools kept below it.
//!
//! Built once in `main` and handed to every command. It reads the environment and touches no file.

use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// The directories that the commands work in, all absolute.
#[derive(Debug, Clone)]
pub struct Workspace {
    /// The folder of the workspace's `Cargo.toml`.
    pub root: PathBuf,
    /// Cargo's target directory: `CARGO_TARGET_DIR`, else `target` below the root.
    pub target: PathBuf,
}

impl Workspace {
    /// Finds the workspace that this program belongs to.
    pub fn locate() -> Result<Self> {
        let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = manifest
            .parent()
            .context("xtask's folder has no parent")?
            .to_owned();
        let target = match std::env::var_os("CARGO_TARGET_DIR") {
            Some(path) => std::path::absolute(path).context("CARGO_TARGET_DIR")?,
            None => root.join("target"),
        };
        Ok(Self { root, target })
    }

    /// What `setup` installs for this project alone: bpf-linker, Prometheus.
    pub fn tools(&self) -> PathBuf {
        self.root.join("target/tools")
    }

    /// The full output of every step.
    pub fn logs(&self) -> PathBuf {
        self.target.join("logs")
    }

    /// The target directory of the kernel programs, apart because their compiler is another one.
    pub fn ebpf_target(&self) -> PathBuf {
        self.target.join("ebpf")
    }

    /// A program that a release build of the workspace makes.
    pub fn release(&self, name: &str) -> PathBuf {
        self.target.join("release").join(name)
    }

    /// `path` as it is shown to the reader: relative to the root where that is possible.
    pub fn shown<'a>(&self, path: &'a Path) -> std::path::Display<'a> {
        path.strip_prefix(&self.root).unwrap_or(path).display()
    }

    #[cfg(test)]
    pub fn at(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            target: root.join("target"),
        }
    }
}
