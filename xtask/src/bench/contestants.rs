//! The programs in which runtimes are measured, and who takes part in what.

use anyhow::Result;
use std::path::{Path, PathBuf};

use super::{PRIMITIVES, build_contestants};
use crate::command::Invocation;
use crate::plan::{self, Step};
use crate::runner;
use crate::workspace::Workspace;

/// Ours, with which the others are compared.
pub const OURS: &str = "ours";
/// Its stacks are mapped one by one, so it cannot have many.
pub const MAY: &str = "may";
/// A program of its own, where its toolchain is found.
pub const GO: &str = "go";
/// Of the workloads over primitives, and of connections.
pub const THREADS: &str = "threads";
/// No runtime: what the memory that ours touched would take alone.
pub const FLOOR: &str = "memory floor";

/// The runtimes, ours first.
const RUNTIMES: [&str; 5] = [OURS, "tokio", MAY, THREADS, GO];

/// The programs in which measurements run.
pub struct Contestants {
    rust: PathBuf,
    go: Option<PathBuf>,
    load: PathBuf,
}

impl Contestants {
    /// Builds all.
    pub fn build(workspace: &Workspace) -> Result<Self> {
        Ok(Self {
            rust: build_contestants(workspace)?,
            go: build_go(workspace)?,
            load: workspace.release("contest-load"),
        })
    }

    /// Who takes part in a measurement.
    pub fn of(&self, name: &str) -> Vec<&'static str> {
        let takes_part = |runtime: &&str| match *runtime {
            GO => self.go.is_some(),
            THREADS => PRIMITIVES.contains(&name) || name.starts_with("echo_"),
            _ => true,
        };
        RUNTIMES.into_iter().filter(takes_part).collect()
    }

    /// A call of the program of this runtime, with so many workers.
    pub fn call(&self, runtime: &str, workers: u32) -> Invocation {
        Invocation::new(self.program(runtime))
            .args(["--runtime", runtime])
            .args(["--workers", &workers.to_string()])
    }

    /// The program that asks echo servers.
    pub fn load(&self) -> Invocation {
        Invocation::new(self.load.clone())
    }

    fn program(&self, runtime: &str) -> &Path {
        match &self.go {
            Some(go) if runtime == GO => go,
            _ => &self.rust,
        }
    }
}

/// Go's contestant; `None` where there is no toolchain.
fn build_go(workspace: &Workspace) -> Result<Option<PathBuf>> {
    let Some(go) = runner::find_program("go") else {
        plan::say("no Go on the search path: left out");
        return Ok(None);
    };
    let program = workspace.release("contest-go");
    let call = Invocation::new(go)
        .args(["build", "-o"])
        .arg(program.clone())
        .folder(workspace.root.join("runtime/benches/contest/go"));
    Step::new("building Go's contestant", "build-contest-go", vec![call]).perform(workspace)?;
    Ok(Some(program))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_take_part_where_they_are_used_and_go_where_it_is_found() {
        let mut contestants = Contestants {
            rust: PathBuf::new(),
            go: None,
            load: PathBuf::new(),
        };
        assert_eq!(contestants.of("yield_2"), ["ours", "tokio", "may"]);
        assert_eq!(
            contestants.of("mutex_1000"),
            ["ours", "tokio", "may", "threads"]
        );
        contestants.go = Some(PathBuf::from("contest-go"));
        let all = ["ours", "tokio", "may", "threads", "go"];
        assert_eq!(contestants.of("echo_64"), all);
    }
}
