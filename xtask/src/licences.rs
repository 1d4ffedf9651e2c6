//! `cargo xtask licences`: every dependency must be usable under a licence of the allow-list.
//!
//! The list is `[licenses] allow` in `deny.toml`, the file that cargo-deny reads as well; this
//! check needs nothing but cargo's own metadata. It looks at every workspace in the tree.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use spdx::{Expression, Licensee, ParseMode};
use std::path::{Path, PathBuf};

use crate::command::Invocation;
use crate::runner;
use crate::tidy::files;
use crate::workspace::Workspace;

/// `cargo xtask licences`.
pub fn run(workspace: &Workspace) -> Result<()> {
    let allowed = allow_list(&std::fs::read_to_string(workspace.root.join("deny.toml"))?)?;
    let mut problems = Vec::new();
    let mut count = 0;
    for manifest in manifests(workspace)? {
        let packages = dependencies(&manifest)?;
        count += packages.len();
        problems.extend(
            packages
                .iter()
                .filter_map(|package| package.problem(&allowed)),
        );
    }
    problems.sort();
    problems.dedup();
    if !problems.is_empty() {
        bail!(
            "licences that deny.toml does not allow:\n  {}",
            problems.join("\n  ")
        );
    }
    println!("licences: {count} dependencies, all allowed");
    Ok(())
}

/// A package as cargo describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Package {
    name: String,
    version: String,
    licence: Option<String>,
}

impl Package {
    /// What is wrong with its licence, if anything.
    fn problem(&self, allowed: &[Licensee]) -> Option<String> {
        let reason = match &self.licence {
            None => "names no licence".to_owned(),
            Some(licence) => match satisfied(licence, allowed) {
                Ok(true) => return None,
                Ok(false) => licence.clone(),
                Err(error) => format!("`{licence}` is no SPDX expression: {error}"),
            },
        };
        Some(format!("{} {}: {reason}", self.name, self.version))
    }
}

/// Whether some choice that `expression` offers consists of allowed licences only.
fn satisfied(expression: &str, allowed: &[Licensee]) -> Result<bool> {
    // Old crates write `MIT/Apache-2.0` for `MIT OR Apache-2.0`.
    let expression = Expression::parse_mode(expression, ParseMode::LAX)
        .map_err(|error| anyhow::anyhow!("{}", error.reason))?;
    Ok(expression.evaluate(|request| allowed.iter().any(|licensee| licensee.satisfies(request))))
}

/// The licences of `[licenses] allow`.
fn allow_list(deny: &str) -> Result<Vec<Licensee>> {
    let table: toml::Table = deny.parse().context("deny.toml")?;
    let allow = table
        .get("licenses")
        .and_then(|section| section.get("allow"))
        .and_then(|allow| allow.as_array())
        .context("deny.toml has no `licenses.allow`")?;
    let parse = |entry: &toml::Value| {
        let name = entry
            .as_str()
            .context("an entry of `licenses.allow` is no string")?;
        Licensee::parse(name).map_err(|error| anyhow::anyhow!("`{name}`: {}", error.reason))
    };
    allow.iter().map(parse).collect()
}

/// The manifests of all workspaces in the tree.
fn manifests(workspace: &Workspace) -> Result<Vec<PathBuf>> {
    let mut manifests = Vec::new();
    for file in files::all(&workspace.root)? {
        if file.path.ends_with("Cargo.toml")
            && file
                .text
                .lines()
                .any(|line| line.starts_with("[workspace]"))
        {
            manifests.push(workspace.root.join(file.path));
        }
    }
    Ok(manifests)
}

fn dependencies(manifest: &Path) -> Result<Vec<Package>> {
    let call = Invocation::cargo()
        .args(["metadata", "--format-version", "1", "--manifest-path"])
        .arg(manifest);
    let answer = runner::ask(&call).with_context(|| format!("`{call}` failed"))?;
    parse_metadata(&answer)
}

/// The packages that come from elsewhere than this tree.
fn parse_metadata(metadata: &str) -> Result<Vec<Package>> {
    let metadata: Value = serde_json::from_str(metadata).context("cargo's metadata")?;
    let packages = metadata["packages"]
        .as_array()
        .context("cargo's metadata has no packages")?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let foreign = packages
        .iter()
        .filter(|package| !package["source"].is_null());
    foreign
        .map(|package| {
            Ok(Package {
                name: text(&package["name"]).context("a package without a name")?,
                version: text(&package["version"]).context("a package without a version")?,
                licence: text(&package["license"]),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed() -> Vec<Licensee> {
        allow_list("[licenses]\nallow = ['MIT', 'Apache-2.0', 'Apache-2.0 WITH LLVM-exception']")
            .unwrap()
    }

    #[test]
    fn one_allowed_choice_is_enough() {
        for expression in [
            "MIT",
            "GPL-2.0-only OR MIT",
            "MIT/Apache-2.0",
            "Unlicense OR (MIT AND Apache-2.0)",
        ] {
            assert!(satisfied(expression, &allowed()).unwrap(), "{expression}");
        }
    }

    #[test]
    fn every_part_of_a_conjunction_must_be_allowed() {
        for expression in [
            "GPL-3.0-only",
            "MIT AND GPL-2.0-only",
            "(MIT OR ISC) AND Zlib",
        ] {
            assert!(!satisfied(expression, &allowed()).unwrap(), "{expression}");
        }
    }

    #[test]
    fn an_exception_is_allowed_only_by_name() {
        assert!(satisfied("Apache-2.0 WITH LLVM-exception", &allowed()).unwrap());
        assert!(!satisfied("MIT WITH Classpath-exception-2.0", &allowed()).unwrap());
    }

    #[test]
    fn names_packages_without_a_usable_licence() {
        let metadata = r#"{"packages": [
            {"name": "ours", "version": "0.1.0", "license": null, "source": null},
            {"name": "bare", "version": "1.0.0", "license": null, "source": "registry"},
            {"name": "copyleft", "version": "2.0.0", "license": "GPL-3.0-only", "source": "registry"},
            {"name": "odd", "version": "3.0.0", "license": "My own", "source": "registry"}]}"#;
        let packages = parse_metadata(metadata).unwrap();
        let problems: Vec<_> = packages
            .iter()
            .filter_map(|package| package.problem(&allowed()))
            .collect();
        assert_eq!(problems.len(), 3);
        assert_eq!(problems[0], "bare 1.0.0: names no licence");
        assert_eq!(problems[1], "copyleft 2.0.0: GPL-3.0-only");
        assert!(
            problems[2].starts_with("odd 3.0.0: `My own` is no SPDX expression"),
            "{problems:?}"
        );
    }
}
