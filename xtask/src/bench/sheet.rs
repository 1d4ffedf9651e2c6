//! Where the tables of one part are kept: as Markdown, and their samples as JSON, anew after each
//! row, so that a run that is ended early leaves what it had.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

use super::conditions::Conditions;
use crate::workspace::Workspace;

/// Where the results of one part go.
pub struct Sheet {
    table: PathBuf,
    samples: PathBuf,
    conditions: Conditions,
}

/// The samples of one part, with what they were taken under.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record<T> {
    /// The paragraph below its tables.
    pub conditions: String,
    /// What was measured.
    pub samples: Vec<T>,
}

impl Sheet {
    /// The sheet of the part `name`; the conditions are those from now on.
    pub fn open(workspace: &Workspace, name: &str, conditions: Conditions) -> Result<Self> {
        let folder = folder(workspace);
        std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        Ok(Self {
            table: folder.join(format!("{name}.md")),
            samples: samples(workspace, name),
            conditions,
        })
    }

    /// Writes the table as it is so far; returns the whole text.
    pub fn keep(&self, table: &str) -> Result<String> {
        let text = format!("{table}\n{}\n", self.conditions.describe());
        write(&self.table, &text)?;
        Ok(text)
    }

    /// Writes the samples as they are so far.
    pub fn keep_samples<T: Serialize + Clone>(&self, samples: &[T]) -> Result<()> {
        let record = Record {
            conditions: self.conditions.describe(),
            samples: samples.to_vec(),
        };
        write(&self.samples, &serde_json::to_string(&record)?)
    }

    /// Writes the finished table, and prints it.
    pub fn publish(&self, workspace: &Workspace, table: &str) -> Result<()> {
        println!("\n{}", self.keep(table)?);
        println!("kept in {}\n", workspace.shown(&self.table));
        Ok(())
    }
}

/// The file with the samples of a part; it is there once the part has been measured.
pub fn samples(workspace: &Workspace, name: &str) -> PathBuf {
    folder(workspace).join(format!("{name}.json"))
}

fn folder(workspace: &Workspace) -> PathBuf {
    workspace.target.join("bench")
}

fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).with_context(|| path.display().to_string())
}
