//! Steps: each is said before it is done, and with `--no-install` only named.
//!
//! Made by `toolchain`, `bpf_linker` and `packages`, carried out by `setup`. A plan holds no
//! decisions: what is in it shall be done, in order.

use anyhow::Result;
use std::time::Instant;

use crate::command::Invocation;
use crate::runner;
use crate::workspace::Workspace;

/// One thing to do, with the sentence that announces it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What will be done and why, as one line.
    pub say: String,
    /// The calls, in order; the first failure ends the step.
    pub calls: Vec<Invocation>,
    /// The stem of the log files.
    pub log: &'static str,
}

impl Step {
    /// A step with its announcement and calls.
    pub fn new(say: impl Into<String>, log: &'static str, calls: Vec<Invocation>) -> Self {
        Self {
            say: say.into(),
            calls,
            log,
        }
    }

    /// The calls as one line for a shell.
    pub fn shell_line(&self) -> String {
        self.calls
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(" && ")
    }

    /// Announces the step, does it, and says how long it took.
    pub fn perform(&self, workspace: &Workspace) -> Result<()> {
        say(&self.say);
        let begin = Instant::now();
        for (index, call) in self.calls.iter().enumerate() {
            let name = match self.calls.len() {
                1 => self.log.to_owned(),
                _ => format!("{}-{}", self.log, index + 1),
            };
            runner::run_checked(workspace, &name, call)?;
        }
        println!("    done in {:.1} s", begin.elapsed().as_secs_f64());
        Ok(())
    }
}

/// Says what is about to happen.
pub fn say(what: &str) {
    println!("==> {what}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_one_line_for_a_shell() {
        let calls = vec![
            Invocation::new("apt-get").arg("update"),
            Invocation::new("true"),
        ];
        assert_eq!(
            Step::new("x", "x", calls).shell_line(),
            "apt-get update && true"
        );
    }

    #[test]
    fn a_step_ends_at_its_first_failure() {
        let folder = tempfile::tempdir().unwrap();
        let workspace = Workspace::at(folder.path());
        let witness = folder.path().join("witness");
        let calls = vec![
            Invocation::new("false"),
            Invocation::new("touch").arg(&witness),
        ];
        assert!(
            Step::new("fails", "fails", calls)
                .perform(&workspace)
                .is_err()
        );
        assert!(!witness.exists());
    }
}
