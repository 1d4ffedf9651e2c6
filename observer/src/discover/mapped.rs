//! The executable files that a process maps, opened: what its code addresses mean.
//!
//! Called by a dump, once a process. Files are opened as discovery opens them (`files.rs`), so a
//! deleted or replaced one is still the one that runs.

use std::collections::HashMap;
use std::fs::File;
use std::ops::Range;
use std::sync::Arc;

use rustix::io::Errno;

use super::ExamineError;
use super::files::Place;
use super::mapping::{Mapping, executable_mappings};
use super::process::ProcessDirectory;

/// Most mappings that are taken of one process; addresses in others belong to no file.
const MAX_MAPPINGS: usize = 8_192;

/// Most files that are opened for one process; each holds a descriptor while it is looked at.
const MAX_FILES: usize = 512;

/// A part of a file that a process maps for execution.
#[derive(Clone, Debug)]
pub struct MappedFile {
    /// Where it lies in the process's memory.
    pub addresses: Range<u64>,
    /// Where the mapping begins in the file.
    pub offset: u64,
    /// The file's path as the process sees it.
    pub path: Arc<str>,
    /// The file; `None` if it may not be opened, or is no regular file.
    pub file: Option<Arc<File>>,
}

/// The executable file mappings of a process, in the order of their addresses.
///
/// # Errors
///
/// When the process has ended, or may not be looked at.
pub fn mapped_files(pid: u32) -> Result<Vec<MappedFile>, ExamineError> {
    let failed = |error| ExamineError::new(pid, "maps", error);
    let process = ProcessDirectory::open(pid).map_err(failed)?;
    let mut maps = Vec::new();
    process.read("maps", &mut maps).map_err(failed)?;
    let mut files = HashMap::new();
    let mappings = executable_mappings(&maps).take(MAX_MAPPINGS);
    Ok(mappings
        .filter_map(|mapping| mapped(&process, &mapping, &mut files))
        .collect())
}

/// What was opened, by device and inode as `maps` writes them.
type Opened = HashMap<(u64, u64), Option<Arc<File>>>;

fn mapped(
    process: &ProcessDirectory,
    mapping: &Mapping<'_>,
    files: &mut Opened,
) -> Option<MappedFile> {
    let key = (mapping.device, mapping.inode);
    let has_room = files.len() < MAX_FILES;
    let file = files.entry(key).or_insert_with(|| {
        let opened = has_room.then(|| open(process, mapping).ok().flatten());
        opened.flatten().map(Arc::new)
    });
    Some(MappedFile {
        addresses: mapping.addresses()?,
        offset: mapping.offset,
        path: mapping.plain_path().into(),
        file: file.clone(),
    })
}

fn open(process: &ProcessDirectory, mapping: &Mapping<'_>) -> Result<Option<File>, Errno> {
    let place = Place::find(process, mapping)?;
    place.map(|place| place.open(process)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt as _;

    #[test]
    fn a_process_finds_the_file_of_its_own_code() {
        let here = a_process_finds_the_file_of_its_own_code as *const () as u64;
        let files = mapped_files(std::process::id()).expect("it may look at itself");
        let ours = files.iter().find(|file| file.addresses.contains(&here));
        let ours = ours.expect("its code is mapped");
        let exe = std::fs::metadata("/proc/self/exe").expect("it is there");
        let opened = ours
            .file
            .as_ref()
            .expect("opened")
            .metadata()
            .expect("open");
        assert_eq!(opened.ino(), exe.ino());
        assert!(here - ours.addresses.start + ours.offset < opened.len());
    }

    #[test]
    fn a_process_that_is_not_there_is_an_error() {
        assert!(mapped_files(u32::MAX >> 1).is_err());
    }
}
