//! `--on-finding DIR`: a file per finding, written when it begins, and beside it a dump of its
//! process with the stacks of its tasks (`finding_dumps.rs`).
//!
//! ```text
//! 1769860800250-stuck-4711-1.json        the finding, as in /findings
//! 1769860800250-stuck-4711-1.dump.json   the dump, as `observer dump --save` writes it
//! ```
//!
//! The directory is bounded in files and bytes, whoever wrote them: the oldest are removed.

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;

use super::View;
use super::finding_dumps::{Dumps, Start, dump_by_ourselves};
use super::finding_files::{DUMP, FINDING, FindingFiles, stem};
use super::findings::finding_json;
use crate::detect::{Finding, Key};

/// Writes findings as they begin.
#[derive(Debug)]
pub struct OnFinding {
    files: FindingFiles,
    lasting: HashSet<Key>,
    /// Findings so far, to tell files of one millisecond apart.
    begun: u64,
    unwritten: u64,
    dumps: Dumps,
}

impl OnFinding {
    /// Files go into this directory, which is created if it is missing.
    ///
    /// # Errors
    ///
    /// When it cannot be created.
    pub fn new(directory: PathBuf) -> io::Result<Self> {
        Self::with_dumper(directory, dump_by_ourselves)
    }

    fn with_dumper(directory: PathBuf, start: Start) -> io::Result<Self> {
        Ok(Self {
            files: FindingFiles::new(directory)?,
            lasting: HashSet::new(),
            begun: 0,
            unwritten: 0,
            dumps: Dumps::new(start),
        })
    }

    /// Findings and dumps that could not be written, ever.
    #[must_use]
    pub fn unwritten(&self) -> u64 {
        self.unwritten + self.dumps.failed()
    }

    /// Writes what began since the last view, and looks after the dumps.
    pub fn look(&mut self, view: &View) {
        let told = || {
            view.findings
                .iter()
                .filter(|finding| finding.allowed.is_none())
        };
        let lasting: HashSet<Key> = told().map(Finding::key).collect();
        for finding in told() {
            if !self.lasting.contains(&finding.key()) {
                self.begin(finding, view.observer.unix_offset_ns);
            }
        }
        self.lasting = lasting;
        let ended = self.dumps.look(|name| self.files.path(name));
        ended.into_iter().for_each(|name| self.files.add(name));
    }

    /// Writes a finding, and wants a dump of its process.
    fn begin(&mut self, finding: &Finding, unix_offset_ns: u64) {
        self.begun += 1;
        let seen_ms = finding.last_seen_ns.saturating_add(unix_offset_ns) / 1_000_000;
        let stem = stem(seen_ms, finding.detector, finding.id.pid, self.begun);
        let text = format!("{:#}\n", finding_json(finding, unix_offset_ns));
        if let Err(error) = self.files.write(stem.clone() + FINDING, &text) {
            let summary = &finding.summary;
            tracing::warn!(%error, "a finding could not be written: {summary}");
            self.unwritten += 1;
        }
        self.dumps.want(finding.id.pid, stem + DUMP);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::{Detector, Severity, State};
    use crate::discover::ProcessId;
    use std::fs;
    use std::path::Path;
    use std::process::{Child, Command};

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

    fn view(reasons: &[&str]) -> View {
        View {
            findings: reasons.iter().map(|reason| finding(reason)).collect(),
            ..View::default()
        }
    }

    /// Names the file by the process, as a dump would.
    fn fake_dump(pid: u32, path: &Path) -> io::Result<Child> {
        assert_eq!(pid, 77);
        Command::new("cp").arg("/proc/version").arg(path).spawn()
    }

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).expect("it is there");
        let names = entries.map(|entry| entry.expect("an entry").file_name());
        let mut names: Vec<_> = names
            .map(|name| name.to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_finding_is_written_once_while_it_lasts() {
        let directory = tempfile::tempdir().expect("a directory");
        let findings = || {
            let names = names(directory.path());
            names.iter().filter(|name| !name.contains("dump")).count()
        };
        let path = directory.path().to_owned();
        let mut on_finding = OnFinding::with_dumper(path, fake_dump).expect("it is there");
        on_finding.look(&view(&["mutex"]));
        on_finding.look(&view(&["mutex"]));
        assert_eq!(findings(), 1);
        on_finding.look(&view(&["mutex", "rwlock"]));
        assert_eq!(findings(), 2);
        on_finding.look(&view(&[]));
        on_finding.look(&view(&["mutex"]));
        assert_eq!(findings(), 3, "it began again");
    }

    #[test]
    fn a_dump_of_its_process_is_beside_it() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().to_owned();
        let mut on_finding = OnFinding::with_dumper(path, fake_dump).expect("it is there");
        on_finding.look(&view(&["mutex"]));
        on_finding.dumps.wait();
        on_finding.look(&view(&["mutex"]));
        assert_eq!(
            names(directory.path()),
            ["0-stuck-77-1.dump.json", "0-stuck-77-1.json"]
        );
        assert_eq!(on_finding.unwritten(), 0);
    }

    #[test]
    fn what_is_allowed_has_a_file_from_its_expiry_on() {
        let directory = tempfile::tempdir().expect("a directory");
        let files = || {
            let names = names(directory.path());
            names.iter().filter(|name| !name.contains("dump")).count()
        };
        let path = directory.path().to_owned();
        let mut on_finding = OnFinding::with_dumper(path, fake_dump).expect("it is there");
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
        let path = directory.path().join("gone");
        let mut on_finding = OnFinding::with_dumper(path.clone(), fake_dump).expect("created");
        fs::remove_dir_all(path).expect("it is there");
        on_finding.look(&view(&["semaphore"]));
        on_finding.dumps.wait();
        on_finding.look(&view(&["semaphore"]));
        assert_eq!(on_finding.unwritten(), 2, "the finding and its dump");
    }
}
