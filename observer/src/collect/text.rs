//! A site's record as text: what the kernel copied, or the target's memory.

use crate::sys::process::read_memory;
use observer_ebpf_abi::{FILE_BYTES, NAME_BYTES, SiteText};
use runtime_abi::{SITE_FLAG_SERVICE, SITE_RECORD_BYTES};

/// What a site's record says, from the target's memory: untrusted text, bounded in length.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Text {
    /// The source file; cut at its start if longer than the bound.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1.
    pub column: u32,
    /// The static name, if there is one; cut at its end if longer than the bound.
    pub name: Option<String>,
    /// The record's flags.
    pub flags: u64,
}

impl Text {
    /// Reads the record at this address in the memory of a process; `None` if it cannot be read
    /// whole.
    #[must_use]
    pub fn read(pid: u32, site: u64) -> Option<Self> {
        from_memory(pid, site)
    }

    /// The site's tasks are declared to live and wait for ever.
    #[must_use]
    pub const fn is_service(&self) -> bool {
        self.flags & SITE_FLAG_SERVICE != 0
    }
}

/// The text of a record that the kernel copied; `None` if the copy is not complete.
pub(super) fn from_copy(copied: &SiteText) -> Option<Text> {
    if copied.line == 0 {
        return None;
    }
    let file_bytes = bounded(copied.file_len, FILE_BYTES);
    let name_bytes = bounded(copied.name_len, NAME_BYTES);
    Some(Text {
        file: lossy(&copied.file[..file_bytes]),
        line: copied.line,
        column: copied.column,
        name: (name_bytes > 0).then(|| lossy(&copied.name[..name_bytes])),
        flags: copied.flags,
    })
}

/// The text of a record in the memory of a process; `None` if it cannot be read whole.
pub(super) fn from_memory(pid: u32, site: u64) -> Option<Text> {
    let record = read(pid, site, SITE_RECORD_BYTES)?;
    let long = |at: usize| u64::from_ne_bytes(record[at..at + 8].try_into().expect("8 bytes"));
    let short = |at: usize| u32::from_ne_bytes(record[at..at + 4].try_into().expect("4 bytes"));
    let (file, file_len, name, name_len) = (long(0), long(8), long(24), long(32));
    let file_bytes = bounded(file_len, FILE_BYTES);
    let name_bytes = bounded(name_len, NAME_BYTES);
    let file = file.checked_add(file_len - file_bytes as u64)?;
    Some(Text {
        file: lossy(&read(pid, file, file_bytes)?),
        line: short(16),
        column: short(20),
        name: if name_bytes > 0 {
            Some(lossy(&read(pid, name, name_bytes)?))
        } else {
            None
        },
        flags: long(40),
    })
}

fn read(pid: u32, address: u64, bytes: usize) -> Option<Vec<u8>> {
    let mut content = vec![0; bytes];
    if bytes > 0 && read_memory(pid, address, &mut content).ok()? < bytes {
        return None;
    }
    Some(content)
}

/// A length that a target claims, as far as we go.
fn bounded(len: u64, bound: usize) -> usize {
    usize::try_from(len).map_or(bound, |len| len.min(bound))
}

/// Text that may be cut within a character at either end, or be no text at all.
fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes)
        .trim_matches(char::REPLACEMENT_CHARACTER)
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use runtime_abi::SiteRecord;

    fn record(file: &'static str, name: &'static str) -> SiteRecord {
        SiteRecord {
            file: file.as_ptr(),
            file_len: file.len() as u64,
            line: 12,
            column: 9,
            name: name.as_ptr(),
            name_len: name.len() as u64,
            flags: SITE_FLAG_SERVICE,
        }
    }

    fn read_back(record: &SiteRecord) -> Option<Text> {
        from_memory(std::process::id(), std::ptr::from_ref(record) as u64)
    }

    #[test]
    fn reads_a_record_and_its_strings_from_memory() {
        let text = read_back(&record("src/main.rs", "acceptor")).unwrap();
        assert_eq!(
            (text.file.as_str(), text.line, text.column),
            ("src/main.rs", 12, 9)
        );
        assert_eq!(text.name.as_deref(), Some("acceptor"));
        assert!(text.is_service());
    }

    #[test]
    fn a_site_without_a_name_has_none() {
        assert_eq!(read_back(&record("src/main.rs", "")).unwrap().name, None);
    }

    #[test]
    fn cuts_a_long_file_name_at_its_start() {
        let long: &'static str = String::leak(format!("{}/end.rs", "d".repeat(400)));
        let text = read_back(&record(long, "")).unwrap();
        assert_eq!(text.file.len(), FILE_BYTES);
        assert!(text.file.ends_with("d/end.rs"));
    }

    #[test]
    fn a_length_without_end_is_not_followed() {
        let lying = SiteRecord {
            file_len: u64::MAX,
            ..record("x", "")
        };
        assert_eq!(read_back(&lying), None);
    }

    #[test]
    fn an_address_that_is_not_mapped_has_no_text() {
        assert_eq!(from_memory(std::process::id(), 16), None);
    }

    #[test]
    fn a_copy_without_a_line_is_not_complete() {
        let empty = SiteText {
            line: 0,
            column: 1,
            flags: 0,
            file_len: 1,
            name_len: 0,
            file: [b'x'; FILE_BYTES],
            name: [0; NAME_BYTES],
        };
        assert_eq!(from_copy(&empty), None);
        assert_eq!(from_copy(&SiteText { line: 3, ..empty }).unwrap().file, "x");
    }
}
