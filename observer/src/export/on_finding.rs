//! `--on-finding DIR`: one file per finding, written when it begins.

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;

use super::View;
use super::finding_files::{FindingFiles, file_name};
use super::findings::finding_json;
use crate::detect::{Finding, Key};

/// Writes findings as they begin.
#[derive(Debug)]
pub struct OnFinding {
    files: FindingFiles,
    lasting: HashSet<Key>,
    written: u64,
    unwritten: u64,
}

impl OnFinding {
    /// Files go into this directory, which is created if it is missing.
    ///
    /// # Errors
    ///
    /// When it cannot be created.
    pub fn new(directory: PathBuf) -> io::Result<Self> {
        Ok(Self {
            files: FindingFiles::new(directory)?,
            lasting: HashSet::new(),
            written: 0,
            unwritten: 0,
        })
    }

    /// Findings that began and could not be written, ever.
    #[must_use]
    pub fn unwritten(&self) -> u64 {
        self.unwritten
    }

    /// Writes what began since the last view.
    pub fn look(&mut self, view: &View) {
        let told = || {
            view.findings
                .iter()
                .filter(|finding| finding.allowed.is_none())
        };
        let lasting: HashSet<Key> = told().map(Finding::key).collect();
        for finding in told() {
            if self.lasting.contains(&finding.key()) {
                continue;
            }
            self.written += 1;
            let written = self.write(finding, view.observer.unix_offset_ns);
            self.unwritten += u64::from(!written);
        }
        self.lasting = lasting;
    }

    /// `false` if it could not be written.
    fn write(&mut self, finding: &Finding, unix_offset_ns: u64) -> bool {
        let seen_ms = finding.last_seen_ns.saturating_add(unix_offset_ns) / 1_000_000;
        let name = file_name(seen_ms, finding.detector, finding.id.pid, self.written);
        let text = format!("{:#}\n", finding_json(finding, unix_offset_ns));
        let written = self.files.write(name, &text);
        if let Err(error) = &written {
            let summary = &finding.summary;
            tracing::warn!(%error, "a finding could not be written: {summary}");
        }
        written.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::{Detector, Severity, State};
    use crate::discover::ProcessId;
    use std::fs;

    fn finding(reason: &str) -> Finding {
        Finding {
            detector: Detector::Stuck,
            state: State::Confirmed,
            severity: Severity::P1,
            process: "shop".into(),
            id: ProcessId {
                pid: 77,
                start_time: 0,
            },
            site: "src/main.rs:7:5".into(),
            since_ns: 0,
            last_seen_ns: 5,
            summary: "stuck".into(),
            evidence: serde_json::json!({ "reason": reason }),
            allowed: None,
        }
    }

    #[test]
    fn a_finding_is_written_once_while_it_lasts() {
        let directory = tempfile::tempdir().expect("a directory");
        let files = || fs::read_dir(directory.path()).expect("it is there").count();
        let mut on_finding = OnFinding::new(directory.path().join("")).expect("it is there");
        let of = |findings| View {
            findings,
            ..View::default()
        };
        on_finding.look(&of(vec![finding("mutex")]));
        on_finding.look(&of(vec![finding("mutex")]));
        assert_eq!(files(), 1);
        on_finding.look(&of(vec![finding("mutex"), finding("rwlock")]));
        assert_eq!(files(), 2);
        on_finding.look(&of(vec![]));
        on_finding.look(&of(vec![finding("mutex")]));
        assert_eq!(files(), 3, "it began again");
    }

    #[test]
    fn what_is_allowed_has_a_file_from_its_expiry_on() {
        let directory = tempfile::tempdir().expect("a directory");
        let files = || fs::read_dir(directory.path()).expect("it is there").count();
        let mut on_finding = OnFinding::new(directory.path().to_owned()).expect("it is there");
        let mut known = finding("mutex");
        for (allowed, expected) in [(Some("known"), 0), (None, 1), (None, 1)] {
            known.allowed = allowed.map(Into::into);
            on_finding.look(&View {
                findings: vec![known.clone()],
                ..View::default()
            });
            assert_eq!(files(), expected);
        }
    }

    #[test]
    fn what_has_no_file_is_counted() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut on_finding = OnFinding::new(directory.path().join("gone")).expect("created");
        let of = |findings| View {
            findings,
            ..View::default()
        };
        on_finding.look(&of(vec![finding("mutex")]));
        assert_eq!(on_finding.unwritten(), 0);
        fs::remove_dir_all(directory.path().join("gone")).expect("it is there");
        on_finding.look(&of(vec![finding("semaphore")]));
        assert_eq!(on_finding.unwritten(), 1, "the directory is gone");
    }
}
