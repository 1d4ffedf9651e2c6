//! The observer is a pipeline: a stage may import earlier stages, never later ones.

use super::Finding;
use super::files::SourceFile;

/// The stages in order. `sys` and `health` are leaves that every stage may import; the settings
/// are made of the stages' own options, so they come after these.
const ORDER: [&str; 16] = [
    "sys",
    "health",
    "elf",
    "discover",
    "attach",
    "collect",
    "model",
    "stacks",
    "detect",
    "kubernetes",
    "export",
    "config",
    "pipeline",
    "trace",
    "top",
    "cli",
];

/// A stage of the observer imports only stages before it.
pub fn imports_only_earlier_stages(file: &SourceFile) -> Vec<Finding> {
    let Some(own) = stage_of(&file.path) else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    for (line, text) in file.code_lines() {
        for imported in imported_stages(text) {
            if rank(imported) > rank(own) {
                findings.push(Finding::new(
                    file,
                    line,
                    format!("stage `{own}` imports the later stage `{imported}`"),
                ));
            }
        }
    }
    findings
}

fn rank(stage: &str) -> Option<usize> {
    ORDER.iter().position(|name| *name == stage)
}

fn stage_of(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("observer/src/")?;
    let name = rest.split('/').next()?;
    let name = name.strip_suffix(".rs").unwrap_or(name);
    rank(name).map(|_| name)
}

/// The stages that a line names by `crate::stage` or `crate::{stage, …}`.
fn imported_stages(line: &str) -> Vec<&str> {
    let mut stages = Vec::new();
    for (at, _) in line.match_indices("crate::") {
        let rest = &line[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(group) => stages.extend(group_heads(group)),
            None => stages.push(head(rest)),
        }
    }
    stages.retain(|stage| rank(stage).is_some());
    stages
}

/// The first name of each member of an import group, members of inner groups left out.
fn group_heads(group: &str) -> Vec<&str> {
    let mut heads = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => {
                heads.push(head(group[start..at].trim()));
                return heads;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                heads.push(head(group[start..at].trim()));
                start = at + 1;
            }
            _ => {}
        }
    }
    heads.push(head(group[start..].trim()));
    heads
}

fn head(path: &str) -> &str {
    let end = path.find(|character: char| !character.is_alphanumeric() && character != '_');
    &path[..end.unwrap_or(path.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &str, text: &str) -> Vec<String> {
        let file = SourceFile {
            path: path.to_owned(),
            text: text.to_owned(),
        };
        imports_only_earlier_stages(&file)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn an_earlier_stage_may_be_imported() {
        assert!(findings("observer/src/model/mod.rs", "use crate::collect::Snapshot;").is_empty());
        assert!(findings("observer/src/cli/run.rs", "crate::pipeline::start();").is_empty());
        assert!(findings("runtime/src/model.rs", "use crate::export;").is_empty());
    }

    #[test]
    fn a_later_stage_may_not() {
        let found = findings(
            "observer/src/model/mod.rs",
            "//! x\nuse crate::export::Catalogue;",
        );
        assert_eq!(
            found,
            ["observer/src/model/mod.rs:2: stage `model` imports the later stage `export`"]
        );
        assert_eq!(
            findings(
                "observer/src/elf/note.rs",
                "fn f(x: &crate::cli::Format) {}"
            )
            .len(),
            1
        );
        assert_eq!(
            findings("observer/src/health.rs", "use crate::detect::Finding;").len(),
            1
        );
    }

    #[test]
    fn import_groups_are_looked_into() {
        let line = "use crate::{attach::{Links, export}, model, cli::Format};";
        assert_eq!(imported_stages(line), ["attach", "model", "cli"]);
    }

    #[test]
    fn comments_do_not_count() {
        assert!(
            findings(
                "observer/src/elf/mod.rs",
                "// see crate::cli\n/// crate::cli"
            )
            .is_empty()
        );
    }
}
