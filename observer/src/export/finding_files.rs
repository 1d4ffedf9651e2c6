//! The files of `--on-finding`: bounded in number and in size, the oldest removed.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::PathBuf;

use crate::detect::Detector;

/// Files that are kept: as many as findings.
const MAX_FILES: usize = 1_000;
/// Bytes that all of them may have; a dump of a large process has some megabytes.
const MAX_BYTES: u64 = 256 << 20;

/// A directory of files named `<milliseconds since 1970>-<detector>-<pid>-<number>.json`, or
/// `….dump.json`. Files of an earlier observer count too; files of other names are nobody's
/// business here.
#[derive(Debug)]
pub(super) struct FindingFiles {
    directory: PathBuf,
    /// Names and sizes, oldest first.
    files: VecDeque<(String, u64)>,
    bytes: u64,
    max_files: usize,
    max_bytes: u64,
}

impl FindingFiles {
    /// The directory is created if it is missing.
    pub(super) fn new(directory: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&directory)?;
        let mut files = Vec::new();
        for entry in fs::read_dir(&directory)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            if let Some(at_ms) = written_ms(&name) {
                // One that is gone by now has no size.
                let bytes = entry.metadata().map_or(0, |file| file.len());
                files.push((at_ms, name, bytes));
            }
        }
        files.sort_unstable();
        let files: VecDeque<_> = files
            .into_iter()
            .map(|(_, name, size)| (name, size))
            .collect();
        Ok(Self {
            directory,
            bytes: files.iter().map(|(_, bytes)| bytes).sum(),
            files,
            max_files: MAX_FILES,
            max_bytes: MAX_BYTES,
        })
    }

    /// Writes a file whole or not at all, and removes the oldest ones that leave it no room.
    pub(super) fn write(&mut self, name: String, text: &str) -> io::Result<()> {
        let bytes = text.len() as u64;
        if bytes > self.max_bytes {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let part = self.directory.join(format!(".{name}.part"));
        let path = self.directory.join(&name);
        fs::write(&part, text)
            .and_then(|()| fs::rename(&part, path))
            .inspect_err(|_| {
                // It may not have come to be.
                let _ = fs::remove_file(&part);
            })?;
        self.keep(name, bytes);
        Ok(())
    }

    /// Counts a file that somebody else has written here, and makes room for it. One that is not
    /// there does not count.
    pub(super) fn add(&mut self, name: String) {
        if let Ok(file) = fs::metadata(self.path(&name)) {
            self.keep(name, file.len());
        }
    }

    /// Where a file of this name is.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn keep(&mut self, name: String, bytes: u64) {
        self.files.push_back((name, bytes));
        self.bytes += bytes;
        while self.files.len() > self.max_files || self.bytes > self.max_bytes {
            self.remove_oldest();
        }
    }

    fn remove_oldest(&mut self) {
        let Some((name, bytes)) = self.files.pop_front() else {
            return;
        };
        self.bytes = self.bytes.saturating_sub(bytes);
        match fs::remove_file(self.directory.join(&name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(name, %error, "an old finding could not be removed");
            }
            _ => {}
        }
    }
}

/// The file's name for a finding, without its ending: [`FINDING`] or [`DUMP`].
pub(super) fn stem(at_ms: u64, detector: Detector, pid: u32, number: u64) -> String {
    format!("{at_ms}-{}-{pid}-{number}", detector.name())
}

/// How the name of a finding's file ends.
pub(super) const FINDING: &str = ".json";

/// How the name of the file with the dump of its process ends.
pub(super) const DUMP: &str = ".dump.json";

/// When a file was written, if its name is one of ours.
fn written_ms(name: &str) -> Option<u64> {
    let stem = name
        .strip_suffix(DUMP)
        .or_else(|| name.strip_suffix(FINDING))?;
    let mut parts = stem.split('-');
    let at_ms = parts.next()?.parse().ok()?;
    let detector = parts.next()?;
    let is_known = Detector::ALL.iter().any(|known| known.name() == detector);
    let numbers = [parts.next()?, parts.next()?].map(str::parse::<u64>);
    let is_ours = is_known && numbers.iter().all(Result::is_ok) && parts.next().is_none();
    is_ours.then_some(at_ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    fn names(directory: &Path) -> BTreeSet<String> {
        let entries = fs::read_dir(directory).expect("it is there");
        let name = |entry: io::Result<fs::DirEntry>| entry.expect("read").file_name();
        entries
            .map(|entry| name(entry).into_string().expect("text"))
            .collect()
    }

    fn name(at_ms: u64) -> String {
        stem(at_ms, Detector::Leak, 77, at_ms) + FINDING
    }

    fn kept(at_ms: impl IntoIterator<Item = u64>) -> BTreeSet<String> {
        at_ms.into_iter().map(name).collect()
    }

    #[test]
    fn the_oldest_go_when_there_are_too_many() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut files = FindingFiles::new(directory.path().to_owned()).expect("it is there");
        files.max_files = 3;
        for at_ms in 8..13 {
            files.write(name(at_ms), "{}").expect("written");
        }
        assert_eq!(names(directory.path()), kept([10, 11, 12]));
    }

    #[test]
    fn the_oldest_go_when_they_are_too_large() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut files = FindingFiles::new(directory.path().to_owned()).expect("it is there");
        files.max_bytes = 10;
        for (at_ms, text) in [(1, "1234"), (2, "1234"), (3, "12")] {
            files.write(name(at_ms), text).expect("written");
        }
        assert_eq!(names(directory.path()), kept([1, 2, 3]), "they just fit");
        files.write(name(4), "12345").expect("written");
        assert_eq!(names(directory.path()), kept([3, 4]));
        files
            .write(name(5), "12345678901")
            .expect_err("it can never fit");
        assert_eq!(
            names(directory.path()),
            kept([3, 4]),
            "nor is anything left of it"
        );
    }

    #[test]
    fn a_dump_that_another_process_has_written_counts() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut files = FindingFiles::new(directory.path().to_owned()).expect("it is there");
        files.max_bytes = 10;
        files.write(name(1), "1234").expect("written");
        let dump = stem(1, Detector::Leak, 77, 1) + DUMP;
        files.add(dump.clone());
        fs::write(files.path(&dump), "12345678").expect("written");
        assert_eq!(names(directory.path()).len(), 2, "it was not there yet");
        files.add(dump.clone());
        assert_eq!(names(directory.path()), BTreeSet::from([dump]));
    }

    #[test]
    fn files_of_an_earlier_observer_count_and_others_stay() {
        let directory = tempfile::tempdir().expect("a directory");
        // Sorted by time, not by name.
        for name in [
            name(9),
            name(10),
            "notes.json".to_owned(),
            "9-leak.json".to_owned(),
        ] {
            fs::write(directory.path().join(name), "{}").expect("written");
        }
        let mut files = FindingFiles::new(directory.path().to_owned()).expect("it is there");
        files.max_files = 2;
        files.write(name(11), "{}").expect("written");
        let mut expected = kept([10, 11]);
        expected.extend(["notes.json".to_owned(), "9-leak.json".to_owned()]);
        assert_eq!(names(directory.path()), expected);
    }
}
