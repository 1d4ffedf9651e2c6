//! `--on-finding DIR`: one file per finding, written when it begins.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::PathBuf;

use super::View;
use super::findings::finding_json;
use crate::detect::{Finding, Key};

/// Files that one observer writes at most; later findings are logged and counted.
const MAX_FILES: usize = 1_000;

/// Writes findings as they begin.
#[derive(Debug)]
pub struct OnFinding {
    directory: PathBuf,
    lasting: HashSet<Key>,
    written: usize,
    unwritten: u64,
}

impl OnFinding {
    /// Files go into this directory, which is created if it is missing.
    ///
    /// # Errors
    ///
    /// When it cannot be created.
    pub fn new(directory: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&directory)?;
        Ok(Self {
            directory,
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
            if self.written == MAX_FILES {
                let (process, summary) = (&finding.process, &finding.summary);
                tracing::warn!(%process, summary, "not written: there are {MAX_FILES} files");
                self.unwritten += 1;
                continue;
            }
            self.written += 1;
            let written = self.write(finding, view.observer.unix_offset_ns);
            self.unwritten += u64::from(!written);
        }
        self.lasting = lasting;
    }

    /// `false` if it could not be written.
    fn write(&self, finding: &Finding, unix_offset_ns: u64) -> bool {
        let detector = finding.detector.name();
        let since_ms = finding.last_seen_ns.saturating_add(unix_offset_ns) / 1_000_000;
        let name = format!(
            "{since_ms}-{detector}-{}-{}.json",
            finding.id.pid, self.written
        );
        let path = self.directory.join(name);
        let text = format!("{:#}\n", finding_json(finding, unix_offset_ns));
        let written = fs::write(&path, text);
        if let Err(error) = &written {
            tracing::warn!(path = %path.display(), %error, "the finding could not be written");
        }
        written.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::{Detector, Severity, State};
    use crate::discover::ProcessId;

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
    fn what_has_no_file_is_counted() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut on_finding = OnFinding::new(directory.path().join("gone")).expect("created");
        on_finding.written = MAX_FILES - 1;
        let of = |findings| View {
            findings,
            ..View::default()
        };
        on_finding.look(&of(vec![finding("mutex"), finding("rwlock")]));
        assert_eq!(on_finding.unwritten(), 1, "one file too many");
        fs::remove_dir_all(directory.path().join("gone")).expect("it is there");
        on_finding.written = 0;
        on_finding.look(&of(vec![finding("semaphore")]));
        assert_eq!(on_finding.unwritten(), 2, "the directory is gone");
    }
}
