//! `--on-finding DIR`: one file per finding, written when it begins.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::View;
use super::findings::finding_json;
use crate::detect::{Detector, Finding};
use crate::discover::ProcessId;

/// Files that one observer writes at most; later findings are only logged.
const MAX_FILES: usize = 1_000;

type Key = (Detector, ProcessId, Arc<str>, String);

/// Writes findings as they begin.
#[derive(Debug)]
pub struct OnFinding {
    directory: PathBuf,
    lasting: HashSet<Key>,
    written: usize,
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
        })
    }

    /// Writes what began since the last view.
    pub fn look(&mut self, view: &View) {
        let lasting: HashSet<Key> = view.findings.iter().map(key).collect();
        for finding in &view.findings {
            if self.lasting.contains(&key(finding)) {
                continue;
            }
            if self.written == MAX_FILES {
                let (process, summary) = (&finding.process, &finding.summary);
                tracing::warn!(%process, summary, "not written: there are {MAX_FILES} files");
                continue;
            }
            self.written += 1;
            self.write(finding, view.observer.unix_offset_ns);
        }
        self.lasting = lasting;
    }

    fn write(&self, finding: &Finding, unix_offset_ns: u64) {
        let detector = finding.detector.name();
        let since_ms = finding.last_seen_ns.saturating_add(unix_offset_ns) / 1_000_000;
        let name = format!(
            "{since_ms}-{detector}-{}-{}.json",
            finding.id.pid, self.written
        );
        let path = self.directory.join(name);
        let text = format!("{:#}\n", finding_json(finding, unix_offset_ns));
        if let Err(error) = fs::write(&path, text) {
            tracing::warn!(path = %path.display(), %error, "the finding could not be written");
        }
    }
}

/// Two findings of one site differ in their reason, if in nothing else.
fn key(finding: &Finding) -> Key {
    let reason = finding.evidence["reason"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    (finding.detector, finding.id, finding.site.clone(), reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::{Severity, State};

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
}
