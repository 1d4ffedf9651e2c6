//! The conditions under which a table was measured: machine, kernel, versions.

use std::path::Path;

use crate::command::Invocation;
use crate::runner;
use crate::workspace::Workspace;

/// A sentence for below the table.
pub fn describe(workspace: &Workspace, rounds: u32) -> String {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let processor = read("/proc/cpuinfo")
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or_else(
            || "unknown processor".to_owned(),
            |(_, name)| name.trim().to_owned(),
        );
    let kernel = read("/proc/sys/kernel/osrelease");
    let rustc = runner::ask(&Invocation::new("rustc").arg("--version")).unwrap_or_default();
    let lock = read(workspace.root.join("Cargo.lock"));
    let peers: Vec<String> = ["tokio", "may"]
        .iter()
        .filter_map(|name| Some(format!("{name} {}", locked_version(&lock, name)?)))
        .collect();
    format!(
        "Conditions: {rounds} interleaved rounds, a process per measurement; {cores} cores ({processor}); \
         Linux {}; {}; {}.",
        kernel.trim(),
        rustc.trim(),
        peers.join(", ")
    )
}

fn read(path: impl AsRef<Path>) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

fn locked_version(lock: &str, name: &str) -> Option<String> {
    let (_, rest) = lock.split_once(&format!("name = \"{name}\"\nversion = \""))?;
    Some(rest.split('"').next()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_version_from_a_lock_file() {
        let lock = "[[package]]\nname = \"tokio\"\nversion = \"1.52.0\"\nsource = \"x\"\n";
        assert_eq!(locked_version(lock, "tokio").as_deref(), Some("1.52.0"));
        assert_eq!(locked_version(lock, "may"), None);
    }
}
