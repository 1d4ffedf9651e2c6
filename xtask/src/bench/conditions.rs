//! The conditions under which a table was measured: machine, kernel, versions, load.

use std::path::Path;

use crate::command::Invocation;
use crate::runner;
use crate::workspace::Workspace;

/// The conditions of one table; what changes meanwhile is looked at twice.
pub struct Conditions {
    method: String,
    machine: String,
    versions: String,
    load_at_begin: String,
}

impl Conditions {
    /// Those from now on, for a table made by `method` from programs with this allocator.
    pub fn begin(workspace: &Workspace, method: String, allocator: &str) -> Self {
        Self {
            method,
            machine: machine(),
            versions: versions(workspace, allocator),
            load_at_begin: load_average(),
        }
    }

    /// A paragraph for below the table.
    pub fn describe(&self) -> String {
        format!(
            "Conditions: {}; {}; {}; load average {} at the start, {} at the end.",
            self.method,
            self.machine,
            self.versions,
            self.load_at_begin,
            load_average()
        )
    }
}

fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let processor = read("/proc/cpuinfo")
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or_else(
            || "unknown processor".to_owned(),
            |(_, name)| name.trim().to_owned(),
        );
    let kernel = read("/proc/sys/kernel/osrelease");
    format!("{cores} cores ({processor}), Linux {}", kernel.trim())
}

fn versions(workspace: &Workspace, allocator: &str) -> String {
    let rustc = runner::ask(&Invocation::new("rustc").arg("--version")).unwrap_or_default();
    let lock = read(workspace.root.join("Cargo.lock"));
    let shown = |name: &str| match locked_version(&lock, name) {
        Some(version) => format!("{name} {version}"),
        None => name.to_owned(),
    };
    let go = runner::ask(&Invocation::new("go").args(["env", "GOVERSION"])).unwrap_or_default();
    let peers = [shown("tokio"), shown("may"), go.trim().to_owned()];
    let peers = peers.iter().filter(|peer| !peer.is_empty()).cloned();
    let peers = peers.collect::<Vec<_>>().join(", ");
    let ours = format!("{}{}", env!("CARGO_PKG_VERSION"), commit(workspace));
    let rustc = rustc.trim();
    format!(
        "runtime {ours}, {peers}, allocator {}, {rustc}",
        shown(allocator)
    )
}

/// The commit that was measured, and whether the sources differ from it.
fn commit(workspace: &Workspace) -> String {
    let git = |arguments: &[&str]| {
        let call = Invocation::new("git").args(arguments.iter().copied());
        runner::ask(&call.folder(&workspace.root))
    };
    let Some(commit) = git(&["rev-parse", "--short", "HEAD"]) else {
        return String::new();
    };
    let changed = git(&["status", "--porcelain"]).is_some_and(|files| !files.is_empty());
    let changed = if changed { " with changes" } else { "" };
    format!(" ({}{changed})", commit.trim())
}

/// Over the last minute, five and fifteen minutes.
fn load_average() -> String {
    let text = read("/proc/loadavg");
    let three: Vec<_> = text.split_whitespace().take(3).collect();
    three.join(" ")
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
