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
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::View;
use super::finding_dumps::{Dumps, Start, dump_by_ourselves};
use super::findings::finding_json;
use crate::detect::{Finding, Key};

/// Files that are kept.
const MAX_FILES: usize = 1_000;

/// Bytes that are kept, of all files together.
const MAX_BYTES: u64 = 256 << 20;

/// Writes findings as they begin.
#[derive(Debug)]
pub struct OnFinding {
    directory: PathBuf,
    lasting: HashSet<Key>,
    /// Findings so far, to tell files of one millisecond apart.
    begun: usize,
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
        fs::create_dir_all(&directory)?;
        Ok(Self {
            directory,
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
        let before = self.begun;
        for finding in told().filter(|finding| !self.lasting.contains(&finding.key())) {
            self.begun += 1;
            let stem = self.stem(finding, view.observer.unix_offset_ns);
            let written = write(finding, &stem, view.observer.unix_offset_ns);
            self.unwritten += u64::from(!written);
            self.dumps
                .want(finding.id.pid, stem.with_extension("dump.json"));
        }
        self.lasting = told().map(Finding::key).collect();
        let has_dumped = self.dumps.look();
        if has_dumped || self.begun > before {
            let removed = remove_oldest(&self.directory, MAX_FILES, MAX_BYTES);
            if let Err(error) = removed {
                let directory = self.directory.display();
                tracing::warn!(%directory, %error, "old findings could not be removed");
            }
        }
    }

    /// The path of a finding's files without what tells them apart.
    fn stem(&self, finding: &Finding, unix_offset_ns: u64) -> PathBuf {
        let detector = finding.detector.name();
        let since_ms = finding.last_seen_ns.saturating_add(unix_offset_ns) / 1_000_000;
        let (pid, number) = (finding.id.pid, self.begun);
        self.directory
            .join(format!("{since_ms}-{detector}-{pid}-{number}"))
    }
}

/// `false` if it could not be written.
fn write(finding: &Finding, stem: &Path, unix_offset_ns: u64) -> bool {
    let path = stem.with_extension("json");
    let text = format!("{:#}\n", finding_json(finding, unix_offset_ns));
    let written = fs::write(&path, text);
    if let Err(error) = &written {
        tracing::warn!(path = %path.display(), %error, "the finding could not be written");
    }
    written.is_ok()
}

/// Removes the oldest of our files until there are no more than this, in number and size.
fn remove_oldest(directory: &Path, max_files: usize, max_bytes: u64) -> io::Result<()> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if let Some(since_ms) = begin_in(&entry.file_name().to_string_lossy()) {
            files.push((since_ms, entry.path(), entry.metadata()?.len()));
        }
    }
    files.sort();
    let mut bytes: u64 = files.iter().map(|(_, _, bytes)| bytes).sum();
    let mut count = files.len();
    for (_, path, its_bytes) in files {
        if count <= max_files && bytes <= max_bytes {
            break;
        }
        fs::remove_file(path)?;
        (count, bytes) = (count - 1, bytes - its_bytes);
    }
    Ok(())
}

/// When the finding began, if the file's name is one of ours.
fn begin_in(name: &str) -> Option<u64> {
    let mut parts = name.strip_suffix(".json")?.split('-');
    let since_ms = parts.next()?.parse().ok()?;
    (parts.count() == 3).then_some(since_ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::{Detector, Severity, State};
    use crate::discover::ProcessId;
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

    #[test]
    fn the_oldest_files_go_first_and_those_of_others_stay() {
        let directory = tempfile::tempdir().expect("a directory");
        let write = |name: &str, bytes| {
            fs::write(directory.path().join(name), vec![b'x'; bytes]).expect("written");
        };
        for (name, bytes) in [
            ("999-stuck-1-1.json", 10),
            ("1000-stuck-1-2.json", 10),
            ("1000-stuck-1-2.dump.json", 10),
            ("1001-leak-1-3.json", 10),
            ("0-notes.json", 10),
            ("readme", 10),
        ] {
            write(name, bytes);
        }
        remove_oldest(directory.path(), 3, 1_000).expect("removed");
        assert!(!names(directory.path()).contains(&"999-stuck-1-1.json".to_owned()));
        remove_oldest(directory.path(), 3, 15).expect("removed");
        assert_eq!(
            names(directory.path()),
            ["0-notes.json", "1001-leak-1-3.json", "readme"]
        );
    }
}
