//! Dumps in files.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail};
use serde::Deserialize;

use super::report::{Report, VERSION};
use crate::cli::output;

/// Largest file that is read; a dump of a million tasks has a few megabytes.
const MAX_BYTES: u64 = 256 << 20;

/// Writes a dump, in whole or not at all.
///
/// # Errors
///
/// When the file cannot be written.
pub(super) fn save(report: &Report, path: &Path) -> anyhow::Result<()> {
    let shown = path.display();
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    fs::write(&partial, output::json(report)?)
        .and_then(|()| fs::rename(&partial, path))
        .with_context(|| format!("cannot write {shown}"))
}

/// Reads a saved dump.
///
/// # Errors
///
/// When it cannot be read, or is no dump of this version.
pub(super) fn load(path: &Path) -> anyhow::Result<Report> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    let shown = path.display();
    let size = fs::metadata(path).with_context(|| format!("cannot read {shown}"))?;
    if size.len() > MAX_BYTES {
        bail!("{shown} is too large for a dump");
    }
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {shown}"))?;
    let found: Versioned = serde_json::from_str(&text)
        .with_context(|| format!("{shown} is no dump: `observer dump --save` makes one"))?;
    if found.version != VERSION {
        let version = found.version;
        bail!("{shown} is a dump of version {version}; this observer reads version {VERSION}");
    }
    serde_json::from_str(&text).with_context(|| format!("{shown} is a damaged dump"))
}

#[cfg(test)]
mod tests {
    use super::super::samples::{group, report};
    use super::*;

    #[test]
    fn a_saved_dump_is_read_as_it_was() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("dump.json");
        let report = report(vec![group(3, "mutex", "src/main.rs:7:5")]);
        save(&report, &path).expect("written");
        assert_eq!(load(&path).expect("read"), report);
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
    }

    #[test]
    fn another_version_and_other_files_are_said() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("dump.json");
        for (text, words) in [
            ("{\"version\": 2}", "version 2"),
            ("{\"version\": 1}", "damaged dump"),
            ("hello", "is no dump"),
        ] {
            fs::write(&path, text).expect("written");
            let error = format!("{:#}", load(&path).expect_err("refused"));
            assert!(error.contains(words), "{error}");
        }
        let missing = load(&folder.path().join("none")).expect_err("refused");
        assert!(missing.to_string().contains("cannot read"), "{missing}");
    }
}
