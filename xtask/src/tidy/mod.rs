//! `cargo xtask tidy`: the rules of the source tree that no compiler keeps.
//!
//! Each rule is a pure function from files to findings. They run as a test of the unit layer too,
//! so a broken rule fails `cargo test`.

pub mod files;
mod places;
mod stages;
mod text;

use anyhow::{Result, bail};
use std::fmt;

use crate::workspace::Workspace;
use files::SourceFile;

/// A broken rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    path: String,
    line: usize,
    message: String,
}

impl Finding {
    fn new(file: &SourceFile, line: usize, message: impl Into<String>) -> Self {
        Self {
            path: file.path.clone(),
            line,
            message: message.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}: {}", self.path, self.line, self.message)
    }
}

/// `cargo xtask tidy`.
pub fn run(workspace: &Workspace) -> Result<()> {
    let files = files::all(&workspace.root)?;
    let findings = check(&files);
    if findings.is_empty() {
        println!("tidy: {} files", files.len());
        return Ok(());
    }
    for finding in &findings {
        eprintln!("{finding}");
    }
    bail!("{} rules of the source tree are broken", findings.len())
}

fn check(files: &[SourceFile]) -> Vec<Finding> {
    let rules: [fn(&SourceFile) -> Vec<Finding>; 7] = [
        stages::imports_only_earlier_stages,
        places::libc_only_in_sys,
        places::atomics_only_behind_the_facade,
        places::no_inline_system_calls,
        text::not_too_long,
        text::opens_with_a_header,
        text::no_forbidden_words,
    ];
    files
        .iter()
        .flat_map(|file| rules.iter().flat_map(move |rule| rule(file)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_tree_is_tidy() {
        let workspace = Workspace::locate().unwrap();
        let findings = check(&files::all(&workspace.root).unwrap());
        let lines: Vec<_> = findings.iter().map(ToString::to_string).collect();
        assert!(lines.is_empty(), "\n{}", lines.join("\n"));
    }
}
